"""Who may read what is made here: its owner alone, unless SEQUEL_FILE_MODE says otherwise.

A command sets the umask for all that it and its children make (Dagster's runs, the receiver, the daemon of `make dev`),
and the embedded warehouse is made with its mode whatever the umask is; SQLite gives its WAL files the mode of the database.
What is there already keeps the mode that it has.

    python -m sequel_assets.safety.file_modes dagster dev ...      another program, with the same umask
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

OWNER_ONLY = "0600"
_MODE = re.compile(r"0?6[046][046]")


def _file_mode(value: object) -> object:
    if not isinstance(value, str) or not _MODE.fullmatch(value) or value.endswith("6"):
        raise ValueError("it must be a file's mode such as 0600, 0640 or 0660; writing is never for everybody")
    return value


class FileSettings(BaseSettings):
    """The mode of files that are made; `Settings` inherits it."""

    file_mode: Annotated[str, BeforeValidator(_file_mode)] = Field(
        OWNER_ONLY,
        description="mode of every file that is made here (the embedded warehouse, Dagster's home, exports); folders get x where files "
        "get r. 0640 lets the group read, such as a BI tool's account; what is there already keeps its mode",
        examples=["0640"],
    )


class _FileModeOnly(FileSettings):
    """That setting without the others, of which a command may need none."""

    model_config = SettingsConfigDict(env_prefix="SEQUEL_", env_file=".env", extra="ignore", env_ignore_empty=True)


def file_mode() -> int:
    """Return the mode of files; a setting that is wrong is told when all settings are read, and opens nothing."""
    try:
        return int(_FileModeOnly().file_mode, 8)
    except (ValidationError, OSError, UnicodeDecodeError):
        return int(OWNER_ONLY, 8)


def folder_mode(mode: int) -> int:
    """Return the mode of folders: whoever may read the files may enter."""
    return mode | (mode & 0o444) >> 2


@contextlib.contextmanager
def private_umask() -> Iterator[None]:
    """Let all that is made have the mode of the settings, also what children make."""
    before = os.umask(0o777 & ~folder_mode(file_mode()))
    try:
        yield
    finally:
        os.umask(before)


def make_file(path: Path) -> None:
    """Make an empty file with the mode of the settings, whatever the umask; one that is there stays as it is."""
    mode = file_mode()
    with contextlib.suppress(OSError):  # whoever opens it next says what is wrong
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        try:
            os.fchmod(made, mode)
        finally:
            os.close(made)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are not there, with the mode of the settings, whatever the umask."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():  # else another process was quicker
            raise
    else:
        path.chmod(folder_mode(file_mode()))


if __name__ == "__main__":
    os.umask(0o777 & ~folder_mode(file_mode()))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - what its caller has written
