"""The names of an instance: those of this project's own location as they always were, and none that two would share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from sequel_assets import SequelComponent
from sequel_assets.component.component import place_of, refuse_shared
from sequel_assets.definitions import defs
from sequel_assets.orchestration.namespace import ALONE, DATASETS, Namespace
from sequel_assets.orchestration.partitions import RANGE_START, range_tags
from sequel_assets.orchestration.reporting.specs import spec_of
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.settings.given import given
from sequel_assets.warehouse.tables.dataset import Dataset, Subject

OWN = {
    "assets": {dataset.name for dataset in DATASETS},
    "jobs": {
        "__ASSET_JOB", "refresh_catalog", "refresh_slices", "refresh_hour", "run_checks", "reconciliation", "housekeeping",
        "keep_subscriptions", "refresh_after_webhooks",
    },
    "schedules": {
        "hourly_catalog", "hourly_refresh", "hourly_checks", "daily_reconciliation", "daily_housekeeping",
        "webhook_subscriptions", "webhook_subscriptions_in_doubt",
    },
    "sensors": {"new_companies", "checks_after_refresh", "alerts", "webhook_ended", "webhook_started", "webhook_changed", "webhook_registered"},
    "partitions": {"company"},
    "ops": {
        "walk_companies", "list_events", "list_registrants", "refresh", "reconcile_subscriptions", "reconcile_events",
        "tidy_runs", "refresh_what_is_due", "refresh_what_notifications_name", "availability", "derivation", "freshness",
        "companies_clock_agrees_with_sequel", "event_participants_control_totals", "event_activity_complete",
        "event_participants_days_add_up", "event_participants_history_complete", "event_participants_named_totals_agree",
        "daily_usage_restated", "subscriptions_subscribed", "subscriptions_deliveries",
    },
    "resources": {"platform", "observer"},
}  # fmt: skip
"""What the location of this project has had since before there was a component."""


def names_in(definitions: dg.Definitions) -> dict[str, set[str]]:
    """Everything in some definitions that Dagster knows by name."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    partitions = {
        dimension.partitions_def.name
        for key in graph.get_all_asset_keys()
        if isinstance(kind := graph.get(key).partitions_def, dg.MultiPartitionsDefinition)
        for dimension in kind.partitions_defs
        if isinstance(dimension.partitions_def, dg.DynamicPartitionsDefinition)
    }
    return {
        "assets": {key.to_user_string() for key in graph.get_all_asset_keys()},
        "jobs": {job.name for job in repository.get_all_jobs()},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "partitions": {str(name) for name in partitions},
        "ops": {node.name for job in repository.get_all_jobs() for node in job.all_node_defs if isinstance(node, dg.OpDefinition)},
        "resources": set(definitions.resources or {}),
    }  # fmt: skip


def test_the_location_of_this_project_has_the_names_that_it_always_had() -> None:
    """Materializations, partitions, run keys and dagster.yaml's limits are kept under them."""
    assert names_in(defs()) == OWN


def test_two_instances_share_no_name() -> None:
    """Beside each other and beside this project's own location; of a host's project they touch nothing."""
    emea, apac = (SequelComponent(key_prefix=name, housekeeping=True).definitions() for name in ("emea", "apac"))
    here, there = names_in(emea), names_in(apac)
    for names in (here, there):
        names["jobs"].remove("__ASSET_JOB")
    assert {what: names & there[what] for what, names in here.items()} == {what: set() for what in OWN}
    assert {what: names & OWN[what] for what, names in here.items()} == {what: set() for what in OWN}
    assert here["assets"] == {f"emea/{name}" for name in OWN["assets"]}
    assert here["partitions"] == {"emea_company"}
    both = names_in(dg.Definitions.merge(emea, apac))
    assert both["assets"] == here["assets"] | there["assets"]


