"""What people read in the log of a run of slices: a line per company and day, and sums at its end.

It names companies by their partition keys, and nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from sequel_assets.orchestration.run_tags import span
from sequel_assets.refresh.core.datasets import CORE_NAMES, EVENT_PARTICIPANTS
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.tables.core import NO_DAY

LINES_AT_MOST = 100
"""Company days that have a line in the log: each line is an event in Dagster's storage."""


@dataclass
class CompanyDay:
    """What a run made of a day of a company."""

    rows: int = 0
    minutes: int = 0
    people: int = 0
    requests: int = 0
    seconds: float = 0.0
    changed: int = 0
    failed: int = 0
    """Slices of all datasets."""
    keeps_minutes: bool = False
    """Whether only event details were requested, and the minutes stay as they are."""

    def add(self, outcome: Outcome) -> None:
        """Count an outcome; rows are those of minutes, everything else would count a person's row many times."""
        if outcome.is_kept:
            self.keeps_minutes = self.keeps_minutes or outcome.dataset == EVENT_PARTICIPANTS.name
            return
        if outcome.dataset == EVENT_PARTICIPANTS.name:
            self.minutes, self.people = outcome.engaged_minutes or 0, outcome.people or 0
        self.rows += outcome.rows if outcome.dataset in CORE_NAMES else 0
        self.requests += outcome.requests
        self.seconds += outcome.seconds
        self.changed += outcome.verdict is SliceStatus.DONE
        self.failed += outcome.verdict is SliceStatus.FAILED

    @property
    def is_quiet(self) -> bool:
        """Say whether nothing changed and nothing failed."""
        return not (self.changed or self.failed)

    def __str__(self) -> str:
        """Return it as the rest of a line."""
        changed = f"{_slices(self.changed)} changed" if self.changed else "nothing changed"
        failed = f", {_slices(self.failed)} failed" if self.failed else ""
        facts = f"{self.rows:,} rows, {self.minutes:,} minutes, {self.people:,} people"
        if self.keeps_minutes:
            facts = "event details only, its minutes stay as they are"
        return f"{facts}, {self.requests:,} requests, {self.seconds:.1f} s; {changed}{failed}"


@dataclass
class RunSummary:
    """Collects the outcomes of a run, and says at its end what became of each company and day."""

    names: Mapping[str, str]
    says_changes_alone: bool = False
    """Whether a company and day of which nothing changed or failed has no line: every hour would store one of each company."""
    _days: dict[tuple[str, date], CompanyDay] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of a slice."""
        if outcome.day != NO_DAY:
            self._days.setdefault((self.names[outcome.company_id], outcome.day), CompanyDay()).add(outcome)

    def log(
        self,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        requested: Mapping[str, Collection[date]],
        kept: Mapping[str, Collection[date]],
    ) -> None:
        """Write a line for each company day that was requested, one for each company's days that were kept, and the sums."""
        asked = {(self.names[company_id], day) for company_id, days in requested.items() for day in days}
        told = {at: self._days[at] for at in sorted(asked) if at in self._days and self._has_line(self._days[at])}
        lines = [f"{visible(key)} {day}: requested; {found}" for (key, day), found in told.items()]
        skipped = {self.names[company_id]: days for company_id, days in kept.items() if days}
        lines += [
            f"{visible(key)}: {_in_words(days)} not requested: final, complete for this hour, or forgotten by Sequel; "
            "to request them again, launch the run with the tag sequel_assets/force = true"
            for key, days in sorted(skipped.items())
        ]
        for line in lines[:LINES_AT_MOST]:
            context.log.info(line)
        if len(lines) > LINES_AT_MOST:
            context.log.info(f"and {len(lines) - LINES_AT_MOST} lines more of this kind")

    def _has_line(self, day: CompanyDay) -> bool:
        return not (self.says_changes_alone and day.is_quiet)

    def table(self) -> str:
        """Return the sums of each company as a table of text in its own paragraph, most minutes first; "" without any."""
        sums: dict[str, list[float]] = {}
        for (key, _), day in self._days.items():
            if not self._has_line(day):
                continue
            ours = sums.setdefault(key, [0] * 6)
            values = (1, day.minutes, day.requests, day.seconds, day.changed, day.failed)
            sums[key] = [one + more for one, more in zip(ours, values, strict=True)]
        if not sums:
            return ""
        most = sorted(sums, key=lambda key: (-sums[key][1], key))[:LINES_AT_MOST]
        heading = ("company", "days", "minutes", "requests", "seconds", "slices changed", "slices failed")
        rows = [heading, *((visible(key), *(f"{value:,.0f}" for value in sums[key])) for key in most)]
        return "\n\n" + "\n".join(_aligned(rows))


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line per row, its columns as wide as they must be: Dagster shows a log in letters of one width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        numbers = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *numbers])


def _slices(count: int) -> str:
    return f"{count:,} slice" if count == 1 else f"{count:,} slices"


def _in_words(days: Collection[date]) -> str:
    """Return days as a span, with their number where there are several."""
    return span(days) if len(days) == 1 else f"{len(days)} days from {span(days)}"
