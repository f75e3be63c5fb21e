"""A file is there whole or not at all: what stands in its place stays until the new one is written to its end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sequel_assets.safety.file_modes import make_file


@contextmanager
def replacing(path: Path, unfinished: Path | None = None) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` at the end, with its permissions (a new one has those of the settings); where anything fails, nothing is left.

    Until then it is `unfinished` (default: a hidden file beside it). What is no file, such as a pipe, is written to as it is.
    """
    given, path = str(path), path.resolve()  # a link stays one
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    unfinished = unfinished or path.with_name(f".unfinished.{os.getpid()}.{path.name}")
    try:
        make_file(unfinished)
        with unfinished.open("wb") as file:
            if path.exists():
                shutil.copymode(path, unfinished)
            yield file
        unfinished.replace(path)
    except OSError as error:
        if error.errno is not None:  # what is said names the file that was asked for
            error.filename, error.filename2 = given, None
        raise
    finally:
        unfinished.unlink(missing_ok=True)
