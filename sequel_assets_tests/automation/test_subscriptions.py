"""The guardian in Dagster: its asset, its schedule, its check."""

import os
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from sequel_assets import settings
from sequel_assets.automation.resources import Platform
from sequel_assets.automation.subscriptions import (
    SUBSCRIPTIONS_JOB,
    subscriptions_asset,
    subscriptions_check,
    subscriptions_schedule,
)
from sequel_assets.refresh.datasets import SUBSCRIPTIONS
from sequel_assets_tests.refresh.books import HERE, KEY
from sequel_assets_tests.stage import NOW, Stage, why_failed

SET = {"SEQUEL_WEBHOOK_URL": HERE, "SEQUEL_WEBHOOK_SECRET_KEY": KEY}


def run(stage: Stage, job: str = "keep_subscriptions") -> dg.ExecuteInProcessResult:
    """Execute the guardian's job, or its check, with the environment as it is."""
    checks = dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions(
        assets=[subscriptions_asset()],
        asset_checks=[subscriptions_check()],
        jobs=[SUBSCRIPTIONS_JOB, checks],
        resources={"platform": Platform()},
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def(job).execute_in_process(instance=stage.instance, raise_on_error=False)


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
        (event,) = result.asset_materializations_for_node("guard_subscriptions")
        assert {name: value.value for name, value in event.metadata.items()} == {"dagster/row_count": 6, "steps": steps}
    subscribed = stage.sandbox.webhooks.subscriptions.all()
    secrets = [secret for one in subscribed for secret in (one.key, one.endpoint.rpartition("/")[2])]
    assert len(secrets) == 12
    logged = "\n".join(str(record) for record in stage.instance.all_logs(result.run_id))
    logged += "".join(path.read_bytes().decode("latin-1") for path in stage.folder.rglob("*") if path.is_file())
    assert "guard_subscriptions" in logged
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
    """What is missing, and what the guardian has not looked at."""
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
    schedule = subscriptions_schedule(settings.load(webhook_url=url))
    told = schedule.evaluate_tick(dg.build_schedule_context(instance=stage.instance, scheduled_execution_time=NOW))
    assert (told.skip_message or len(told.run_requests or [])) == asks
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("50 */4 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_assets_page_says_what_its_table_means() -> None:
    """As those of the datasets do."""
    (spec,) = subscriptions_asset().specs
    assert spec.key.to_user_string() == SUBSCRIPTIONS.name
    assert SUBSCRIPTIONS.answers in (spec.description or "")
    assert spec.group_name == "catalog"