def test_lineage_and_checks_follow_the_keys() -> None:
    """Whatever the hook makes of them."""
    graph = SequelComponent(key_prefix=["team", "sequel"]).definitions().resolve_asset_graph()
    parents = {
        key.to_user_string(): {one.to_user_string() for one in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    plain = {dataset.name: {dep.asset_key.to_user_string() for dep in spec_of(dataset).deps} for dataset in DATASETS}
    assert parents == {f"team/sequel/{name}": {f"team/sequel/{one}" for one in deps} for name, deps in plain.items()}
    assert all(key.asset_key.path[:2] == ["team", "sequel"] for key in graph.asset_check_keys)
    assert len(graph.asset_check_keys) == len(defs().resolve_asset_graph().asset_check_keys)


class Renamed(SequelComponent):
    """A component of a host that names its assets itself, and counts its refreshes."""

    def get_asset_spec(self, spec: dg.AssetSpec, dataset: Dataset) -> dg.AssetSpec:
        """Put the group into the key, and add an owner."""
        spec = super().get_asset_spec(spec, dataset)
        return spec.replace_attributes(key=["crm", dataset.subject.value, dataset.name], owners=["team:crm"])


def test_a_subclass_may_name_assets_and_groups_may_be_renamed() -> None:
    """The hook sees the spec with prefix and group; what depends on it follows."""
    space = Renamed(key_prefix="x", group_names={"usage": "sequel_usage"}).namespace
    spec = space.specs["daily_usage"]
    assert (spec.key, spec.group_name, spec.owners) == (
        dg.AssetKey(["crm", "usage", "daily_usage"]), "sequel_usage", ["team:crm"],
    )  # fmt: skip
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["crm", "audience", "event_participants"])]
    assert {one.group_name for name, one in space.specs.items() if name != "daily_usage"} >= set(Subject) - {"usage"}
    with pytest.raises(ValueError, match="there is no group billing; known are catalog, usage"):
        SequelComponent(group_names={"billing": "x"})
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="their keys must differ"):
        Namespace(translate=lambda spec, _: spec.replace_attributes(key="all")).specs  # noqa: B018


def test_a_materialization_is_named_by_its_instance_and_so_are_its_sources() -> None:
    """Reports speak of datasets; an instance has the keys. Other tags stay."""
    tags = {
        "dagster/input_data_version/event_participants": "v1",
        "dagster/data_version": "v2",
        "dagster/partition/company": "a",
        "dagster/partition/day": "2026-03-01",
    }
    event = dg.AssetMaterialization("daily_usage", partition="a|2026-03-01", tags=tags)
    named = SequelComponent(key_prefix="emea").namespace.event(event)
    assert (named.asset_key, named.partition) == (dg.AssetKey(["emea", "daily_usage"]), "a|2026-03-01")
    assert named.tags == {
        "dagster/input_data_version/emea/event_participants": "v1", "dagster/data_version": "v2", "dagster/partition/company": "a", "dagster/partition/day": "2026-03-01",
    }  # fmt: skip
    assert ALONE.event(event) == event


def test_runs_of_others_are_not_ours() -> None:
    """Of another instance, of the host, or of Dagster's own job over somebody else's assets."""
    space = SequelComponent(key_prefix="emea").namespace
    mine, other = space.key("daily_usage"), dg.AssetKey(["apac", "daily_usage"])

    def run(job: str, *assets: dg.AssetKey) -> dg.DagsterRun:
        return dg.DagsterRun(job, asset_selection=set(assets) or None, tags={RANGE_START: "a|2026-03-01"})

    runs = [
        run("emea_refresh_slices"),
        run("apac_refresh_slices"),
        run("nightly"),
        run("__ASSET_JOB", mine, other),
        run("__ASSET_JOB", other),
    ]
    assert [space.is_ours(one) for one in runs] == [True, False, False, True, False]
    assert [space.watches(dg.AssetCheckKey(key, "fresh")) for key in (mine, other)] == [True, False]


