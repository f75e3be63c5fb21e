"""A history of refreshes, and which of its days are late by an oracle."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.slices.decisions import day_end

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTLE, LATE_WINDOW, ALLOWANCE = timedelta(minutes=5), timedelta(hours=48), timedelta(minutes=30)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class History:
    """What really happened: every refresh, by day, with how far Sequel's numbers went when it was asked."""

    refreshed: dict[date, list[tuple[datetime, bool]]] = field(default_factory=dict)

    def refresh(self, now: datetime, days: dict[date, DayCoverage]) -> None:
        settled = now - SETTLE
        through = datetime(settled.year, settled.month, settled.day, settled.hour, tzinfo=UTC)
        for day, coverage in days.items():
            self.refreshed.setdefault(day, []).append((through, coverage is DayCoverage.FULL))

    def late_days(self, now: datetime, kept: int) -> set[date]:
        """The words of the rule, day by day, from the history and nothing else; Sequel keeps `kept` days."""
        moment = now - SETTLE - ALLOWANCE
        need = datetime(moment.year, moment.month, moment.day, moment.hour, tzinfo=UTC)
        today = date(now.year, now.month, now.day)
        late, day = set(), min([*self.refreshed, today])
        while day <= today:
            told = self.refreshed.get(day, [])
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            end = midnight + DAY
            fully = [through for through, full in told if full]
            if now - end > kept * DAY:
                pass  # frozen: nothing can be asked
            elif day == today:
                owed = need >= midnight if not told else True
                if owed and not any(through >= need for through, _ in told):
                    late.add(day)
            else:
                deadlines = [end, end + LATE_WINDOW]
                if any(need >= deadline and all(through < deadline for through in fully) for deadline in deadlines):
                    late.add(day)
            day += DAY
        return late

    def slices(self) -> dict[date, Watermark]:
        """What the bookkeeping would say after the same refreshes."""
        slices = {}
        for day, told in self.refreshed.items():
            fully = [through for through, full in told if full]
            full_through = max(fully, default=None)
            is_final = full_through is not None and full_through >= day_end(day) + LATE_WINDOW
            slices[day] = Watermark(max(through for through, _ in told), full_through, is_final)
        return slices
