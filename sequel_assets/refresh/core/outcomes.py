"""What a refresh reports of each slice. Nothing here raises: a failed slice is an outcome like the others."""

import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from sequel_assets.warehouse.slices.decisions import Loss
from sequel_assets.warehouse.tables.core import NO_DAY


class SliceStatus(StrEnum):
    """What became of a slice."""

    DONE = "done"
    """Its rows changed."""
    UNCHANGED = "unchanged"
    """Its rows are as they were; the bookkeeping moved on."""
    SUPERSEDED = "superseded"
    """Another refresh began at a newer hour; this one was dropped."""
    WAITING = "waiting"
    """An as-of slice that an earlier day without facts holds back."""
    FAILED = "failed"
    """Nothing was written; `reason` says why. Older rows stay."""


@dataclass(frozen=True)
class Outcome:
    """One slice of one dataset after a refresh."""

    company_id: str
    dataset: str
    day: date
    verdict: SliceStatus
    reason: str = ""
    rows: int = 0
    engaged_minutes: int | None = None
    people: int | None = None
    data_through: datetime | None = None
    is_final: bool = False
    requests: int = 0
    seconds: float = 0.0
    preview: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    """Heading and first rows, without personal data."""
    is_kept: bool = False
    """Whether it was not requested and stays as it is. Its figures are those of the stored rows, which only who shows them reads."""

    @property
    def name(self) -> str:
        """Return the slice in words: its day and dataset, or the dataset alone where it has no days."""
        return self.dataset if self.day == NO_DAY else f"{self.day} {self.dataset}"

    @property
    def is_good(self) -> bool:
        """Say whether the slice now holds what it should."""
        return self.verdict in {SliceStatus.DONE, SliceStatus.UNCHANGED, SliceStatus.SUPERSEDED}


def all_failed(company_id: str, days: Collection[date], reason: str, datasets: Collection[str]) -> Iterator[Outcome]:
    """Yield that each slice of a company failed for the same reason."""
    for dataset in sorted(datasets):
        for day in sorted(days):
            yield Outcome(company_id, dataset, day, SliceStatus.FAILED, reason)


def unexpected(error: Exception) -> str:
    """Return what can be said of a mistake of ours: its kind and place. Its text may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"an unexpected {type(error).__name__}{place}, a mistake of this program; please report it"


UNTIL_ACCEPTED = "the rows that were there stay until sequel-assets accept"
"""In the reason of every problem whose rows are quarantined."""


def quarantined(loss: Loss | None) -> str:
    """Return why a slice is quarantined: of what less than half is left."""
    part = f"less than half of its {loss.what} ({loss.left:,} of {loss.had:,})" if loss else "less than half of it"
    return f"quarantined: the day is final, and Sequel now answers {part}; {UNTIL_ACCEPTED}"
