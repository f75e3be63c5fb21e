"""The component as YAML in a temporary project, loaded in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

from sequel_assets import SequelComponent
from sequel_assets.component.scaffolder import attributes
from sequel_assets.orchestration.partitions import range_tags
from sequel_assets.settings import SettingsError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.support.commands.calls import clean_environment, variables
from sequel_assets_tests.support.small_world import DAYS
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated")  # Dagster reads its YAML with it
TYPE = "sequel_assets.SequelComponent"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DefsFolderSandbox]:
    """A project with nothing in its defs folder."""
    monkeypatch.chdir(tmp_path)
    with variables(clean_environment()), create_defs_folder_sandbox() as project:
        yield project


def add(project: DefsFolderSandbox, name: str, attributes: dict[str, Any]) -> Path:
    """Write a component into the project."""
    folder = project.defs_folder_path / name
    folder.mkdir()
    (folder / "defs.yaml").write_text(yaml.safe_dump({"type": TYPE, "attributes": attributes}))
    return folder


def component_of(project: DefsFolderSandbox, attributes: dict[str, Any]) -> SequelComponent:
    """The component that the YAML makes."""
    folder = add(project, "one", attributes)
    with project.build_component_tree() as tree:
        return tree.load_component(folder, SequelComponent)


DIGITS = "00120034005600780090012003400560"


def test_a_workspace_takes_variables_as_they_are_and_nothing_else_of_the_environment(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of digits stays one; what is not set counts as left out; a SEQUEL_ variable that is not named is not read."""
    for name, value in {
        "A_KEY": DIGITS,
        "A_SECRET": "1_000",
        "A_DAYS": '{"acme": 13}',
        "SEQUEL_SETTLE_MINUTES": "9",
    }.items():
        monkeypatch.setenv(name, value)
    made = component_of(
        project,
        {
            "key_prefix": "emea",
            "workspace": {
                "person_key": "{{ env.A_KEY }}",
                "client_secret": "{{ env.A_SECRET }}",
                "client_id": "{{ env.NOT_SET }}",
                "warehouse_url": "sqlite:///{{ env('A_FOLDER', '/tmp') }}/w.db",
                "start_date": date(2026, 3, 1),
                "max_concurrency": 3,
                "company_retention_days": "{{ env.A_DAYS }}",
            },
        },
    )
    settings = made.load_settings()
    assert settings.person_key is not None
    assert settings.client_secret is not None
    assert (settings.person_key.get_secret_value(), settings.client_secret.get_secret_value()) == (DIGITS, "1_000")
    assert (settings.client_id, settings.warehouse_url, settings.max_concurrency) == (None, "sqlite:////tmp/w.db", 3)
    assert (settings.start_date, settings.settle_minutes) == (date(2026, 3, 1), 5)
    assert settings.company_retention_days == {"acme": 13}
    assert DIGITS not in repr(made)
    with pytest.raises(SettingsError, match=r"^workspace.client_id: is not set. What it is: client id"):
        settings.require("client_id")


