"""Which runs an hour asks for: a pure decision over who owes which days, and what is under way."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import Namespace
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START, range_tags
from sequel_assets.orchestration.schedules.hourly_plan import (
    GAP,
    MAX_OLDER_RUNS,
    Rectangle,
    covered,
    decide_hour,
    rectangles,
)
from sequel_assets.orchestration.schedules.schedules import hour_under_way

HOUR = datetime(2026, 3, 31, 15, 5, tzinfo=UTC)
TODAY = HOUR.date()
KEYS = ("a.key", "b.key", "c.key")


def march(day: int) -> date:
    return date(2026, 3, day)


HOURLY_ASSETS = [dg.AssetKey(["emea", "daily_usage"])]


def requested(owed: dict[str, list[date]], *under_way: Rectangle, hour: str | None = None) -> list[dict[str, str]]:
    """Return the tags of the runs that are asked for."""
    requests = decide_hour(KEYS, owed, hour, under_way, HOUR, TODAY, HOURLY_ASSETS)
    assert isinstance(requests, list), requests.skip_message
    assert len({request.run_key for request in requests}) == len(requests)
    return [dict(request.tags) for request in requests]


def the_hours(first: date) -> dict[str, str]:
    return range_tags(KEYS, first, TODAY) | {run_tags.HOURLY: run_tags.ON} | run_tags.URGENT


def older(key: str, first: date, last: date) -> dict[str, str]:
    return range_tags([key], first, last) | {run_tags.HOURLY: run_tags.OLDER}


def test_an_ordinary_hour_asks_for_today_over_every_company_in_one_run() -> None:
    """Also where only one of them owes it; what an open day does not owe is not planned."""
    requests = decide_hour(KEYS, {"a.key": [TODAY], "b.key": []}, None, [], HOUR, TODAY, HOURLY_ASSETS)
    assert requests == [dg.RunRequest(run_key="hour-2026033115", tags=the_hours(TODAY), asset_selection=HOURLY_ASSETS)]


def test_days_that_most_companies_owe_widen_that_run() -> None:
    """The first hour of a day: yesterday closes, an older one turns final; all datasets are planned."""
    owed = {key: [march(28), march(30), TODAY] for key in KEYS}
    (request,) = decide_hour(KEYS, owed, None, [], HOUR, TODAY, HOURLY_ASSETS) or []  # type: ignore[misc]
    assert (request.tags, request.asset_selection) == (the_hours(march(28)), None)


def test_what_one_company_owes_alone_has_a_run_of_its_own() -> None:
    """A ghost of three weeks ago and a gap after a backfill widen nobody else's run, and fail by themselves."""
    owed = {"a.key": [TODAY], "b.key": [march(9), TODAY], "c.key": [march(2), march(3), march(20), TODAY]}
    assert requested(owed) == [
        the_hours(TODAY),
        older("b.key", march(9), march(9)),
        older("c.key", march(2), march(3)),
        older("c.key", march(20), march(20)),
    ]


def test_a_week_off_is_made_good_in_one_run() -> None:
    """Everybody owes it."""
    owed = {key: [march(day) for day in range(24, 32)] for key in KEYS}
    assert requested(owed) == [the_hours(march(24))]


def test_a_day_of_long_ago_that_all_owe_does_not_stretch_the_run_of_today() -> None:
    """It is another run over all of them."""
    owed = {key: [date(2026, 2, 10), TODAY] for key in KEYS}
    assert requested(owed) == [
        the_hours(TODAY),
        range_tags(KEYS, date(2026, 2, 10), date(2026, 2, 10)) | {run_tags.HOURLY: run_tags.OLDER},
    ]


def test_a_day_that_half_of_the_companies_owe_does_not_widen_the_run_of_all() -> None:
    """Most is more than half: the company that owes it has a run of its own."""
    owed = {"a.key": [march(20), TODAY], "b.key": [TODAY]}
    assert rectangles(KEYS[:2], owed, TODAY) == [
        Rectangle(KEYS[:2], TODAY, TODAY),
        Rectangle(("a.key",), march(20), march(20)),
    ]


def test_days_up_to_three_apart_share_a_run_and_no_others() -> None:
    """Starting a run costs more than the two days between them, and less than three."""
    owed = {"a.key": [march(1), march(4), march(8)]}
    assert rectangles(KEYS, owed, TODAY) == [
        Rectangle(("a.key",), march(1), march(4)),
        Rectangle(("a.key",), march(8), march(8)),
    ]


def test_older_days_are_not_asked_beside_a_run_that_is_at_them() -> None:
    """A backfill or a first refresh of that company; today is asked all the same, and so is everybody else."""
    owed = {"a.key": [march(1), TODAY], "b.key": [TODAY], "c.key": [march(5), TODAY]}
    assert requested(owed, Rectangle(("a.key",), march(1), TODAY)) == [
        the_hours(TODAY),
        older("c.key", march(5), march(5)),
    ]


