"""Permissions of new files: readable by their owner only, unless SEQUEL_FILE_MODE says otherwise.

A command sets the umask for itself and its children (Dagster's runs, the receiver, the daemon). The
embedded warehouse is created with its mode whatever the umask is; SQLite gives its WAL files the mode of the database.
Existing files never change their mode.

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
        raise ValueError("it must be a file's mode such as 0600, 0640 or 0660; others may never write")
    return value


class FileSettings(BaseSettings):
    """The mode of new files; `Settings` inherits it."""

    file_mode: Annotated[str, BeforeValidator(_file_mode)] = Field(
        OWNER_ONLY,
        description="mode of every new file (the embedded warehouse, Dagster's home, exports); folders get x where "
        "files "
        "get r. 0640 lets the group read, such as a BI tool's account; existing files keep their mode",
        examples=["0640"],
    )


class _FileModeOnly(FileSettings):
    """The mode without the other settings: a wrong value of another one must not change it."""

    model_config = SettingsConfigDict(env_prefix="SEQUEL_", env_file=".env", extra="ignore", env_ignore_empty=True)


def file_mode() -> int:
    """Return the mode of files; a wrong setting counts as the default here, and loading all settings reports it."""
    try:
        return int(_FileModeOnly().file_mode, 8)
    except (ValidationError, OSError, UnicodeDecodeError):
        return int(OWNER_ONLY, 8)


def folder_mode(mode: int) -> int:
    """Return the mode of folders: whoever may read the files may enter the folder."""
    return mode | (mode & 0o444) >> 2


@contextlib.contextmanager
def private_umask() -> Iterator[None]:
    """Give new files of this process and its children the mode of the settings."""
    before = os.umask(0o777 & ~folder_mode(file_mode()))
    try:
        yield
    finally:
        os.umask(before)


def make_file(path: Path) -> None:
    """Create an empty file with the mode of the settings, whatever the umask; an existing one stays unchanged."""
    mode = file_mode()
    with contextlib.suppress(OSError):  # opening the file next raises the same error with a better message
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents with the mode of the settings, whatever the umask."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():  # else another process has created it meanwhile
            raise
    else:
        path.chmod(folder_mode(file_mode()))


if __name__ == "__main__":
    os.umask(0o777 & ~folder_mode(file_mode()))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command line of the caller