@pytest.mark.parametrize(
    ("workspace", "words"),
    [
        ({"settle_minutes": 75}, "workspace.settle_minutes: input should be less than or equal to 59"),
        ({"person_key": "{{ env.SHORT }}"}, "workspace.person_key: it must have 32 characters or more"),
        ({"client_id": "{{ nobody.knows }}"}, "workspace.client_id: its template cannot be filled in: 'nobody' is undefined"),
        ({"clientid": "x"}, "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch, workspace: dict[str, Any], words: str
) -> None:
    """By its key in the YAML."""
    monkeypatch.setenv("SHORT", "zq-short-key")
    with pytest.raises(Exception, match=r".*") as refused:
        component_of(project, {"workspace": workspace})
    said = "".join(map(str, [refused.value, refused.value.__cause__ or "", refused.value.__context__ or ""]))
    assert words in said
    assert "zq-short-key" not in said


def test_a_translation_in_yaml_names_assets_by_their_dataset(project: DefsFolderSandbox) -> None:
    """As other integrations have it."""
    made = component_of(
        project,
        {
            "key_prefix": "sequel",
            "group_names": {"usage": "billing"},
            "translation": {"tags": {"table": "{{ dataset.name }}"}, "owners": ["team:crm"], "key_prefix": "raw"},
        },
    )
    spec = made.namespace.specs["daily_usage"]
    assert (spec.key, spec.group_name) == (dg.AssetKey(["raw", "sequel", "daily_usage"]), "billing")
    assert (spec.tags["table"], spec.owners) == ("daily_usage", ["team:crm"])


def test_scaffolded_instances_have_variables_and_keys_of_their_own(project: DefsFolderSandbox) -> None:
    """The first by the names of docs/settings.md, another by its folder's; both load as they are written, in any environment."""
    folders = [project.scaffold_component(SequelComponent, name) for name in ("sequel", "EMEA team")]
    written = [yaml.safe_load((folder / "defs.yaml").read_text())["attributes"] for folder in folders]
    assert written == [attributes("sequel"), attributes("emea_team")]
    assert [one["workspace"]["client_id"] for one in written] == [
        "{{ env.SEQUEL_CLIENT_ID }}", "{{ env.EMEA_TEAM_SEQUEL_CLIENT_ID }}",
    ]  # fmt: skip
    with variables({"SEQUEL_WAREHOUSE_URL": "sqlite:///one.db"}), project.build_all_defs() as definitions:
        keys = {key.path[0] for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {"sequel", "emea_team"}


def test_two_instances_of_one_warehouse_are_refused_when_the_project_loads(project: DefsFolderSandbox) -> None:
    """Though their names differ: neither has a warehouse of its own."""
    for name in ("emea", "apac"):
        add(project, name, {"key_prefix": name, "workspace": {"company_id": name}})
    with pytest.raises(Exception, match=r".*") as refused, project.build_all_defs():
        pass
    chain, error = "", refused.value
    while error is not None:
        chain, error = chain + str(error), error.__cause__ or error.__context__
    assert "two Sequel components have the same workspace.warehouse_url; give each its own" in chain


def counts(url: str) -> dict[str, int]:
    """Rows of a warehouse."""
    warehouse = Warehouse(url)
    try:
        with warehouse.read() as connection:
            tables = ("companies", "event_participants", "daily_usage", "refreshes")
            return {name: connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0 for name in tables}
    finally:
        warehouse.dispose()


@pytest.mark.scenario
def test_two_instances_side_by_side_share_no_partition_key_or_row(project: DefsFolderSandbox, tmp_path: Path) -> None:
    """One Dagster, one account, two components from YAML: what one refreshes the other does not see."""
    with ExitStack() as stack:
        stage = Stage(tmp_path, stack)
        urls = {name: f"sqlite:///{tmp_path / name}.db" for name in ("emea", "apac")}
        account = {
            name.removeprefix("SEQUEL_").lower(): value
            for name, value in stage.variables.items()
            if name.startswith("SEQUEL_")
        }
        for name, url in urls.items():
            workspace = account | {"warehouse_url": url}
            add(project, name, {"key_prefix": name, "workspace": workspace, "schedules": False, "sensors": False})
        definitions = stack.enter_context(project.build_all_defs())
        stack.enter_context(variables(clean_environment(DAGSTER_EVENT_BATCH_SIZE="500")))

        def run(job: str, tags: dict[str, str] | None = None) -> None:
            done = definitions.resolve_job_def(job).execute_in_process(instance=stage.instance, tags=tags or {})
            assert done.success

        def partitions() -> dict[str, int]:
            names = ("company", "emea_company", "apac_company")
            return {name: len(stage.instance.get_dynamic_partitions(name)) for name in names}

        def materialized(name: str) -> set[str]:
            key = dg.AssetKey([name, "daily_usage"])
            return set(stage.instance.get_materialized_partitions(key))

        run("emea_refresh_catalog")
        assert partitions() == {"company": 0, "emea_company": 3, "apac_company": 0}
        company = next(key for key in stage.instance.get_dynamic_partitions("emea_company") if key.startswith("acme"))
        run("emea_refresh_slices", range_tags([company], DAYS[0], DAYS[0]))
        assert materialized("emea") == {f"{company}|{DAYS[0]}"}
        assert materialized("apac") == set()
        before = counts(urls["emea"])
        assert before["event_participants"] > 0
        assert not (tmp_path / "apac.db").exists()
        run("apac_refresh_catalog")
        run("apac_refresh_slices", range_tags([company], DAYS[1], DAYS[1]))
        assert partitions() == {"company": 0, "emea_company": 3, "apac_company": 3}
        assert (materialized("emea"), materialized("apac")) == ({f"{company}|{DAYS[0]}"}, {f"{company}|{DAYS[1]}"})
        assert counts(urls["emea"]) == before
        assert stage.instance.get_materialized_partitions(dg.AssetKey("daily_usage")) == set()
        assert json.loads(json.dumps(counts(urls["apac"])))["daily_usage"] > 0
