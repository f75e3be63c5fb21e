"""Which runs an hour asks for: a pure decision over who owes which days, and what is under way."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
from hypothesis import example, given
from hypothesis import strategies as st

from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START, range_tags
from sequel_assets.orchestration.schedules.hourly_plan import (
    MAX_OLDER_RUNS,
    Work,
    bundles,
    common_days,
    decide_hour,
    works,
)

HOUR = datetime(2026, 3, 31, 15, 5, tzinfo=UTC)
TODAY = HOUR.date()
KEYS = ("a.key", "b.key", "c.key")
OP = "refresh_what_is_due"


def march(day: int) -> date:
    return date(2026, 3, day)


def requested(owed: dict[str, list[date]], *under_way: Work, size: int = 50) -> list[Work]:
    """Return the work that is asked for."""
    found = decide_hour(KEYS, owed, under_way, HOUR, TODAY, size)
    assert isinstance(found, list), found.skip_message
    assert len({work.run_key(HOUR) for work in found}) == len(found)
    return found


def the_hours(*days: date, keys: tuple[str, ...] = KEYS) -> Work:
    return Work(keys, (*days, TODAY))


def older(key: str, *days: date) -> Work:
    return Work((key,), days, is_older=True)


def test_an_ordinary_hour_asks_for_today_of_the_companies_that_owe_it_in_one_run() -> None:
    """Its config names them; its tags say what it is, and that it is over before the next hour."""
    (work,) = requested({"a.key": [TODAY], "b.key": []})
    assert work == the_hours(keys=("a.key",))
    assert work.config() == {"companies": ["a.key"], "days": ["2026-03-31"]}
    assert work.tags() == {
        "companies": "a.key",
        "days": "2026-03-31",
        "sequel_assets/hourly": "true",
        "dagster/priority": "10",
        "dagster/max_runtime": "3300",
    }


def test_more_companies_than_a_run_takes_have_runs_of_about_the_same_size() -> None:
    """A worker that is lost costs one of them."""
    owed = {key: [TODAY] for key in KEYS}
    assert requested(owed, size=2) == [the_hours(keys=KEYS[:1]), the_hours(keys=KEYS[1:])]
    assert [len(bundle) for bundle in bundles([str(n) for n in range(101)], 50)] == [33, 34, 34]


def test_days_that_most_companies_owe_are_of_the_hour() -> None:
    """The first hour of a day: yesterday closes, an older one turns final; a week off is made good so as well."""
    assert requested({key: [march(28), march(30), TODAY] for key in KEYS}) == [the_hours(march(28), march(30))]
    week = [march(day) for day in range(24, 31)]
    assert requested({key: [*week, TODAY] for key in KEYS}) == [the_hours(*week)]


def test_what_one_company_owes_alone_has_a_run_of_its_own() -> None:
    """An event of three weeks ago that fails and a gap after a backfill delay nobody, and fail by themselves."""
    owed = {"a.key": [TODAY], "b.key": [march(9), TODAY], "c.key": [march(2), march(3), march(20), TODAY]}
    assert requested(owed) == [
        the_hours(),
        older("b.key", march(9)),
        older("c.key", march(2), march(3), march(20)),
    ]
    assert requested(owed)[1].tags() == {"companies": "b.key", "days": "2026-03-09", "sequel_assets/hourly": "older"}


def test_a_day_of_long_ago_that_all_owe_is_not_of_the_hour() -> None:
    """They share a run for it, besides."""
    long_ago = date(2026, 2, 10)
    owed = {key: [long_ago, TODAY] for key in KEYS}
    assert requested(owed) == [the_hours(), Work(KEYS, (long_ago,), is_older=True)]


def test_a_bundle_that_was_lost_as_a_day_closed_is_made_good_by_the_next_tick() -> None:
    """Two of five companies owe yesterday still: in one run, which takes a single place of those for older days."""
    keys = tuple(f"{n}.key" for n in range(5))
    owed = {key: [march(30), TODAY] if key in keys[:2] else [TODAY] for key in keys}
    assert decide_hour(keys, owed, [], HOUR, TODAY, 50) == [
        Work(keys, (TODAY,)),
        Work(keys[:2], (march(30),), is_older=True),
    ]
    assert decide_hour(keys, owed, [], HOUR, TODAY, 1) == [
        *(Work((key,), (TODAY,)) for key in keys),
        *(Work((key,), (march(30),), is_older=True) for key in keys[:2]),
    ]


def test_a_day_that_half_of_the_companies_owe_is_not_of_the_hour() -> None:
    """Most is more than half."""
    assert common_days({"a.key": [march(20), TODAY], "b.key": [TODAY]}, 2, TODAY) == {TODAY}


def test_a_company_that_an_earlier_hour_is_at_delays_no_other() -> None:
    """Its own bundle goes on; everybody else is asked for."""
    owed = {key: [TODAY] for key in KEYS}
    assert requested(owed, the_hours(keys=("b.key",))) == [the_hours(keys=("a.key", "c.key"))]


def test_a_run_of_yesterday_that_still_waits_does_not_stand_in_for_today() -> None:
    """It was asked for before midnight: what it will do when it begins is not counted on."""
    assert requested({"a.key": [TODAY]}, Work(("a.key",), (march(30),))) == [the_hours(keys=("a.key",))]


def test_older_days_are_not_asked_beside_a_run_that_is_at_them() -> None:
    """A backfill or a first refresh of that company; today is asked all the same, and so is everybody else."""
    owed = {"a.key": [march(1), TODAY], "b.key": [TODAY], "c.key": [march(5), TODAY]}
    assert requested(owed, older("a.key", march(1), march(2))) == [the_hours(), older("c.key", march(5))]


def test_a_tick_skips_with_words() -> None:
    """Nobody known, everything there, other runs at what is due."""
    told = [
        decide_hour([], {}, [], HOUR, TODAY, 50),
        decide_hour(KEYS, {"a.key": []}, [], HOUR, TODAY, 50),
        decide_hour(KEYS, {"a.key": [TODAY]}, [the_hours()], HOUR, TODAY, 50),
        decide_hour(KEYS, {"a.key": [march(1)]}, [older("a.key", march(1))], HOUR, TODAY, 50),
    ]
    assert [skip.skip_message for skip in told if isinstance(skip, dg.SkipReason)] == [
        "no company is known yet; the sensor new_companies finds them",
        "every company has this hour already, through 2026-03-31 15:05 UTC",
        "what is due is being fetched by runs that are under way",
        "what is due is being fetched by runs that are under way",
    ]


def test_many_runs_for_older_days_take_turns() -> None:
    """So many a tick, and the next ones go on with others, so that none that fails for ever keeps another out."""
    keys = tuple(f"{n}.key" for n in range(50))
    owed = {key: [march(1 + n % 25), TODAY] for n, key in enumerate(keys)}
    seen: set[str] = set()
    for hour in range(3):
        found = decide_hour(keys, owed, [], HOUR + timedelta(hours=hour), TODAY, 50)
        assert isinstance(found, list)
        assert [work.is_older for work in found] == [False, *[True] * MAX_OLDER_RUNS]
        seen.update(*(work.companies for work in found[1:]))
    assert seen == set(keys)


DAYS = st.dates(march(1) - timedelta(days=60), TODAY)


@example({"a.key": {date(2026, 1, 31)}, "b.key": {date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)}}, [], 2)
@given(
    st.dictionaries(st.sampled_from(KEYS), st.sets(DAYS, max_size=12)),
    st.lists(
        st.builds(
            Work,
            st.lists(st.sampled_from(KEYS), min_size=1, unique=True).map(tuple),
            st.lists(DAYS, min_size=1, max_size=3, unique=True).map(tuple),
            st.booleans(),
        ),
        max_size=3,
    ),
    st.integers(1, 4),
)
def test_every_day_that_is_owed_is_in_one_run_or_under_way(
    owed: dict[str, set[date]], under_way: list[Work], size: int
) -> None:
    """No company has two runs of the hour, no run has more companies than it may, and nothing is asked beside a run that is at it."""
    found = decide_hour(KEYS, owed, under_way, HOUR, TODAY, size)
    works = [] if isinstance(found, dg.SkipReason) else found
    assert all(len(work.companies) <= size for work in works)
    of_the_hour = [key for work in works if not work.is_older for key in work.companies]
    assert len(of_the_hour) == len(set(of_the_hour))
    for work in works:
        for other in under_way:
            assert not (work.is_older and work.overlaps(other))
            assert (
                work.is_older
                or other.is_older
                or TODAY not in other.days
                or set(work.companies).isdisjoint(other.companies)
            )
    for key, days in owed.items():
        for day in days:
            planned = sum(key in work.companies and day in work.days for work in works)
            busy = any(key in work.companies for work in under_way)
            assert planned == 1 or (planned == 0 and busy), (key, day, works)
    for work in works:
        assert not work.is_older or all({*work.days} <= owed[key] for key in work.companies)


def test_what_runs_are_about_is_read_from_their_config_and_their_tags() -> None:
    """A run of the hour, a range, a single partition, and what is no run over slices."""
    hourly = {"ops": {OP: {"config": the_hours(march(30), keys=KEYS[:2]).config()}}}
    lone = {"ops": {OP: {"config": older("c.key", march(3)).config()}}}
    runs = [
        dg.DagsterRun("h", run_config=hourly, tags={run_tags.HOURLY: run_tags.ON}),
        dg.DagsterRun("h", run_config=lone, tags={run_tags.HOURLY: run_tags.OLDER}),
        dg.DagsterRun("j", tags=range_tags(KEYS[:2], march(1), march(3))),
        dg.DagsterRun("j", tags={"dagster/partition": "c.key|2026-03-09"}),
        dg.DagsterRun("j", tags={}),
        dg.DagsterRun("j", tags={RANGE_START: "nobody|2026-03-01", RANGE_END: "nobody|2026-03-01"}),
    ]
    assert list(works(runs, OP, KEYS)) == [
        the_hours(march(30), keys=KEYS[:2]),
        older("c.key", march(3)),
        Work(KEYS[:2], (march(1), march(2), march(3)), is_older=True),
        older("c.key", march(9)),
    ]
