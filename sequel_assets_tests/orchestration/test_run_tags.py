"""What the tags of a run say to whoever looks through Dagster's list of runs."""

from datetime import date

import dagster as dg
import pytest

from sequel_assets.definitions import defs
from sequel_assets.orchestration import run_tags
from sequel_assets.orchestration.namespace import AFTER_WEBHOOKS, HOUR, SLICES
from sequel_assets.orchestration.partitions import range_tags
from sequel_assets.orchestration.run_tags import COMMAND, mode, why

DESCRIBING = {"companies", "days", "requests", "why"}
KEYS = [f"company-{n}.0000000{n}" for n in range(1, 6)]
DAYS = [date(2026, 11, n) for n in range(1, 4)]


def test_a_range_names_its_companies_and_days_before_its_run_begins() -> None:
    """Up to three companies by name, else how many; one day or a span. A run that waits in the queue has them too."""
    ends = {"dagster/asset_partition_range_start", "dagster/asset_partition_range_end"}
    few, many = range_tags(KEYS[1::-1], DAYS[0], DAYS[2]), range_tags(KEYS, DAYS[0], DAYS[0])
    assert {name: value for name, value in few.items() if name not in ends} == {
        "companies": "company-1.00000001, company-2.00000002",
        "days": "2026-11-01 to 2026-11-03",
    }
    assert {name: value for name, value in many.items() if name not in ends} == {
        "companies": "5 companies",
        "days": "2026-11-01",
    }
    assert run_tags.of_slices([], []) == {"companies": ""}


@pytest.mark.parametrize(
    ("tags", "cause", "requested"),
    [
        ({"dagster/schedule_name": "hourly_refresh", "sequel_assets/hourly": "true"}, "schedule hourly_refresh", "due this hour"),
        ({"dagster/schedule_name": "hourly_refresh", "sequel_assets/hourly": "older"}, "schedule hourly_refresh", "older days that are due"),
        ({"dagster/sensor_name": "new_companies"}, "sensor new_companies", "missing or incomplete"),
        ({"dagster/sensor_name": "webhook_ended", "sequel_assets/webhook": "ended"}, "webhook ended", "missing or incomplete"),
        ({"dagster/backfill": "abc", "sequel_assets/force": "true"}, "backfill abc", "force"),
        ({COMMAND: "host:7", "sequel_assets/accept": "true"}, "command", "accept"),
        ({}, "launched by hand", "missing or incomplete"),
    ],
)  # fmt: skip
def test_a_run_says_what_asked_for_it_and_what_it_requests(tags: dict[str, str], cause: str, requested: str) -> None:
    """By the tags that Dagster and the platform give it."""
    assert (why(tags), mode(tags, asks_sequel=True), mode(tags, asks_sequel=False)) == (cause, requested, "derive only")


def test_jobs_that_have_no_range_are_described_by_their_definition() -> None:
    """A run that is launched by hand has its job's tags; a schedule or a sensor replaces the last one."""
    jobs = {job.name: job for job in defs().resolve_all_job_defs() if not job.name.startswith("__")}
    described = {
        name: {tag: value for tag, value in job.tags.items() if tag in DESCRIBING} for name, job in jobs.items()
    }
    everybody = {"companies": "all companies", "why": "launched by hand"}
    assert described == {
        "refresh_catalog": everybody,
        "keep_subscriptions": everybody,
        "run_checks": everybody | {"days": "all days"},
        "reconciliation": everybody | {"days": "all days"},
        "housekeeping": {"why": "launched by hand"},
        SLICES: {},
        HOUR: {},
        AFTER_WEBHOOKS: {},
    }


def test_a_schedule_says_that_it_asked() -> None:
    """All but those that decide by themselves, whose requests are tested with them."""
    schedules = [one for one in defs().schedules or () if isinstance(one, dg.ScheduleDefinition)]
    with dg.instance_for_test() as instance, dg.build_schedule_context(instance) as context:
        asked = {
            one.name: [dict(request.tags)["why"] for request in one.evaluate_tick(context).run_requests or ()]
            for one in schedules
            if one.name in {"hourly_catalog", "hourly_checks", "daily_reconciliation", "daily_housekeeping"}
        }
    assert asked == {name: [f"schedule {name}"] for name in asked}
    assert len(asked) == 4


def test_every_job_is_ended_by_run_monitoring_at_some_time() -> None:
    """A run whose host is gone would be under way for ever; the hour's, and what may not delay it, within the hour."""
    jobs = {job.name: job for job in defs().resolve_all_job_defs() if not job.name.startswith("__")}
    assert {name: int(job.tags["dagster/max_runtime"]) for name, job in jobs.items()} == {
        "refresh_catalog": 3300,
        "keep_subscriptions": 3300,
        "run_checks": 3300,
        "reconciliation": 14400,
        "housekeeping": 14400,
        SLICES: 14400,
        HOUR: 3300,
        AFTER_WEBHOOKS: 3300,
    }
