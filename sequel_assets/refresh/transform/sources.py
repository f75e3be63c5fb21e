"""What an insight's sources cover together on each day, as one row of `refreshes` would say it. Pure."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets.warehouse.tables.dataset import Insight


@dataclass(frozen=True)
class CombinedSources:
    """A day of several sources: the least of what each covers, and one checksum over theirs."""

    checksum: str
    data_through: datetime | None
    full_through: datetime | None
    is_final: bool


def together(
    insight: Insight,
    stored: Mapping[str, Mapping[date, Any]],
    unavailable: Collection[str],
    plans: Mapping[str, Mapping[date, str]],
) -> Mapping[date, Any]:
    """Return, by day, what the sources cover: only days that every source has.

    A source that is unavailable at the company, or optional, counts on days that it has no slice of as a constant: as if
    it were always the same. `stored` are the rows of `refreshes` by dataset and day, `plans` the checksums of what
    only some insights take notice of: `events`, the plans of the events that start on a day, and `hosts`, who hosts those with minutes.
    """
    read = {name for name, reads in (("events", insight.reads_events), ("hosts", insight.reads_hosts)) if reads}
    if len(insight.inputs) == 1 and not read:
        return {day: row for day, row in stored.get(insight.sources[0], {}).items() if day != NO_DAY}
    of_each = {name: stored.get(name, {}) for name in insight.inputs}
    may_lack = {*unavailable, *insight.optional}
    days = {day for rows in of_each.values() for day in rows if day != NO_DAY}
    found = {}
    for day in days:
        rows = {name: of_each[name].get(day) for name in insight.inputs}
        absent = {name for name, row in rows.items() if row is None}
        if absent <= may_lack and not absent >= set(insight.sources):
            found[day] = _least(rows, {name: plans[name][day] for name in sorted(read) if day in plans[name]})
    return found


def _least(rows: Mapping[str, Any], plans: Mapping[str, str]) -> CombinedSources:
    there = [row for row in rows.values() if row is not None]
    data, full = [row.data_through for row in there], [row.full_through for row in there]
    checksums = [f"{name} {row.checksum if row is not None else 'none'}\n" for name, row in rows.items()]
    checksums += [f"{name} {plan}\n" for name, plan in plans.items()]
    return CombinedSources(
        hashlib.sha256("".join(checksums).encode()).hexdigest(),
        None if None in data else min(data),
        None if None in full else min(full),
        all(row.is_final for row in there),
    )
