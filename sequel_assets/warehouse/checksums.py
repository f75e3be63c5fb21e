"""One checksum for a set of rows, the same on every engine and in any order."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from .bulk import Row


def checksum(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of a set of rows."""
    digest = hashlib.sha256()
    for line in sorted(json.dumps([_plain(value) for value in row], default=str, ensure_ascii=False) for row in rows):
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return a whole number as an integer: SQLite answers 15 where PostgreSQL answers 15.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
