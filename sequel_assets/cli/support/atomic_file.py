"""Write a file atomically: the existing file stays until the new one is complete; a failure leaves no partial file."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sequel_assets.safety.file_modes import make_file


@contextmanager
def replacing(path: Path, unfinished: Path | None = None) -> Iterator[IO[bytes]]:
    """Yield a file that replaces `path` at the end; where anything fails, nothing is left.

    It keeps the permissions of the file that it replaces; a new one has those of the settings. Until the end it is
    `unfinished` (default: a hidden file beside it). What is not a regular file, such as a pipe, is written to directly.
    """
    given, path = str(path), path.resolve()  # else a symbolic link would be replaced by a file
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
        if error.errno is not None:  # the message must name the requested file, not the hidden one
            error.filename, error.filename2 = given, None
        raise
    finally:
        unfinished.unlink(missing_ok=True)
