"""The map: it loads in any environment, and shows what the datasets say of themselves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from dagster._daemon.sensor import MIN_INTERVAL_LOOP_TIME

from sequel_assets.insights import INSIGHTS
from sequel_assets.orchestration.reporting.specs import LAYER_TAG, spec_of
from sequel_assets.orchestration.sensors.webhooks import INTERVALS
from sequel_assets.refresh.core.datasets import CATALOG, EVENT_DETAILS, LISTS, SLICED, SUBSCRIPTIONS
from sequel_assets_tests.support.commands.calls import clean_environment
from sequel_assets_tests.support.stage import Stage, files_below

LOADS = """
import json
from sequel_assets.definitions import defs
graph = defs().resolve_asset_graph()
asset = next(node for node in graph.asset_nodes if node.key.to_user_string() == "daily_usage")
(days,) = [d.partitions_def for d in asset.partitions_def.partitions_defs if d.name == "day"]
keys = days.get_partition_keys()
print(json.dumps([len(graph.get_all_asset_keys()), keys[0], keys[-1]]))
"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("told", "first", "last"),
    [
        pytest.param({}, "2025-01-01", None, id="no variable at all"),
        pytest.param(
            {"SEQUEL_NOW": "2020-05-04T03:02:01Z", "SEQUEL_START_DATE": "2019-01-01"},
            "2019-01-01",
            "2020-05-04",
            id="a clock in the past",
        ),
        pytest.param({"SEQUEL_NOW": "2199-05-04T03:02:01Z"}, "2025-01-01", "2199-05-04", id="a clock in the future"),
    ],
)
def test_definitions_load(told: dict[str, str], first: str, last: str | None, tmp_path: Path) -> None:
    """Nothing is opened or written; the days end where the clock stands."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **told}
    done = subprocess.run(
        [sys.executable, "-c", LOADS], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    count, found_first, found_last = json.loads(done.stdout)
    assert count == len([*CATALOG, SUBSCRIPTIONS, *SLICED])
    assert found_first == first
    assert found_last == (last or found_last)
    assert files_below(tmp_path) == set()


@pytest.mark.scenario
def test_dagster_definitions_validate_passes(tmp_path: Path) -> None:
    """As CI of a deployment would call it."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "sequel_assets.definitions"]
    env = clean_environment(DAGSTER_HOME=str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


def test_the_asset_graph_is_the_datasets(stage: Stage) -> None:
    """Keys, lineage, kinds and owners."""
    graph = stage.definitions.resolve_asset_graph()
    told = {
        node.key.to_user_string(): (
            sorted(key.to_user_string() for key in node.parent_keys),
            set(node.kinds),
            node.owners,
            node.partitions_def is not None,
        )
        for node in graph.asset_nodes
    }
    owners, python, sql = ["team:data-platform"], {"python", "table"}, {"sql", "table"}
    minutes, activity = ["event_participants", "event_concurrency"], ["event_activity"]
    asked = ["poll_answers", "questions", "chat_messages"]
    assert told == {
        "companies": ([], python, owners, False),
        "company_parents": ([], python, owners, False),
        "events": (["companies"], python, owners, False),
        **{dataset.name: (["events"], python, owners, False) for dataset in LISTS},
        **{dataset.name: (["events"], python, owners, True) for dataset in EVENT_DETAILS},
        "event_participants": (["events"], python, owners, True),
        "event_concurrency": (["events"], python, owners, True),
        "daily_usage": (["event_participants"], sql, owners, True),
        "audience_usage": (["event_hosts", "event_participants"], sql, owners, True),
        "lifetime_usage": (["event_participants"], sql, owners, True),
        "peak_concurrency": (["event_concurrency"], sql, owners, True),
        "event_statistics": (
            sorted([*minutes, *activity, *asked, "polls", "reactions"]),
            sql,
            owners,
            True,
        ),
        "event_retention": (["event_concurrency"], sql, owners, True),
        "person_engagement": (sorted(["event_participants", *activity, *asked]), sql, owners, True),
        "person_history": (["event_participants"], sql, owners, True),
        "networking": (["event_participants"], sql, owners, True),
        "funnel": (
            ["event_activity", "event_participants", "poll_answers", "questions"],
            sql,
            owners,
            True,
        ),
        "usage_comparison": (["event_participants"], sql, owners, True),
        "top_participants": (["event_participants"], sql, owners, True),
        "company_rollup": (sorted(minutes), sql, owners, True),
    }


GROUPS = {
    "catalog": {"companies", "company_parents", "events"},
    "usage": {"daily_usage", "lifetime_usage", "usage_comparison", "company_rollup", "audience_usage"},
    "audience": {"event_participants", "top_participants", "person_engagement", "person_history", "registrants"},
    "event_details": {
        "event_concurrency", "peak_concurrency", "event_retention", "event_statistics", "event_hosts", "replays",
        "event_activity", "funnel",
    },
    "interaction": {"polls", "poll_options", "poll_answers", "questions", "chat_messages", "reactions"},
    "networking": {"hub_participants", "hub_rooms", "networking"},
    "platform": {"subscriptions"},
}  # fmt: skip


def test_assets_stand_in_the_group_of_their_subject_and_a_tag_says_landed_or_derived() -> None:
    """Who looks for usage need not know how it is made."""
    specs = [spec_of(dataset) for dataset in (*CATALOG, SUBSCRIPTIONS, *SLICED)]
    groups: dict[str, set[str]] = {}
    for spec in specs:
        groups.setdefault(str(spec.group_name), set()).add(spec.key.to_user_string())
    assert groups == GROUPS
    derived = {spec.key.to_user_string() for spec in specs if spec.tags[LAYER_TAG] == "derived"}
    assert derived == {insight.name for insight in INSIGHTS}
    assert {spec.tags[LAYER_TAG] for spec in specs} == {"landed", "derived"}


def test_each_assets_page_says_what_its_table_means() -> None:
    """The question, the grain, the source, an example, and every column with type and comment."""
    types = {"text", "date", "bigint", "double", "integer", "boolean", "timestamp (UTC)", "numeric"}
    for dataset in (*CATALOG, *SLICED):
        spec = spec_of(dataset)
        for part in (dataset.answers, dataset.grain, dataset.source, dataset.refreshed, dataset.example):
            assert " ".join(part.split()) in " ".join((spec.description or "").split())
        columns = spec.metadata["dagster/column_schema"].columns
        assert [(column.name, column.description) for column in columns] == [
            (column.name, column.comment) for column in dataset.table.columns
        ]
        assert all(column.description for column in columns)
        assert {column.type for column in columns} <= types
        assert spec.metadata["dagster/table_name"] == dataset.name


def test_a_look_at_the_inbox_is_due_before_the_daemons_turn_that_it_takes() -> None:
    """The daemon's loop looks at what is due every 5 s; what is due at that very moment waits for the next turn."""
    assert MIN_INTERVAL_LOOP_TIME == 5
    assert [0 < seconds % MIN_INTERVAL_LOOP_TIME < 4 for seconds in INTERVALS.values()] == [True] * 4
