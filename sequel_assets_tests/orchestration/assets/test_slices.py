"""The op that refreshes slices: what a run turns green and red, what it tells, what it asks."""

import re
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from sequel_assets.insights import INSIGHTS
from sequel_assets.orchestration.partitions import RANGE_END, RANGE_START
from sequel_assets.orchestration.run_tags import FORCE
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.coverage.kept_slices import kept_outcomes, stored_outcome
from sequel_assets.warehouse.tables.core import refreshes
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, PERSONAL, ROOT, SAID, THROUGH
from sequel_assets_tests.support.stage import Stage, why_failed

pytestmark = pytest.mark.slow
DATASETS = [dataset.name for dataset in SLICED]
NAMES_OF_INSIGHTS = [insight.name for insight in INSIGHTS]
EVERYBODY = [ROOT, ACME, BOLT]


def test_one_partition_materializes_every_dataset(stage: Stage) -> None:
    """One company, one day: its slices are green and no other, logged after those that they are derived from."""
    result = stage.run("refresh_slices", {"dagster/partition": f"{stage.key(ACME)}|{DAYS[0]}"})
    assert result.success
    wanted = stage.slice_keys([ACME], DAYS[:1])
    assert {name: stage.statuses(name) for name in DATASETS} == {name: (wanted, set()) for name in DATASETS}
    logged = {
        name: stage.instance.fetch_materializations(dg.AssetKey(name), limit=1).records[0].storage_id
        for name in DATASETS
    }
    assert [
        (insight.name, source)
        for insight in INSIGHTS
        for source in insight.inputs
        if logged[source] > logged[insight.name]
    ] == []
    run = stage.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert {name: run.tags[name] for name in ("companies", "days", "requests", "why")} == {
        "companies": stage.key(ACME), "days": str(DAYS[0]), "requests": "missing or incomplete", "why": "launched by hand",
    }  # fmt: skip
    said = [
        entry.user_message
        for entry in stage.instance.all_logs(result.run_id)
        if entry.user_message.startswith(f"{stage.key(ACME)} {DAYS[0]}: ")
    ]
    assert [re.sub(r"\d+ requests, [\d.]+ s", "", line) for line in said] == [
        f"{stage.key(ACME)} {DAYS[0]}: requested; 32 rows, 40 minutes, 2 people, ; {len(DATASETS)} slices changed"
    ]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("chosen", "days"),
    [
        pytest.param([ACME], DAYS, id="one company x days"),
        pytest.param(EVERYBODY, DAYS[:1], id="all companies x a day"),
        pytest.param("first two", DAYS[:2], id="rectangle"),
    ],
)
def test_a_range_materializes_exactly_its_rectangle_in_one_run(
    stage: Stage, chosen: list[str] | str, days: list[object]
) -> None:
    """Every slice of the range is green, and none beside it; the roll-up of a company whose sub-companies lack waits."""
    its_companies = [company for company in stage.ordered if chosen == "first two" or company in chosen]
    if chosen == "first two":
        its_companies = its_companies[:2]
    result = stage.refresh(its_companies, days[0], days[-1])  # type: ignore[arg-type]
    assert result.success
    wanted = stage.slice_keys(its_companies, days)  # type: ignore[arg-type]
    whole = chosen == EVERYBODY
    rolled_up = wanted if whole else wanted - stage.slice_keys([ROOT], DAYS)
    assert {name: stage.statuses(name) for name in DATASETS} == {
        name: (wanted if name != "company_rollup" else rolled_up, set()) for name in DATASETS
    }


@pytest.mark.scenario
def test_each_slice_tells_its_figures_as_metadata(stage: Stage) -> None:
    """Rows, minutes, people, the hour, the cost and a preview are those of the slice."""
    assert stage.refresh([ACME], DAYS[0], DAYS[-1]).success
    told = stage.latest("event_participants", ACME, DAYS[0])
    assert told.pop("seconds") >= 0
    assert told.pop("requests") >= 1
    assert told == {
        "dagster/row_count": 2,
        "status": "refreshed",
        "final": False,
        "engaged_minutes": 40,
        "people": 2,
        "data_through": THROUGH.timestamp(),
        "preview": "| event_id | people | engaged_minutes |\n| --- | --- | --- |\n| e-acme | 2 | 40 |",
    }
    replay = stage.latest("event_participants", ACME, DAYS[1])
    assert (replay["dagster/row_count"], replay["engaged_minutes"], replay["people"]) == (1, 12, 1)
    empty = stage.latest("event_participants", ACME, DAYS[2])
    assert (empty["dagster/row_count"], empty["engaged_minutes"], empty["people"]) == (0, 0, 0)
    assert "preview" not in empty
    day = stage.latest("daily_usage", ACME, DAYS[0])
    assert (day["dagster/row_count"], day["engaged_minutes"], day["people"], day["status"]) == (2, 40, 2, "refreshed")
    so_far = stage.latest("lifetime_usage", ACME, DAYS[1])
    assert (so_far["engaged_minutes"], so_far["people"]) == (52, 2)
    assert "requests" not in so_far


