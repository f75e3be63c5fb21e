"""The manifest of a lake: which files belong to it, what they were made from, and of which warehouse.

Only files that the manifest names are part of the lake. It is replaced in one step, after the new files are there and
before the old ones go, so that whoever reads by it reads one state of the warehouse.
"""

import json
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt, ValidationError

from sequel_assets.queries.errors import QueryError

NAME = "manifest.json"
FORMAT, VERSION = "sequel_assets lake", 1
PATH = re.compile(r"[a-z_]+(/company=[^/\\]+(/month=[0-9]{4}-[0-9]{2})?)?/[0-9a-f]{32}\.parquet")
"""Where a file of a lake stands: dataset, company and month where the dataset has them, and its content's checksum."""


class LakeError(QueryError):
    """A lake that cannot be used as it is; the message is one line. What was there before stays."""


def _in_its_place(path: str) -> str:
    if PATH.fullmatch(path) is None:
        raise ValueError("it is no place of a file of a lake")
    return path


class LakeFile(BaseModel):
    """A Parquet file: the rows of a dataset, of one company and month where the dataset has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, AfterValidator(_in_its_place)]
    """Within the lake's folder."""
    dataset: str
    company_id: str | None = None
    """None where the file has the rows of every company."""
    month: str | None = None
    """YYYY-MM; None where the dataset has no days."""
    rows: NonNegativeInt
    bytes: NonNegativeInt
    sha256: str
    """Of the file."""
    slices: NonNegativeInt = 0
    """How many slices it was made from; 0 where the dataset has no days."""
    slices_checksum: str = ""
    """SHA-256 over columns, days, and the rows and checksums of these slices as `refreshes` has them."""


class LakeOwner(BaseModel):
    """The warehouse that a lake was made from, by what that was created with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    company_id: str | None = None
    api_host: str | None = None
    person_key_fingerprint: str | None = None


class Manifest(BaseModel):
    """What a lake holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = FORMAT
    version: int = VERSION
    written_at: datetime
    release: str
    """The release of sequel_assets that wrote it."""
    tables_checksum: str
    """Of the tables and columns that this release puts into a lake."""
    warehouse: LakeOwner
    with_people: bool
    datasets: tuple[str, ...]
    """Those that were chosen; empty: all."""
    files: tuple[LakeFile, ...]


def parse(text: bytes, place: str) -> Manifest:
    """Return a manifest; another text, or one of another version, is refused by the place where it stands."""
    where, advice = f"{place}/{NAME}", "nothing was changed; export to another folder"
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise LakeError(f"{where}: it is not the manifest of a lake but something else; {advice}")
    if found.get("version") != VERSION:
        raise LakeError(
            f"{where}: it is of another version than {VERSION}, which this release reads; nothing was changed; use the "
            "release that wrote it, or export to another folder"
        )
    try:
        return Manifest.model_validate(found)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"] if isinstance(part, str | int))[:80]
        raise LakeError(f"{where}: somebody has changed it: {field} is wrong; {advice}") from None
