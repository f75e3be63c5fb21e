"""The reconciler in Dagster: its asset, its schedule, its check."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._utils.schedules import cron_string_iterator

from sequel_assets import settings
from sequel_assets.orchestration.assets.subscriptions import subscriptions_asset, subscriptions_check
from sequel_assets.orchestration.resources import Platform
from sequel_assets.orchestration.schedules.subscriptions import subscription_schedules, subscriptions_job
from sequel_assets.refresh.core.datasets import SUBSCRIPTIONS
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets_tests.support.small_world import NOW
from sequel_assets_tests.support.stage import Stage, why_failed
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import HERE, KEY

SET = {"SEQUEL_WEBHOOK_URL": HERE, "SEQUEL_WEBHOOK_SECRET_KEY": KEY}


def run(stage: Stage, job: str = "keep_subscriptions") -> dg.ExecuteInProcessResult:
    """Execute the reconciler's job, or its check, with the environment as it is."""
    checks = dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions(
        assets=[subscriptions_asset()],
        asset_checks=[subscriptions_check()],
        jobs=[subscriptions_job(), checks],
        resources={"platform": Platform()},
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def(job).execute_in_process(instance=stage.instance, raise_on_error=False)


def tick(stage: Stage, schedule: dg.ScheduleDefinition, at: str) -> object:
    """How many runs the schedule asks for at a time of the day, or why it skips."""
    told = stage.tick(schedule, datetime.fromisoformat(f"2026-03-03T{at}Z"))
    return told.skip_message or len(told.run_requests or [])


def fires_at(schedule: dg.ScheduleDefinition) -> list[str]:
    """At which times of a day it fires, in order."""
    crons = schedule.cron_schedule if isinstance(schedule.cron_schedule, list) else [str(schedule.cron_schedule)]
    day = datetime(2026, 3, 3, tzinfo=UTC)
    times: list[str] = []
    for cron in crons:
        coming = cron_string_iterator(day.timestamp(), cron, "UTC")
        while (at := next(coming)) < day + timedelta(days=1):
            times.append(f"{at:%H:%M}")
    return sorted(times)


def check(stage: Stage) -> tuple[bool, str, Any]:
    """What the check says: passed, words, how many are wrong."""
    (evaluation,) = run(stage, "checks").get_asset_check_evaluations()
    wrong = evaluation.metadata.get("wrong")
    return evaluation.passed, evaluation.description or "", wrong.value if wrong else None


def test_the_asset_brings_the_subscriptions_into_order(stage: Stage) -> None:
    """Its run says what it did, and holds no key and no address."""
    os.environ.update(SET)
    for steps in (6, 0):
        result = run(stage)
        assert result.success
        (event,) = result.asset_materializations_for_node("reconcile_subscriptions")
        assert {name: value.value for name, value in event.metadata.items()} == {"dagster/row_count": 6, "steps": steps}
    subscribed = stage.sandbox.webhooks.subscriptions.all()
    secrets = [secret for one in subscribed for secret in (one.key, one.endpoint.rpartition("/")[2])]
    assert len(secrets) == 12
    logged = "\n".join(str(record) for record in stage.instance.all_logs(result.run_id))
    logged += "".join(path.read_bytes().decode("latin-1") for path in stage.folder.rglob("*") if path.is_file())
    assert "reconcile_subscriptions" in logged
    assert [secret for secret in secrets if secret in logged] == []
    assert check(stage) == (True, "Every webhook that is wanted is subscribed to.", 0)


def test_a_run_that_cannot_bring_all_into_order_fails_by_name(stage: Stage) -> None:
    """The others are made."""
    os.environ.update(SET, SEQUEL_WEBHOOK_COMPANIES=f"nobody,{stage.key('bolt')}")
    result = run(stage)
    assert not result.success
    lines = why_failed(result).splitlines()
    assert lines[0] == "6 could not be brought into order, the others are:"
    assert lines[1].startswith("nobody virtual-stage-event-started: it could not be made: ")
    assert len(stage.sandbox.webhooks.subscriptions.all()) == 12


def test_without_a_public_address_it_is_refused_and_the_check_says_so(stage: Stage) -> None:
    """Nothing is deleted because a variable is missing."""
    os.environ.update(SET)
    assert run(stage).success
    del os.environ["SEQUEL_WEBHOOK_URL"]
    assert why_failed(run(stage)).startswith("SEQUEL_WEBHOOK_URL and SEQUEL_WEBHOOK_SECRET_KEY are needed")
    assert len(stage.sandbox.webhooks.subscriptions.all()) == 6
    words = "SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md)."
    assert check(stage) == (True, words, None)


def test_the_check_names_what_is_not_in_order(stage: Stage) -> None:
    """What is missing, and what the reconciler has not looked at."""
    os.environ.update(SET)
    passed, words, wrong = check(stage)
    assert (passed, wrong) == (False, 6)
    assert words.splitlines()[:2] == [
        "6 webhook subscriptions are not in order:",
        f"{stage.key('root')} virtual-stage-event-started: missing",
    ]
    assert run(stage).success
    os.environ["SEQUEL_NOW"] = (NOW + timedelta(hours=25)).isoformat()
    passed, words, wrong = check(stage)
    assert (passed, wrong) == (False, 6)
    assert words.count("not looked at for more than a day") == 6


@pytest.mark.parametrize(
    ("url", "asks"),
    [(None, "SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md)"), (HERE, 1)],
)
def test_the_schedule_asks_for_a_run_once_there_is_an_address(stage: Stage, url: str | None, asks: object) -> None:
    """It is on by default, and says why it skips."""
    schedules = subscription_schedules(settings.load(webhook_url=url))
    assert tick(stage, schedules[0], "08:50") == asks
    assert [schedule.name for schedule in schedules] == ["webhook_subscriptions", "webhook_subscriptions_in_doubt"]
    assert {schedule.execution_timezone for schedule in schedules} == {"UTC"}
    assert {schedule.default_status for schedule in schedules} == {dg.DefaultScheduleStatus.RUNNING}


def test_without_an_address_nothing_is_in_doubt(stage: Stage) -> None:
    """The table is not even read."""
    words = "SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md)"
    assert tick(stage, subscription_schedules(settings.load(webhook_url=None))[1], "09:50") == words


def test_both_schedules_together_fire_once_every_twenty_minutes() -> None:
    """Never both at once: that would be two runs for one look."""
    every_four_hours, in_doubt = (fires_at(one) for one in subscription_schedules(settings.load()))
    assert every_four_hours == ["00:50", "04:50", "08:50", "12:50", "16:50", "20:50"]
    assert sorted(every_four_hours + in_doubt) == [
        f"{hour:02}:{minute}" for hour in range(24) for minute in (10, 30, 50)
    ]


def test_between_the_looks_a_run_is_asked_for_only_while_something_is_in_doubt(stage: Stage) -> None:
    """A renewal or a creation that nobody is at any more; not one that may be under way."""
    os.environ.update(SET)
    assert run(stage).success
    quiet = "no subscription is in doubt; all are looked at every 4 hours"
    schedules = subscription_schedules(settings.load())
    asked = [at for schedule in schedules for at in fires_at(schedule) if tick(stage, schedule, at) == 1]
    assert asked == ["00:50", "04:50", "08:50", "12:50", "16:50", "20:50"]
    for state in ({"rotating_since": NOW}, {"rotating_since": None, "subscription_id": None, "created_at": NOW}):
        with stage.warehouse.write() as connection:
            connection.execute(sa.update(subscriptions).values(**state))
        for after, told in ((14, quiet), (15, 1)):
            now = settings.load(now=(NOW + timedelta(minutes=after)).isoformat())
            assert tick(stage, subscription_schedules(now)[1], "15:30") == told


def test_the_assets_page_says_what_its_table_means() -> None:
    """As those of the datasets do."""
    (spec,) = subscriptions_asset().specs
    assert spec.key.to_user_string() == SUBSCRIPTIONS.name
    assert SUBSCRIPTIONS.answers in (spec.description or "")
    assert spec.group_name == "platform"
