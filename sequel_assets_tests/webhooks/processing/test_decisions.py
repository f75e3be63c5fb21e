"""What is to be done about hints: the decision alone, by table and in any order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sequel_assets.refresh.coverage.freshness import Watermark
from sequel_assets.warehouse.stores.notifications import UNDELIVERED, UNKNOWN_COMPANY, Waiting
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.processing.actions import (
    FETCHING,
    REASONS,
    CompanyState,
    NamedEvent,
    NotificationAction,
    State,
)
from sequel_assets.webhooks.processing.decisions import BACK_OFF, day_of_end, due_at, plan
from sequel_assets_tests.webhooks.processing.states import SETTLE, TODAY, TWO, at, notification, state_of

YESTERDAY = date(2026, 3, 2)


def overnight(through: datetime) -> State:
    """At 15:06, e1 having begun yesterday at 22:00; yesterday's slices are there as well."""
    slices = {YESTERDAY: Watermark(at(14), None, is_final=False), TODAY: Watermark(through, None, is_final=False)}
    companies = {"acme": CompanyState(slices, at(14, 5), first_day=date(2026, 1, 1))}
    return state_of(at(15, 6), companies=companies, events={"e1": NamedEvent("acme", at(22) - timedelta(days=1))})


def decided(waits: Waiting, now_is: State, *, has_walked: bool = False) -> tuple[str, tuple[date, ...]]:
    """What is to be done about one hint, and on which days."""
    (step,) = plan([waits], now_is, has_walked=has_walked)
    return str(step.do), step.days


REFRESHED = {"run_id": "r1", "refreshed_at": at(14, 21)}
FAILED = {"run_id": "r1", "tries": 1, "tried_at": at(14, 21)}
OFTEN = {"run_id": "r9", "tries": 9, "tried_at": at(14, 21)}
GONE = CompanyState({TODAY: Watermark(at(14), None, is_final=False)}, is_gone=True)
PARENT = CompanyState({TODAY: Watermark(at(14), None, is_final=False)}, at(14, 5), is_parent=True)
FROZEN = CompanyState({TODAY: Watermark(at(14), None, is_final=False)}, first_day=date(2026, 3, 4))


