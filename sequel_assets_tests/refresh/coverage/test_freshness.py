"""Freshness and what is due, over months of simulated hours, against an oracle written from the rule's words alone."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from sequel_assets.insights import LIFETIME_USAGE
from sequel_assets.refresh.core.retention import frozen_before
from sequel_assets.refresh.core.time import data_through
from sequel_assets.refresh.coverage.due_days import DayCoverage, days_to_request, due_once_more, due_this_hour
from sequel_assets.refresh.coverage.freshness import Covers, Late, Watermark, late_slices, required
from sequel_assets.refresh.transform.derive import wanted_slices
from sequel_assets.warehouse.slices.replacement import day_end
from sequel_assets_tests.support.scale import scaled

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYTHING = 10_000
"""Days that Sequel keeps where it forgets nothing."""
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

    def held(self) -> dict[date, Watermark]:
        """What the bookkeeping would say after the same refreshes."""
        slices = {}
        for day, told in self.refreshed.items():
            fully = [through for through, full in told if full]
            full_through = max(fully, default=None)
            is_final = full_through is not None and full_through >= day_end(day) + LATE_WINDOW
            slices[day] = Watermark(max(through for through, _ in told), full_through, is_final)
        return slices


def late_at(slices: dict[date, Watermark], now: datetime, kept: int) -> list[Late]:
    """The decision, of a company of which Sequel keeps `kept` days."""
    first_held = frozen_before(now, kept)
    return late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held)


def lifetime_of(history: History, now: datetime, kept: int) -> dict[date, Watermark]:
    """What the bookkeeping would say of an as-of insight that was derived at this moment from all that was refreshed."""
    start = min(history.refreshed, default=now.date())
    facts = {day: SimpleNamespace(checksum="", **vars(held)) for day, held in history.held().items()}
    wanted, _ = wanted_slices(LIFETIME_USAGE, facts, start, frozen_before(now, kept))
    return {
        day: Watermark(
            want.data_through,
            want.full_through,
            want.full_through is not None and want.full_through >= day_end(day) + LATE_WINDOW,
        )
        for day, want in wanted.items()
    }


def test_ticks_over_months_show_no_false_green_and_no_false_red() -> None:
    """Hourly and odd minutes, outages of hours and days, late schedules: the decision is the oracle's at every tick."""
    dice = random.Random(7)
    ticks = reds = 0
    days = timedelta(days=scaled(26, 130))
    wanted = scaled(12_000, 60_000)
    zones = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]
    for start, kept in (
        ("2026-01-20T00:00", EVERYTHING),
        ("2026-03-20T13:00", 3),
        ("2026-10-20T23:00", EVERYTHING),
        ("2027-12-20T05:00", 5),
        ("2028-02-20T11:00", EVERYTHING),
    ):
        history, now = History(), at(start)
        away_until = now
        while now < at(start) + days:
            if dice.random() < 0.004:
                away_until = now + dice.choice([HOUR, 3 * HOUR, 12 * HOUR, 3 * DAY, 8 * DAY]) * dice.random()
            fires = now.replace(minute=SETTLE.seconds // 60) + timedelta(
                minutes=dice.choice([0, 0, 0, 0, 1, 7, 20, 44])
            )
            for minute in sorted(dice.sample(range(60), 5)):
                tick = now.replace(minute=minute)
                if fires is not None and fires <= tick and fires >= away_until:
                    first_held = frozen_before(fires, kept)
                    due = due_this_hour(
                        history.held(), fires, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held
                    )
                    assert all(fires - day_end(day) <= kept * DAY for day in due)
                    history.refresh(fires, due)
                    fires = None  # type: ignore[assignment]
                if tick.minute >= 5 or dice.random() < 0.5:
                    local = tick.astimezone(dice.choice(zones))
                    found = {late.day for late in late_at(history.held(), local, kept)}
                    assert found == history.late_days(tick, kept), tick
                    if not found:
                        assert late_at(lifetime_of(history, tick, kept), tick, kept) == []
                    ticks, reds = ticks + 1, reds + bool(found)
            now += HOUR
            for day in [day for day in history.refreshed if (now.date() - day).days > 12]:
                del history.refreshed[day]  # old days are final; keep the walk short
    assert ticks >= wanted * 9 // 10
    assert 0 < reds < ticks


