"""What a run's tags and its log say of it."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from sequel_assets.orchestration.reporting.run_summary import LINES_AT_MOST, RunSummary, describing_tags
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus

NAMES = {f"c{n}": f"company-{n}.0000000{n}" for n in range(1, 6)}
DAYS = [date(2026, 11, n) for n in range(1, 4)]


@pytest.mark.parametrize(
    ("days", "tags", "described"),
    [
        ({"c2": DAYS, "c1": DAYS[:1]}, {"dagster/schedule_name": "hourly_refresh"}, {
            "sequel_assets/companies": "company-1.00000001, company-2.00000002",
            "sequel_assets/days": "2026-11-01 to 2026-11-03", "sequel_assets/why": "schedule hourly_refresh",
        }),
        (dict.fromkeys(NAMES, DAYS[:1]), {"dagster/backfill": "abc", "sequel_assets/force": "true"}, {
            "sequel_assets/companies": "5 companies", "sequel_assets/days": "2026-11-01",
            "sequel_assets/why": "backfill abc, force",
        }),
        ({"c3": DAYS[1:2]}, {"sequel_assets/command": "host:7", "sequel_assets/accept": "true"}, {
            "sequel_assets/companies": "company-3.00000003", "sequel_assets/days": "2026-11-02",
            "sequel_assets/why": "command, accept",
        }),
        ({"c3": DAYS[1:2]}, {}, {
            "sequel_assets/companies": "company-3.00000003", "sequel_assets/days": "2026-11-02",
            "sequel_assets/why": "launched by hand",
        }),
    ],
)  # fmt: skip
def test_a_run_is_described_by_companies_days_and_cause(days: Any, tags: Any, described: Any) -> None:
    """Up to three companies by name."""
    assert describing_tags(days, NAMES, tags) == described


class Log:
    """Keeps the lines of a run's log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.log = SimpleNamespace(info=self.lines.append)


def summary_of(*outcomes: Outcome) -> RunSummary:
    """Return a summary that has seen these outcomes."""
    made = RunSummary(NAMES)
    for outcome in outcomes:
        made.add(outcome)
    return made


def test_each_company_day_has_a_line_and_what_was_not_requested_says_why() -> None:
    """Minutes and people are those of the participants, rows those of the facts; requests and seconds are sums."""
    made = summary_of(
        Outcome("c1", "event_participants", DAYS[0], SliceStatus.DONE, rows=12, engaged_minutes=1204, people=7, requests=9, seconds=0.4),
        Outcome("c1", "event_concurrency", DAYS[0], SliceStatus.DONE, rows=60, requests=2, seconds=0.1),
        Outcome("c1", "daily_usage", DAYS[0], SliceStatus.UNCHANGED, rows=2, engaged_minutes=1204, people=7),
        Outcome("c2", "event_participants", DAYS[0], SliceStatus.FAILED, "event e: not found (404)"),
    )  # fmt: skip
    log = Log()
    made.log(log, {"c1": DAYS[:1], "c2": DAYS[:1]}, {"c1": DAYS[1:], "c2": []})  # type: ignore[arg-type]
    assert log.lines == [
        "company-1.00000001 2026-11-01: requested; 72 rows, 1,204 minutes, 7 people, 11 requests, 0.5 s; 2 slices changed",
        "company-2.00000002 2026-11-01: requested; 0 rows, 0 minutes, 0 people, 0 requests, 0.0 s; nothing changed, 1 slice failed",
        "company-1.00000001: 2 days from 2026-11-02 to 2026-11-03 not requested: final, complete for this hour, or forgotten "
        "by Sequel; to request them again, launch the run with the tag sequel_assets/force = true",
    ]
    assert RunSummary({}).table() == ""
    assert made.table() == (
        "\n\n"
        "| company | days | minutes | requests | seconds | slices changed | slices failed |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| company-1.00000001 | 1 | 1,204 | 11 | 0 | 2 | 0 |\n"
        "| company-2.00000002 | 1 | 0 | 0 | 0 | 0 | 1 |"
    )


def test_the_log_of_a_large_run_is_bounded() -> None:
    """Each line is stored as an event."""
    days = [date.fromordinal(DAYS[0].toordinal() + n) for n in range(LINES_AT_MOST + 5)]
    made = summary_of(*(Outcome("c1", "event_participants", day, SliceStatus.DONE) for day in days))
    log = Log()
    made.log(log, {"c1": days}, {})  # type: ignore[arg-type]
    assert (len(log.lines), log.lines[-1]) == (LINES_AT_MOST + 1, "and 5 lines more of this kind")