@pytest.mark.parametrize(
    ("waits", "now_is", "expected"),
    [
        pytest.param(notification(), state_of(at(14, 20)), ("event", (TODAY,)), id="at once"),
        pytest.param(notification(**REFRESHED), state_of(at(14, 30)), ("wait", ()), id="refreshed, the hour is awaited"),
        pytest.param(notification(**REFRESHED), state_of(at(15, 6), at(15)), ("close", ()), id="the hourly run covers it"),
        pytest.param(notification(), state_of(at(15, 6), at(15)), ("close", ()), id="late, and covered already"),
        pytest.param(notification(happened=at(14)), state_of(at(14, 6)), ("close", ()), id="ended at the hour through which it is covered"),
        pytest.param(notification(**REFRESHED), state_of(at(15, 14, 59)), ("wait", ()), id="not yet overdue"),
        pytest.param(notification(**REFRESHED), state_of(at(15, 15)), ("day", (TODAY,)), id="overdue"),
        pytest.param(
            notification(run_id="r1", tries=1, tried_at=at(15, 15)), state_of(at(15, 15, 59)), ("wait", ()), id="overdue, and its run has failed"
        ),
        pytest.param(
            notification(run_id="r1", tries=1, tried_at=at(15, 14, 59)), state_of(at(15, 15, 1)), ("day", (TODAY,)),
            id="overdue, and what has failed was another run",
        ),
        pytest.param(
            notification(**REFRESHED), state_of(at(15, 15), hourly_under_way=True), ("wait", ()), id="the hourly run is slow"
        ),
        pytest.param(
            notification(**FAILED), state_of(at(14, 21, 30), under_way=frozenset({"r1"})), ("wait", ()), id="a run is at it"
        ),
        pytest.param(notification(**FAILED), state_of(at(14, 21, 59)), ("wait", ()), id="its run failed, a moment ago"),
        pytest.param(notification(**FAILED), state_of(at(14, 22)), ("event", (TODAY,)), id="its run failed, a minute ago"),
        pytest.param(
            notification(run_id="r1", tries=len(BACK_OFF) + 1, tried_at=at(14, 21)), state_of(at(14, 59)), ("wait", ()), id="an hour is waited"
        ),
        pytest.param(notification(event_id="e2"), state_of(at(14, 20)), ("list", ()), id="unknown event"),
        pytest.param(notification(event_id="e2", **REFRESHED), state_of(at(14, 20)), ("close", ()), id="listed, still unknown"),
        pytest.param(
            notification(event_id="e2", happened=at(14, 4)), state_of(at(14, 20), companies={"acme": PARENT}), ("find", ()),
            id="unknown, and perhaps of a company beneath, whatever was listed of this one",
        ),
        pytest.param(
            notification(event_id="e2", **REFRESHED), state_of(at(14, 22), companies={"acme": PARENT}), ("close", ()), id="found nowhere"
        ),
        pytest.param(notification(event_id=None), state_of(at(14, 20)), ("close", ()), id="no event"),
        pytest.param(
            notification(), state_of(at(14, 20), events={"e1": NamedEvent("acme", at(13), is_excluded=True)}), ("close", ()), id="ruled out"
        ),
        pytest.param(notification(), state_of(at(14, 20), companies={}), ("walk", ()), id="unknown company"),
        pytest.param(notification(), state_of(at(14, 20), companies={"acme": GONE}), ("close", ()), id="gone company"),
        pytest.param(notification(), state_of(at(14, 20), companies={"acme": FROZEN}), ("close", ()), id="forgotten day"),
        pytest.param(notification(), state_of(at(14, 20), companies={"acme": CompanyState({})}), ("wait", ()), id="new company"),
        pytest.param(notification(verdict=UNDELIVERED), state_of(at(15)), ("wait", ()), id="missed, the hour is awaited"),
        pytest.param(notification(verdict=UNDELIVERED), state_of(at(15, 15)), ("day", (TODAY,)), id="missed and overdue"),
        pytest.param(notification(), overnight(at(15)), ("event", (YESTERDAY, TODAY)), id="overnight, late, and covered already"),
        pytest.param(
            notification(verdict=UNDELIVERED), overnight(at(15)), ("event", (YESTERDAY, TODAY)), id="overnight, missed and covered already"
        ),
        pytest.param(notification(verdict=UNDELIVERED, **REFRESHED), overnight(at(15)), ("close", ()), id="overnight, refreshed and covered"),
        pytest.param(notification(**REFRESHED), overnight(TWO), ("wait", ()), id="overnight, refreshed, the hour is awaited"),
        pytest.param(notification(**OFTEN), overnight(at(15)), ("wait", ()), id="overnight and covered, tried often, within the hour"),
        pytest.param(
            notification(**OFTEN), replace(overnight(at(15)), now=at(15, 21)), ("event", (YESTERDAY, TODAY)),
            id="overnight and covered, tried often, an hour ago",
        ),
        pytest.param(
            notification(replayed_at=at(14), **OFTEN), state_of(at(15, 21), at(15)), ("event", (TODAY,)), id="put back, tried often"
        ),
        pytest.param(
            notification(verdict=UNDELIVERED, replayed_at=at(15, 30)), state_of(at(15, 30), at(15)), ("event", (TODAY,)), id="missed, put back"
        ),
        pytest.param(
            notification(happened=at(14, 20) - timedelta(days=1)), state_of(at(14, 20)), ("close", ()), id="before the first refresh"
        ),
        pytest.param(
            notification(replayed_at=at(15, 30)), state_of(at(15, 30), at(15)), ("event", (TODAY,)), id="put back, though covered"
        ),
        pytest.param(
            notification(replayed_at=at(15, 30), run_id="r2", refreshed_at=at(15, 31)), state_of(at(15, 31), at(15)), ("close", ()),
            id="put back and done",
        ),
        pytest.param(
            notification(verdict=UNKNOWN_COMPANY, capability_hash="h"), state_of(at(14, 20)), ("close", ()), id="beyond its subscription"
        ),
        pytest.param(
            notification(verdict=UNKNOWN_COMPANY, capability_hash="h"),
            state_of(at(14, 20), reach={"h": frozenset({"acme"})}), ("event", (TODAY,)), id="known by now",
        ),
        pytest.param(notification(WebhookType.STARTED), state_of(at(14, 20)), ("close", ()), id="started"),
        pytest.param(notification(WebhookType.STARTED, "e2"), state_of(at(14, 20)), ("list", ()), id="started, unknown"),
        *(pytest.param(notification(t), state_of(at(14, 20)), ("list", ()), id=t) for t in (*REASONS["changed"], WebhookType.REGISTERED)),
        pytest.param(notification(WebhookType.CREATED, happened=at(14, 4)), state_of(at(14, 20)), ("close", ()), id="listed since it came"),
        pytest.param(notification(WebhookType.CREATED, happened=at(14, 5)), state_of(at(14, 20)), ("list", ()), id="came while it was listed"),
        pytest.param(
            notification(WebhookType.CREATED, happened=at(14, 4), replayed_at=at(14, 19)), state_of(at(14, 20)), ("list", ()), id="put back"
        ),
    ],
)  # fmt: skip
def test_what_is_done(waits: Waiting, now_is: State, expected: tuple[str, tuple[date, ...]]) -> None:
    """One hint in one situation."""
    assert decided(waits, now_is) == expected


def test_who_is_not_known_after_a_walk_is_not_ours() -> None:
    """It is handled, with words."""
    (step,) = plan([notification()], state_of(at(14, 20), companies={}), has_walked=True)
    assert (step.do, step.reason) == (NotificationAction.CLOSE, "no such company among yours: not ours")


