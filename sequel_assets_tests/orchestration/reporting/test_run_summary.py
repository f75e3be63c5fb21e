"""What a run's tags and its log say of it."""

from datetime import date
from types import SimpleNamespace

from sequel_assets.orchestration.reporting.run_summary import LINES_AT_MOST, RunSummary
from sequel_assets.refresh.core.outcomes import Outcome, SliceStatus

NAMES = {f"c{n}": f"company-{n}.0000000{n}" for n in range(1, 6)}
DAYS = [date(2026, 11, n) for n in range(1, 4)]


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
        Outcome("c3", "event_participants", DAYS[0], SliceStatus.UNCHANGED, "final", rows=4, is_kept=True),
        Outcome("c3", "replays", DAYS[0], SliceStatus.DONE, rows=1, requests=3, seconds=0.2),
    )  # fmt: skip
    log = Log()
    made.log(log, {"c1": DAYS[:1], "c2": DAYS[:1], "c3": DAYS[:1]}, {"c1": DAYS[1:], "c2": []})  # type: ignore[arg-type]
    assert log.lines == [
        "company-1.00000001 2026-11-01: requested; 72 rows, 1,204 minutes, 7 people, 11 requests, 0.5 s; 2 slices changed",
        "company-2.00000002 2026-11-01: requested; 0 rows, 0 minutes, 0 people, 0 requests, 0.0 s; nothing changed, 1 slice failed",
        "company-3.00000003 2026-11-01: requested; event details only, its minutes stay as they are, 3 requests, 0.2 s; "
        "1 slice changed",
        "company-1.00000001: 2 days from 2026-11-02 to 2026-11-03 not requested: final, complete for this hour, or forgotten "
        "by Sequel; to request them again, launch the run with the tag sequel_assets/force = true",
    ]
    assert RunSummary({}).table() == ""
    assert made.table() == (
        "\n\n"
        "company             days  minutes  requests  seconds  slices changed  slices failed\n"
        "company-1.00000001     1    1,204        11        0               2              0\n"
        "company-2.00000002     1        0         0        0               0              1\n"
        "company-3.00000003     1        0         3        0               1              0"
    )


def test_the_log_of_a_large_run_is_bounded() -> None:
    """Each line is stored as an event."""
    days = [date.fromordinal(DAYS[0].toordinal() + n) for n in range(LINES_AT_MOST + 5)]
    made = summary_of(*(Outcome("c1", "event_participants", day, SliceStatus.DONE) for day in days))
    log = Log()
    made.log(log, {"c1": days}, {})  # type: ignore[arg-type]
    assert (len(log.lines), log.lines[-1]) == (LINES_AT_MOST + 1, "and 5 lines more of this kind")


def test_an_hour_has_a_line_for_what_changed_or_failed_and_none_for_the_rest() -> None:
    """A line of each company would be stored every hour, whether or not anything happened there."""
    made = RunSummary(NAMES, says_changes_alone=True)
    for company, verdict in (("c1", SliceStatus.UNCHANGED), ("c2", SliceStatus.DONE), ("c3", SliceStatus.FAILED)):
        made.add(Outcome(company, "event_participants", DAYS[0], verdict))
    log = Log()
    made.log(log, dict.fromkeys(NAMES, DAYS[:1]), {})  # type: ignore[arg-type]
    assert log.lines == [
        "company-2.00000002 2026-11-01: requested; 0 rows, 0 minutes, 0 people, 0 requests, 0.0 s; 1 slice changed",
        "company-3.00000003 2026-11-01: requested; 0 rows, 0 minutes, 0 people, 0 requests, 0.0 s; nothing changed, 1 slice failed",
    ]
    assert [line.split()[0] for line in made.table().strip().splitlines()] == [
        "company",
        "company-2.00000002",
        "company-3.00000003",
    ]
    quiet = RunSummary(NAMES, says_changes_alone=True)
    quiet.add(Outcome("c1", "event_participants", DAYS[0], SliceStatus.UNCHANGED))
    assert quiet.table() == ""
