"""A lake in Spark: in this process, or on a standalone cluster whose workers see the lake's folder.

Spark and Java write nothing to the terminal. A session is started once in a process, and ends with it.
"""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from sequel_assets.insights.periods import Days
from sequel_assets.queries.engines.lake_reader import LakeReader, lake_at
from sequel_assets.queries.engines.lake_sql import LakeSql
from sequel_assets.queries.lake.manifest import LakeError, Manifest
from sequel_assets.queries.lake.place import LakePlace

HERE = "local[*]"
# RemoveRedundantAliases: Spark 4.3 turns the plans of event_statistics, networking and funnel into unresolved ones by it
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.parquet.enableVectorizedReader": "true",
    "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.RemoveRedundantAliases",
    "spark.network.timeout": "120s",
    "spark.rpc.askTimeout": "60s",
}
SILENT = "rootLogger.level = off\n"
"""Log4j's configuration: what Spark logs may quote what is in a row."""
QUERY_LOGGER = "SQLQueryContextLogger"
"""PySpark's own logger, which would print each query that fails."""


class SparkLake(LakeReader):
    """A lake that Spark reads."""

    dialect = "spark"

    def __init__(self, place: LakePlace, manifest: Manifest, folder: Path, days: Days | None, spark: Any) -> None:
        super().__init__(place, manifest, folder, days)
        self._spark = spark

    def answer(self, sql: LakeSql) -> pa.Table:
        """Return the rows of a SELECT."""
        try:
            return self._spark.sql(sql.text, args=dict(sql.values)).toArrow()
        except Exception as error:  # noqa: BLE001 - of Spark, Java or the way between them; its text may quote a row
            raise LakeError(
                f"{self._place.name}: Spark could not answer ({type(error).__name__}): a worker may not see the lake's folder, or has no "
                "memory left; ask about fewer days, or the warehouse"
            ) from None

    def make_view(self, name: str, files: list[str], schema: pa.Schema) -> None:
        """Let a table be a view of Parquet files."""
        rows = self._spark.read.parquet(*files) if files else self._spark.createDataFrame(schema.empty_table())
        rows.createOrReplaceTempView(name)


@contextmanager
def opened_spark_lake(where: str, days: Days | None = None, master: str = HERE) -> Iterator[SparkLake]:
    """Open the lake at a place for questions about these days (default: any), on a Spark of that master."""
    with lake_at(where) as (place, manifest, folder):
        yield SparkLake(place, manifest, folder, days, _session(master))


@cache
def _session(master: str) -> Any:
    """Return the session of this process, started at its first use."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise LakeError("--engine spark needs Spark: pip install 'sequel_assets[spark]'; or leave it out") from None
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise LakeError("--engine spark needs Java 17 or newer (Debian: default-jre-headless); or leave it out")
    logging.getLogger(QUERY_LOGGER).setLevel(logging.CRITICAL + 1)
    folder = Path(tempfile.mkdtemp(prefix="sequel-spark-"))
    (folder / "log4j2.properties").write_text(SILENT)
    os.environ["SPARK_CONF_DIR"] = str(folder)
    with _quiet():
        try:
            builder = SparkSession.builder.master(master).appName("sequel_assets")
            for name, value in {**SETTINGS, "spark.local.dir": str(folder)}.items():
                builder = builder.config(name, value)
            session = builder.getOrCreate()
            session.range(1).count()  # a master that cannot be reached shows here
        except Exception as error:  # noqa: BLE001 - of Spark, Java or the way between them
            raise LakeError(
                f"--spark-master {master}: Spark cannot be started there ({type(error).__name__}); look whether the master and its workers "
                "run, or leave it out to compute in this process"
            ) from None
    atexit.register(_end, session, folder)
    return session


def _end(session: Any, folder: Path) -> None:
    with _quiet():
        session.stop()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Java's own lines, before Spark's logging is set up, go nowhere."""
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)
