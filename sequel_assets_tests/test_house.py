"""The house rules that no linter holds: sizes, generated pages, dependencies, import time."""

import re
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sequel_assets.console.docs import PAGES
from sequel_assets.insights import LIFETIME_USAGE
from sequel_assets.refresh.datasets import CATALOG, SLICED
from sequel_assets.refresh.hours import days_between
from sequel_assets.sandbox import WorldSpec, build_world
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.webhook_tables import subscriptions
from sequel_assets_tests.pipeline.harness import failures, platform
from sequel_assets_tests.stage import clean_environment

PROJECT = Path(__file__).parent.parent
LONGEST_MODULE, LONGEST_MAP = 250, 60


def test_no_module_is_longer_than_a_person_can_hold() -> None:
    """Migrations are records, and may be."""
    modules = [p for p in (PROJECT / "sequel_assets").rglob("*.py") if "versions" not in p.parts]
    lengths = {str(path.relative_to(PROJECT)): len(path.read_text().splitlines()) for path in modules}
    assert len(lengths) > 80
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}
    assert lengths["sequel_assets/definitions.py"] <= LONGEST_MAP


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_fresh(name: str) -> None:
    """`make docs` writes them anew."""
    assert (PROJECT / "docs" / name).read_text(encoding="utf-8") == PAGES[name]()


def test_pinned_versions_name_no_registry() -> None:
    """Every line is a package and its exact version."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if line.strip() and not line.startswith("#")]
    assert [
        line for line in pinned if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.!+]+( ;.*)?", line)
    ] == []


def dependencies() -> set[str]:
    """The names that pyproject.toml asks for, the extras' included."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in asked}


def test_each_dependency_says_what_it_is_for() -> None:
    """docs/dependencies.md has a line for each, and none for what is not one."""
    told: set[str] = set()
    for line in (PROJECT / "docs" / "dependencies.md").read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| package", "| ---")):
            first = re.sub(r"\(.*?\)", "", line.split("|")[1])
            told |= {name.strip().lower() for name in first.split(",")}
    assert told == dependencies()


def test_each_dependency_is_pinned() -> None:
    """What `make install` installs holds all that pyproject.toml asks for."""
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (PROJECT / "requirements.txt").read_text().splitlines()
    }
    assert {name for name in dependencies() if name.replace("_", "-") not in pinned} == set()


def test_every_datasets_example_finds_something_on_both_databases(warehouse: Warehouse) -> None:
    """As its page promises, in a world of a few days with everything in it, whose companies are not equally far."""
    spec = WorldSpec(seed=7, companies=3, days=4, people=6, hub_every=2, now=datetime(2026, 11, 23, 15, 7, tzinfo=UTC))
    world, days = build_world(spec), days_between(spec.first_day, spec.last_day)
    with platform(world, warehouse, start=spec.first_day) as it:
        assert failures(it.refresh(days[:-1])) == []
        assert failures(it.refresh(days, [world.root.id])) == []
        with warehouse.write() as connection:
            told = {
                "company_id": world.root.id,
                "capability_hash": "hash",
                "subscription_id": "s",
                "created_at": it.clock(),
            }
            told |= {"event_type": "virtual-stage-event-ended", "expires_at": it.clock()}
            connection.execute(subscriptions.insert().values(**told))
    with warehouse.read() as connection:
        found = {one.name: len(connection.execute(sa.text(one.example)).all()) for one in (*CATALOG, *SLICED)}
        companies = connection.execute(sa.text(LIFETIME_USAGE.example)).all()
    assert [name for name, rows in found.items() if not rows] == []
    assert {row.company_id for row in companies} == {company.id for company in world.companies}


@pytest.mark.parametrize("command", ["status", "changes", "exclude", "export", "people"])
def test_a_command_that_asks_only_the_warehouse_does_not_wait_for_dagster(command: str) -> None:
    """Dagster takes more than a second to import, and has nothing to say there."""
    code = f"import sequel_assets.cli, sequel_assets.console.{command}, sys; print('dagster' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_loading_the_definitions_takes_less_than_dagster_itself() -> None:
    """Beyond `import dagster`, by the best of three, whatever the machine's mood."""
    code = (
        "import time; a = time.perf_counter(); import dagster; b = time.perf_counter(); "
        "import sequel_assets.definitions; print(b - a, time.perf_counter() - b)"
    )
    best = float("inf")
    deadline = time.monotonic() + 30
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
        )
        dagster, ours = map(float, done.stdout.split())
        best = min(best, ours / dagster)
        if best < 1 or time.monotonic() > deadline:
            break
    assert best < 2