def test_an_hourly_schedule_that_never_misses_never_turns_red() -> None:
    """From the first hour on, through closes, finals, month's ends and a leap day."""
    history, now = History(), at("2028-02-25T00:05")
    while now < at("2028-03-06T00:00"):
        history.refresh(now, due_this_hour(history.held(), now, settle=SETTLE, late_window=LATE_WINDOW))
        for minutes in (0, 10, 29, 30, 54):
            assert (
                late_slices(
                    "c", history.held(), now + timedelta(minutes=minutes), settle=SETTLE, late_window=LATE_WINDOW
                )
                == []
            )
        now += HOUR


def test_no_day_is_asked_twice_for_the_same_reason() -> None:
    """Within an hour nothing is due again; a past day is due at its close and at its final, and never after."""
    history, now = History(), at("2026-11-20T00:05")
    asked: dict[date, list[DayCoverage]] = {}
    while now < at("2026-11-26T00:00"):
        due = due_this_hour(history.held(), now, settle=SETTLE, late_window=LATE_WINDOW)
        history.refresh(now, due)
        assert due_this_hour(history.held(), now + timedelta(minutes=20), settle=SETTLE, late_window=LATE_WINDOW) == {}
        for day, coverage in due.items():
            asked.setdefault(day, []).append(coverage)
        now += HOUR
    assert asked[date(2026, 11, 21)] == [DayCoverage.ACTIVE] * 24 + [DayCoverage.FULL] * 2


def test_a_week_off_is_made_good_by_the_next_tick_each_day_once() -> None:
    """What should have closed or turned final meanwhile does, in one go."""
    history = History()
    for hour in range(24):
        now = at("2026-11-10T00:05") + hour * HOUR
        history.refresh(now, due_this_hour(history.held(), now, settle=SETTLE, late_window=LATE_WINDOW))
    back = at("2026-11-18T09:05")
    due = due_this_hour(history.held(), back, settle=SETTLE, late_window=LATE_WINDOW)
    assert due == {date(2026, 11, n): DayCoverage.FULL for n in range(10, 18)} | {
        date(2026, 11, 18): DayCoverage.ACTIVE
    }
    history.refresh(back, due)
    assert late_slices("c", history.held(), back + timedelta(minutes=40), settle=SETTLE, late_window=LATE_WINDOW) == []
    assert [day for day, held in history.held().items() if held.is_final] == [date(2026, 11, n) for n in range(10, 16)]


def test_a_late_slice_says_by_how_much_and_which_rule_it_breaks() -> None:
    """Names for people: the hour it should cover, the one it covers."""
    now = at("2026-11-23T15:36")
    slices = {
        date(2026, 11, 20): Watermark(at("2026-11-21T00:00"), at("2026-11-21T00:00"), False),
        date(2026, 11, 22): Watermark(at("2026-11-22T22:00"), None, False),
        date(2026, 11, 23): Watermark(at("2026-11-23T12:00"), None, False),
    }
    assert late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW) == [
        Late("c", date(2026, 11, 20), at("2026-11-23T00:00"), at("2026-11-21T00:00"), "final"),
        Late("c", date(2026, 11, 21), at("2026-11-22T00:00"), None, "close"),
        Late("c", date(2026, 11, 22), at("2026-11-23T00:00"), None, "close"),
        Late("c", date(2026, 11, 23), at("2026-11-23T15:00"), at("2026-11-23T12:00"), "hour"),
    ]
    assert [late.by for late in late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW)] == [
        2 * DAY,
        None,
        None,
        3 * HOUR,
    ]


def test_frozen_days_owe_nothing() -> None:
    """Beyond a company's retention nothing can be asked, so nothing is late or due."""
    first_held = date(2026, 11, 21)
    now = at("2026-11-23T15:36")
    slices = {date(2026, 11, 20): Watermark(None, None, False)}
    assert date(2026, 11, 20) not in due_this_hour(
        slices, now, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held
    )
    assert date(2026, 11, 20) not in {
        late.day
        for late in late_slices("c", slices, now, settle=SETTLE, late_window=LATE_WINDOW, frozen_before=first_held)
    }