@ON_REFRESHED
def test_nothing_personal_or_secret_enters_dagsters_storage(stage: Stage) -> None:
    """No e-mail, name, text, answer, key or secret stands in any file of Dagster's home, failed runs included."""
    stage.sandbox.faults.always("*e-acme/top-participants*", "wrong_minutes")
    assert not stage.refresh(stage.ordered, DAYS[0], DAYS[-1], mode=FORCE).success
    files = [path for path in (stage.folder / "dagster").rglob("*") if path.is_file()]
    assert len(files) > 5
    for file in files:
        content = file.read_bytes().lower()
        assert [word for word in PERSONAL if word.lower().encode() in content] == [], file
    with stage.warehouse.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM people WHERE email = 'zebulon.quux@mail.example'")) == 2
        kept = [
            *connection.scalars(sa.text("SELECT text FROM chat_messages UNION SELECT text FROM questions")),
            *connection.scalars(sa.text("SELECT answer FROM questions UNION SELECT custom_answers FROM registrants")),
        ]
    assert [word for word in SAID if not any(word in (text or "").lower() for text in kept)] == []


def test_a_failing_event_turns_its_own_slices_red_and_the_others_green_in_the_same_run(stage: Stage) -> None:
    """Acme's event answers 404 though it is listed: Acme is red, root and Bolt are green."""
    stage.sandbox.faults.always("*e-acme/top-participants*", "http_404")
    result = stage.refresh(stage.ordered, DAYS[0], DAYS[-1])
    assert not result.success
    good, bad = stage.slice_keys([ROOT, BOLT], DAYS), stage.slice_keys([ACME], DAYS)
    for name in ("event_participants", "daily_usage", "lifetime_usage"):
        assert stage.statuses(name) == (good, bad), name
    reason = "event e-acme: Sequel answers 404 for its analytics, though it still knows the event"
    derived = len([insight for insight in INSIGHTS if "event_participants" in insight.sources])
    assert why_failed(result).splitlines() == [
        f"{(1 + derived) * len(DAYS)} slices failed; their older rows stay, the other slices are right:",
        *(f"{stage.key(ACME)} {day} event_participants: {reason}" for day in DAYS),
        f"and with them {derived * len(DAYS)} slices of insights that are derived from these",
    ]


@pytest.mark.scenario
def test_registrants_that_cannot_be_had_fail_the_run_and_turn_no_slice_red(stage: Stage) -> None:
    """The list has no day; the next run, of days that are final, asks for it again and succeeds."""
    stage.sandbox.faults.always("*e-acme/registrants", "http_500")
    result = stage.refresh([ACME], DAYS[0], DAYS[-1])
    assert not result.success
    first, second = why_failed(result).splitlines()
    assert first == "1 slices failed; their older rows stay, the other slices are right:"
    assert second.startswith(f"{stage.key(ACME)} registrants: event e-acme: Sequel has an error of its own (500)")
    assert {name: stage.statuses(name)[1] for name in DATASETS} == {name: set() for name in DATASETS}
    assert not stage.refresh([ACME], DAYS[0], DAYS[-1]).success
    stage.sandbox.faults.clear()
    assert stage.refresh([ACME], DAYS[0], DAYS[-1]).success
    with stage.warehouse.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM registrants")).scalar() == 2
        assert connection.execute(sa.text("SELECT count(*) FROM problems")).scalar() == 0


@pytest.mark.scenario
def test_a_mended_event_turns_green_again(stage: Stage) -> None:
    """The next run over the same range leaves nothing red."""
    stage.sandbox.faults.always("*e-acme/top-participants*", "http_404")
    assert not stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    stage.sandbox.faults.clear()
    assert stage.refresh(stage.ordered, DAYS[0], DAYS[-1]).success
    wanted = stage.slice_keys(EVERYBODY, DAYS)
    assert {name: stage.statuses(name) for name in DATASETS} == {name: (wanted, set()) for name in DATASETS}


