"""Every byte of what was written: files as they are and unpacked, databases as pages and as values, texts."""

from __future__ import annotations

import gzip
import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from sequel_assets_tests.leaks.planting import needles

BASE64_LENGTH = 8


def found_in(content: bytes, stem: str) -> bool:
    """Whether somebody is in there, whatever the case of letters; base64 knows only one case."""
    lower = content.lower()
    plain = [needle for needle in needles(stem) if needle == needle.lower()]
    return any(needle in lower for needle in plain) or any(needle in content for needle in needles(stem))


def unpacked(content: bytes) -> list[bytes]:
    """What a file holds: as it is, and out of gzip or zlib."""
    told = [content]
    with suppress(OSError, EOFError, zlib.error):
        told.append(gzip.decompress(content))
    with suppress(zlib.error):
        told.append(zlib.decompress(content))
    return told


def values_of(path: Path) -> Iterable[bytes]:
    """Each value of an SQLite database: a long one lies in pages that are not side by side."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, str | bytes):
                        yield value.encode() if isinstance(value, str) else value


def leaks_below(folder: Path, stem: str, *, leave_out: Iterable[Path] = ()) -> list[str]:
    """The files beneath a folder, named by their path, that hold somebody; their names are looked at too."""
    left_out, found = set(leave_out), []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if found_in(name.encode(), stem):
            found.append(f"{name} (its name)")
        if path in left_out or not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        told = [*unpacked(content), *(values_of(path) if content.startswith(b"SQLite format 3\0") else ())]
        if any(found_in(one, stem) for one in told):
            found.append(name)
    return found