def test_an_event_is_refreshed_where_it_belongs_and_from_its_first_day_that_has_a_slice() -> None:
    """Sequel told it of the parent; here it is a child's; a day without a slice stays nobody's."""
    books = CompanyState({day: Watermark(at(14), None, is_final=False) for day in (date(2026, 3, 1), TODAY)})
    now_is = state_of(
        at(14, 20), companies={"acme": GONE, "kid": books}, events={"e1": NamedEvent("kid", at(13) - timedelta(days=3))}
    )
    (step,) = plan([notification()], now_is)
    assert (step.company_id, step.do, step.days) == ("kid", NotificationAction.EVENT, (date(2026, 3, 1), TODAY))


def test_an_event_of_long_ago_is_refreshed_for_its_own_days_and_the_one_after() -> None:
    """Put back after seven weeks; of a very long one the last 31 days."""
    ended = at(14, 20) - timedelta(days=50)
    slices = {TODAY - timedelta(days=n): Watermark(at(14), None, is_final=True) for n in range(90)}
    companies = {"acme": CompanyState(slices, at(14, 5))}
    days = {}
    for began in (1, 60):
        known = {"e1": NamedEvent("acme", ended - timedelta(days=began))}
        now_is = state_of(at(15), companies=companies, events=known)
        (step,) = plan([notification(happened=ended, replayed_at=at(14, 30))], now_is)
        days[began] = step.days
    last = ended.date() + timedelta(days=1)
    assert days[1] == tuple(last - timedelta(days=n) for n in (2, 1, 0))
    assert days[60] == tuple(last - timedelta(days=n) for n in range(30, -1, -1))


def test_what_came_to_nothing_for_hours_holds_up_no_other_event_and_what_is_new_a_minute_at_most() -> None:
    """Registrations of two events of a company; the newest success closes the older ones of its event, and no others."""
    old = notification(WebhookType.REGISTERED, "e1", at(8), run_id="r5", tries=5, tried_at=at(14, 19, 30), newest_id=1)
    same, other = (
        notification(WebhookType.REGISTERED, "e1", at(14, 19)),
        notification(WebhookType.REGISTERED, "e2", at(14, 19)),
    )
    events = {name: NamedEvent("acme", at(13)) for name in ("e1", "e2")}

    def done(now: datetime, *hints: Waiting) -> list[str]:
        return [str(step.do) for step in plan(hints, state_of(now, events=events))]

    assert done(at(14, 20), old, same, other) == ["wait", "wait", "list"]
    assert done(at(14, 20, 30), old, same, other) == ["wait", "list", "list"]
    assert done(at(15, 19, 30), old) == ["list"]
    asked = replace(same, run_id="r6", refreshed_at=at(14, 20, 30))
    assert done(at(14, 20, 31), old, asked, other) == ["close", "close", "list"]


@pytest.mark.parametrize(("apart", "done"), [(timedelta(minutes=59), "wait"), (timedelta(hours=1), "event")])
def test_batches_of_one_end_lie_less_than_an_hour_apart(apart: timedelta, done: str) -> None:
    """What was refreshed for the first of them was refreshed for all; another end of the event has its own refresh."""
    first = notification(happened=at(14, 20) - apart, run_id="r1", refreshed_at=at(14, 19))
    assert str(plan([first, notification()], state_of(at(14, 21), at(13)))[1].do) == done


@pytest.mark.parametrize("event_type", [WebhookType.ENDED, WebhookType.REGISTERED, WebhookType.CREATED])
def test_after_however_long_an_outage_a_hint_is_asked_for_within_the_hour(event_type: str) -> None:
    """A run that fails each time: after 1, 5, 15, 60 minutes, then once an hour, for a day."""
    waits, runs = notification(event_type, happened=at(14, 20), replayed_at=at(14, 20)), []
    for minute in range(24 * 60):
        now = at(14, 20) + timedelta(minutes=minute)
        (step,) = plan([waits], state_of(now, now))
        if step.do in FETCHING:
            runs.append(minute)
            waits = replace(waits, run_id=f"r{minute}", tries=waits.tries + 1, tried_at=now)
        if event_type == WebhookType.CREATED:
            assert step.do is not NotificationAction.CLOSE
    assert runs == [0, 1, 6, 21, *range(81, 24 * 60, 60)]


@pytest.mark.parametrize(
    ("ended", "due", "day"),
    [
        (at(14, 20), at(15, 15), TODAY),
        (at(14), at(14, 15), TODAY),
        (at(23, 50), datetime(2026, 3, 4, 0, 15, tzinfo=UTC), TODAY),
        (at(0), at(0, 15), date(2026, 3, 2)),
    ],
)
def test_when_an_end_should_be_covered_and_by_which_day(ended: datetime, due: datetime, day: date) -> None:
    """Ten minutes after Sequel has had its time; a day's last minute is the one before midnight."""
    assert (due_at(ended, SETTLE), day_of_end(ended)) == (due, day)