def test_a_backfill_asks_again_only_for_what_may_have_changed() -> None:
    """Final days and days wholly asked within this hour are skipped; hot ones and older ones are not."""
    now = at("2026-11-23T15:10")
    slices = {
        date(2026, 11, 10): Watermark(at("2026-11-23T10:00"), at("2026-11-23T10:00"), True),
        date(2026, 11, 21): Watermark(at("2026-11-22T10:00"), at("2026-11-22T10:00"), False),
        date(2026, 11, 22): Watermark(at("2026-11-23T15:00"), at("2026-11-23T15:00"), False),
        date(2026, 11, 23): Watermark(at("2026-11-23T15:00"), None, False),
    }
    days = [date(2026, 11, n) for n in (9, 10, 21, 22, 23)]
    assert list(days_to_request(days, slices, now, settle=SETTLE)) == [
        date(2026, 11, 9),
        date(2026, 11, 21),
        date(2026, 11, 23),
    ]


def extras_asked(final: date, through: datetime | None) -> dict[date, Watermark]:
    """A final day whose events were last asked about as a whole through an hour."""
    minutes = day_end(final) + LATE_WINDOW
    return {final: Watermark(minutes, minutes, True, of_event_details=Covers(through, through, True))}


def test_what_belongs_to_events_is_asked_once_more_when_their_replay_window_closes() -> None:
    """By the hour and by a backfill, once, whenever somebody runs again, and never of a frozen day. It makes nothing late."""
    final = date(2026, 10, 20)
    closes = at("2026-11-20T00:00")  # the 30th day after it is over
    held = extras_asked(final, at("2026-10-23T00:00"))

    def due(now: datetime, slices: dict[date, Watermark], frozen: date = date.min) -> dict[date, DayCoverage]:
        return due_once_more(slices, now, settle=SETTLE, frozen_before=frozen)

    assert due(closes + timedelta(minutes=4), held) == {}
    for now in (closes + SETTLE, closes + 40 * DAY):
        assert due(now, held) == {final: DayCoverage.EVENT_DETAILS}
        assert days_to_request([final], held, now, settle=SETTLE) == {final: DayCoverage.EVENT_DETAILS}
        assert due(now, held, final + DAY) == {}
        assert final not in due_this_hour(held, now, settle=SETTLE, late_window=LATE_WINDOW)
        assert final not in {late.day for late in late_slices("c", held, now, settle=SETTLE, late_window=LATE_WINDOW)}
    assert due(closes + 40 * DAY, extras_asked(final, closes)) == {}
    assert days_to_request([final], extras_asked(final, closes), closes + 40 * DAY, settle=SETTLE) == {}


def test_a_day_without_anything_of_events_or_that_waits_for_its_owner_is_not_asked_once_more() -> None:
    """What is not there is a backfill's business, and what is held has been told already."""
    final, now = date(2026, 10, 20), at("2026-11-23T10:05")
    for slices in (extras_asked(final, None), {final: Watermark(now, now, True)}):
        assert due_once_more(slices, now, settle=SETTLE) == {}


@pytest.mark.parametrize(
    ("now", "through", "need"),
    [
        ("2026-11-23T15:04", "2026-11-23T14:00", "2026-11-23T14:00"),
        ("2026-11-23T15:05", "2026-11-23T15:00", "2026-11-23T14:00"),
        ("2026-11-23T15:35", "2026-11-23T15:00", "2026-11-23T15:00"),
        ("2026-11-24T00:04", "2026-11-23T23:00", "2026-11-23T23:00"),
        ("2026-11-24T00:35", "2026-11-24T00:00", "2026-11-24T00:00"),
    ],
)
def test_what_a_moment_promises_and_what_it_owes(now: str, through: str, need: str) -> None:
    """Sequel has settled five minutes after the hour; a refresh may take thirty more."""
    assert data_through(at(now), SETTLE) == at(through)
    assert required(at(now), SETTLE) == at(need)