def test_an_hour_that_is_still_under_way_holds_up_no_older_days() -> None:
    """But today is not asked twice."""
    owed = {"a.key": [march(1), TODAY]}
    assert requested(owed, hour="run-7") == [older("a.key", march(1), march(1))]


def test_a_tick_skips_with_words() -> None:
    """Nobody known, everything there, an earlier hour or other runs at what is due."""
    owed = {"a.key": [TODAY]}
    told = [
        decide_hour([], {}, None, [], HOUR, TODAY, HOURLY_ASSETS),
        decide_hour(KEYS, {"a.key": []}, None, [], HOUR, TODAY, HOURLY_ASSETS),
        decide_hour(KEYS, owed, "run-7", [], HOUR, TODAY, HOURLY_ASSETS),
        decide_hour(
            KEYS, {"a.key": [march(1)]}, None, [Rectangle(KEYS, march(1), march(1))], HOUR, TODAY, HOURLY_ASSETS
        ),
    ]
    assert [skip.skip_message for skip in told if isinstance(skip, dg.SkipReason)] == [
        "no company is known yet; the sensor new_companies finds them",
        "every company has this hour already, through 2026-03-31 15:05 UTC",
        "the refresh of an earlier hour is still under way (run run-7); the next hour catches up on what is due",
        "what is due of older days is being fetched by runs that are under way",
    ]


def test_many_runs_for_older_days_take_turns() -> None:
    """So many a tick, and the next ones go on with others, so that none that fails for ever keeps another out."""
    keys = tuple(f"{n}.key" for n in range(50))
    owed = {key: [march(1 + n % 25), TODAY] for n, key in enumerate(keys)}
    seen: set[str] = set()
    for hour in range(3):
        requests = decide_hour(keys, owed, None, [], HOUR + timedelta(hours=hour), TODAY, HOURLY_ASSETS)
        assert isinstance(requests, list)
        assert len(requests) == 1 + MAX_OLDER_RUNS
        seen |= {request.tags[RANGE_START].partition("|")[0] for request in requests[1:]}
    assert seen == set(keys)


@example({"a.key": {date(2026, 1, 31)}, "b.key": {date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)}})
@given(
    st.dictionaries(st.sampled_from(KEYS), st.sets(st.dates(march(1) - timedelta(days=60), TODAY), max_size=12)),
)
def test_every_day_that_is_owed_is_covered_once_and_little_else(owed: dict[str, set[date]]) -> None:
    """By exactly one run; each run begins and ends with a day that is owed, and spans small gaps alone."""
    found = rectangles(KEYS, owed, TODAY)
    for key in KEYS:
        for day in owed.get(key, ()):
            assert sum(key in one.companies and one.first <= day <= one.last for one in found) == 1
    for one in found:
        days = sorted({day for key in one.companies for day in owed.get(key, ()) if one.first <= day <= one.last})
        assert (days[0], days[-1]) == (one.first, one.last)
        assert all(later - day <= GAP or len(one.companies) > 1 for day, later in pairwise(days))
    assert all(one.last < TODAY for one in found[1:])


def test_what_a_run_covers_is_read_from_its_tags() -> None:
    """A range, a single partition, and what is no run over slices."""
    runs = [
        dg.DagsterRun("j", tags=range_tags(KEYS[:2], march(1), march(4))),
        dg.DagsterRun("j", tags={"dagster/partition": "c.key|2026-03-09"}),
        dg.DagsterRun("j", tags={}),
        dg.DagsterRun("j", tags={RANGE_START: "nobody|2026-03-01", RANGE_END: "nobody|2026-03-01"}),
    ]
    assert list(covered(runs, KEYS)) == [
        Rectangle(KEYS[:2], march(1), march(4)),
        Rectangle(KEYS[2:], march(9), march(9)),
    ]


@pytest.mark.parametrize(("tag", "is_the_hours"), [(run_tags.ON, True), (run_tags.OLDER, False)])
def test_only_the_hours_own_run_of_the_last_hour_holds_up_the_next(tag: str, is_the_hours: bool) -> None:
    """One that a power cut has left behind as started does not, nor does one that makes good older days."""
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(
            dg.GraphDefinition("j").to_job("refresh_slices"),
            status=dg.DagsterRunStatus.STARTED,
            tags={run_tags.HOURLY: tag},
        )
        assert hour_under_way(instance, space=Namespace("emea")) is None
        assert hour_under_way(instance) == (run.run_id if is_the_hours else None)
        assert hour_under_way(instance, at=datetime.now(UTC) + timedelta(minutes=61)) is None
