"""Every insight and every question of a range in Spark over the lake: the warehouse's very answers. Needs pyspark and Java."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from sequel_assets.insights.coverage import select_members
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries.engines.lake_sql import as_sql
from sequel_assets.queries.engines.spark_lake import opened_spark_lake
from sequel_assets.queries.lake.manifest import LakeError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.insights import test_duckdb
from sequel_assets_tests.support.suite.scale import scaled

MISSING = [
    reason
    for is_there, reason in (
        (find_spec("pyspark"), "pyspark is not installed: pip install 'sequel_assets[spark]'"),
        (shutil.which("java"), "there is no Java 17 (Debian: default-jre-headless)"),
    )
    if not is_there
]


@pytest.mark.scenario
@pytest.mark.skipif(bool(MISSING), reason="; ".join(MISSING))
@pytest.mark.alternating
@pytest.mark.parametrize("number", range(scaled(1, 50)))
def test_every_insight_and_every_question_of_a_range_comes_out_the_same_in_spark_over_the_lake(
    warehouse: Warehouse, tmp_path: Path, number: int
) -> None:
    """To the digit, as DuckDB's do."""
    found = test_duckdb.compared(warehouse, test_duckdb.world(number), tmp_path / "lake", opened_spark_lake)
    assert found.total() > 0


def test_what_spark_cannot_read_is_written_otherwise() -> None:
    """Its recursion knows no UNION, its texts no collation C: what repeats is taken out where the result is read."""
    day = test_duckdb.SPEC.first_day
    text = as_sql(select_members(Scope("acme", Days(day, day), includes_sub_companies=True)), "spark").text
    assert " UNION ALL " in text
    assert " UNION SELECT" not in text
    assert "(SELECT DISTINCT * FROM " in text
    assert "COLLATE" not in text


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="pyspark is installed")
def test_without_spark_a_question_says_what_to_install(tmp_path: Path, warehouse: Warehouse) -> None:
    """In one line, before anything is started."""
    options = test_duckdb.LakeOptions(str(tmp_path / "lake"))
    settings = test_duckdb.settings_of(warehouse, test_duckdb.SPEC.first_day)
    assert test_duckdb.export_lake(settings, options) == 0
    with pytest.raises(LakeError) as refused, opened_spark_lake(str(tmp_path / "lake")):
        pass
    assert str(refused.value) == "--engine spark needs Spark: pip install 'sequel_assets[spark]'; or leave it out"