class Noted(SequelComponent):
    """A component of a host that does something around each refresh; here it does not refresh at all."""

    def execute(self, context: dg.AssetExecutionContext, platform: Platform, observer: Observer) -> Iterator[Any]:
        """Note what is to be refreshed, and with which settings."""
        settings = platform.settings()
        context.log.info("a host's own word")
        NOTED.append((list(context.partition_keys), settings.start_date, type(observer).__name__))
        yield from ()


NOTED: list[tuple[list[str], date, str]] = []


def test_a_host_may_surround_each_refresh() -> None:
    """Its method gets what the refresh gets: the run's partitions, and resources by the component's own settings."""
    NOTED.clear()
    made = Noted(key_prefix="emea", workspace=given({"start_date": "2026-03-01"})).definitions()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("emea_company", ["acme.1"])
        done = made.resolve_job_def("emea_refresh_slices").execute_in_process(
            instance=instance, tags=range_tags(["acme.1"], date(2026, 3, 1), date(2026, 3, 2))
        )
    assert done.success
    assert [(["acme.1|2026-03-01", "acme.1|2026-03-02"], date(2026, 3, 1), "Observer")] == NOTED


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"key_prefix": "emea"}, "key_prefix"),
        ({"key_prefix": ["apac"], "partitions_name": "emea_company"}, "partitions_name"),
        ({"key_prefix": "apac"}, "workspace.warehouse_url"),
        (
            {"key_prefix": "apac", "workspace": {"warehouse_url": "sqlite:///./folder/../emea.db"}},
            "workspace.warehouse_url",
        ),
        ({"key_prefix": "apac", "workspace": {"warehouse_url": "sqlite:///apac.db"}}, None),
    ],
)
def test_instances_that_would_share_anything_are_refused(other: dict[str, Any], words: str | None) -> None:
    """Two that refresh one warehouse would report its slices under two names, and delete each other's runs."""
    own = given({"warehouse_url": "sqlite:///emea.db"})
    first = SequelComponent(key_prefix="emea", workspace=own)
    second = SequelComponent(
        **(other | {"workspace": given(other.get("workspace", {"warehouse_url": "sqlite:///emea.db"}))})
    )
    if words is None:
        refuse_shared(first, [second])
        return
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match=f"two Sequel components have the same {words}; give each its own"
    ):
        refuse_shared(first, [second])


def test_a_warehouse_is_the_same_whoever_signs_in() -> None:
    """By host, port and database; a schema of its own is another one."""
    urls = [
        "postgresql://a:x@db/sequel", "postgresql+psycopg://b@db:5432/sequel", "postgresql://a@db/other",
        "postgresql://a@db/sequel?options=-csearch_path%3Demea", "no url",
    ]  # fmt: skip
    assert [place_of(urls[0]) == place_of(url) for url in urls] == [True, True, False, False, False]


@pytest.mark.parametrize("is_on", [True, False])
def test_schedules_and_sensors_are_on_or_off(*, is_on: bool) -> None:
    """Sensors of webhooks stay off without an address; whatever is off can be started in Dagster."""
    made = SequelComponent(key_prefix="emea", schedules=is_on, sensors=is_on, workspace=given({})).definitions()
    assert {one.default_status.value for one in made.schedules or []} == {"RUNNING" if is_on else "STOPPED"}
    on = {one.name for one in made.sensors or [] if one.default_status.value == "RUNNING"}
    assert on == ({"emea_new_companies", "emea_checks_after_refresh", "emea_alerts"} if is_on else set())


def test_every_job_has_its_executor_and_the_host_keeps_its_own() -> None:
    """Merged into a project that runs each op in a process of its own."""
    made = dg.Definitions.merge(
        SequelComponent(key_prefix="emea", housekeeping=True).definitions(),
        dg.Definitions(executor=dg.multiprocess_executor),
    )
    executors = {job.name: job.executor_def.name for job in made.get_repository_def().get_all_jobs()}
    assert executors.pop("__ASSET_JOB") == "multiprocess"
    assert set(executors.values()) == {"in_process"}
    assert len(executors) == 8
