"""`make dist`: what a wheel must hold is in the checkout, and a wheel without it is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sequel_assets_tests.support.paths import PROJECT
from tools.dist import ENTRY_POINTS, NEEDED, missing
from tools.project_walk import PAGE, commands


def test_what_a_wheel_lacks_or_has_too_much_is_named() -> None:
    assert missing(NEEDED) == []
    assert missing([*NEEDED, "sequel_assets-0.2.0.dist-info/METADATA"]) == []
    assert missing([*NEEDED[1:], "bench/x.py"]) == [
        "sequel_assets/py.typed is not in the wheel", "bench does not belong into the wheel",
    ]  # fmt: skip


def test_what_a_wheel_needs_is_in_the_checkout() -> None:
    """A renamed file is renamed in the check too."""
    assert [name for name in NEEDED if not (PROJECT / name).is_file()] == []


def test_the_entry_points_of_the_check_are_those_of_the_project() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert re.findall(r"^(\S+) = (\S+)$", ENTRY_POINTS, re.MULTILINE) == [
        *project["scripts"].items(),
        *project["entry-points"]["dagster_dg_cli.registry_modules"].items(),
    ]


def test_an_index_gets_what_it_shows() -> None:
    """Description, keywords and classifiers."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert {"description", "readme", "license", "keywords", "classifiers", "requires-python"} <= project.keys()
    assert "Typing :: Typed" in project["classifiers"]


def test_the_page_on_other_projects_names_the_dagster_that_is_tested_and_its_commands_can_be_read() -> None:
    """By them `make project` walks it."""
    page = PAGE.read_text()
    (pinned,) = re.findall(r"^dagster==(\S+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert set(re.findall(r"create-dagster(?:==|@)(\S+)", page)) == {pinned}
    before, settings, running = commands(page, Path("/w/x.whl"), "2026-03-01")
    assert before[0] == f"pip install create-dagster=={pinned} uv"
    assert before[-2].endswith(" /w/x.whl")
    assert before[-1] == "dg scaffold defs sequel_assets.SequelComponent sequel"
    assert "SEQUEL_START_DATE=2026-03-01" in settings
    assert [line.split()[0] for line in running] == ["export", "dg", "dg", "sequel-assets", "dg", "dg"]
