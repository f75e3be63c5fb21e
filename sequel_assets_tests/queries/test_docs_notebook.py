"""The notebook of the documentation runs, and holds no output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.insights.peak_concurrency import PEAK_CONCURRENCY
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.cli.test_cli_query import ENV, FIRST, LAST, folder
from sequel_assets_tests.insights.test_companies import answer
from sequel_assets_tests.support.commands.calls import clean_environment, variables
from sequel_assets_tests.support.paths import PROJECT

__all__ = ["folder"]
NOTEBOOK = PROJECT / "docs" / "notebooks" / "usage.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    """The cells of the notebook."""
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def test_the_notebook_holds_no_output(cells: list[dict[str, Any]]) -> None:
    """Outputs could hold people, and would go stale."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 8
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> str:
    """A copy of the warehouse of the tests of `query`, with the insights that the notebook shows."""
    copy = tmp_path / "warehouse.db"
    copy.write_bytes((folder / "warehouse.db").read_bytes())
    warehouse = Warehouse(f"sqlite:///{copy}")
    for insight in (DAILY_USAGE, PEAK_CONCURRENCY):
        rows = [row for of in ("root", "sub") for row in answer(warehouse, insight, FIRST, LAST, FIRST, of)]
        with warehouse.write() as connection:
            bulk.insert(connection, insight.table, rows)
    warehouse.dispose()
    return f"sqlite:///{copy}"


def test_every_cell_of_the_notebook_runs_in_order(
    cells: list[dict[str, Any]], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one namespace, as a kernel has it."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with mpl.rc_context({"backend": "Agg"}), variables(clean_environment(**ENV, SEQUEL_WAREHOUSE_URL=url)):
        for cell in cells:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{NOTEBOOK.name} {cell['id']}", "exec"), names)
    assert names["company"] == "root.0"
    assert names["minutes"].sum().to_dict() == {"root.0": 15, "sub.0": 29}
    assert names["usage"]["engaged_minutes"].tolist() == [44, 4, 40]
    assert names["people"]["person_id"].tolist() == ["a", "b", "c"]