@pytest.mark.scenario
def test_choosing_insights_alone_asks_sequel_nothing(stage: Stage) -> None:
    """They are derived from the facts that are there, and only they are green."""
    assert stage.refresh([ACME], DAYS[0], DAYS[-1]).success
    with stage.warehouse.write() as connection:
        connection.execute(refreshes.delete().where(refreshes.c.dataset.in_(NAMES_OF_INSIGHTS)))
        for name in NAMES_OF_INSIGHTS:
            connection.execute(sa.text(f"DELETE FROM {name}"))
    before = stage.sandbox.requests.count
    assert stage.refresh([ACME], DAYS[0], DAYS[-1], assets=NAMES_OF_INSIGHTS).success
    assert stage.sandbox.requests.count == before
    with stage.warehouse.read() as connection:
        derived = connection.execute(
            sa.select(refreshes.c.dataset).where(refreshes.c.dataset.in_(NAMES_OF_INSIGHTS))
        ).scalars()
        assert sorted(derived) == sorted(NAMES_OF_INSIGHTS * len(DAYS))


@pytest.mark.scenario
def test_choosing_a_fact_alone_derives_its_insights_and_shows_them(stage: Stage) -> None:
    """Their slices are logged too, though only the fact was chosen."""
    assert stage.refresh([ACME], DAYS[0], DAYS[-1], assets=["event_participants"]).success
    wanted = stage.slice_keys([ACME], DAYS)
    assert {name: stage.statuses(name)[0] for name in DATASETS} == dict.fromkeys(DATASETS, wanted)


def test_insights_alone_of_days_without_facts_fail_and_name_them(stage: Stage) -> None:
    """A green run that wrote nothing would look as if the day were there."""
    result = stage.refresh([ACME], DAYS[0], DAYS[1], assets=["daily_usage"])
    assert not result.success
    assert why_failed(result).splitlines() == [
        "2 slices could not be derived, and nothing of them was written; the other slices are right; "
        "materialize event_participants of the missing days first, which derives these too:",
        *(f"{stage.key(ACME)} {day} daily_usage: {day} has no event_participants yet" for day in DAYS[:2]),
    ]
    assert stage.statuses("daily_usage") == (set(), stage.slice_keys([ACME], DAYS[:2]))


@ON_REFRESHED
def test_a_slice_that_is_not_requested_again_keeps_its_page(stage: Stage) -> None:
    """A second run says that it is unchanged and why it was not requested; its figures, rows and preview are as before."""
    cost = {"status", "requests", "seconds", "last_30_days", "last_30_days_line"}
    before = {name: stage.latest(name, ACME, DAYS[0]) for name in DATASETS}
    assert stage.refresh([ACME], DAYS[0], DAYS[-1]).success
    after = {name: stage.latest(name, ACME, DAYS[0]) for name in DATASETS}
    assert {page.pop("not_requested") for page in after.values()} == {
        "complete for this hour, data through 2026-03-03 15:00 UTC; "
        "to request it again, launch a run with the tag sequel_assets/force = true"
    }
    assert {page["status"] for page in after.values()} == {"unchanged"}
    assert [{name: page[name] for name in page.keys() - cost} for page in after.values()] == [
        {name: page[name] for name in page.keys() - cost} for page in before.values()
    ]


@ON_REFRESHED
def test_rows_of_kept_slices_are_read_only_for_those_that_are_shown(stage: Stage) -> None:
    """An hourly run logs none of them."""
    with stage.warehouse.read() as connection:
        statements: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *a: statements.append(a[2]))
        kept = list(kept_outcomes(connection, {ACME: DAYS}))
        assert (len(statements), len(kept)) == (1, len(DATASETS) * len(DAYS))
        (participants,) = [one for one in kept if (one.dataset, one.day) == ("event_participants", DAYS[0])]
        assert (participants.engaged_minutes, participants.preview, participants.is_kept) == (None, (), True)
        shown = stored_outcome(connection, participants)
    assert shown.engaged_minutes == stage.latest("event_participants", ACME, DAYS[0])["engaged_minutes"]


def test_the_tags_of_a_range_are_the_ones_that_dagster_reads() -> None:
    """They are private to Dagster, and may change with a release."""
    from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

    assert (RANGE_START, RANGE_END) == (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
    assert DAYS[1] - DAYS[0] == timedelta(days=1)
