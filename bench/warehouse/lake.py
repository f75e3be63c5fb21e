"""Lake: exports of a year of 50 companies, and the same questions to the warehouse and to DuckDB over the lake, as commands.

Each row is a process of `sequel-assets`: seconds, CPU seconds and the most memory it had (never less than this process has, which
starts it); of a question the median of three.
LAKE_PEOPLE=1600 makes it 10 M facts (160: 1 M), LAKE_DATABASES=sqlite leaves out PostgreSQL.
"""

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from bench.support.filled import FIRST, LAST, NOW, analyze, count_slices, fill
from sequel_assets.cli.lake.writing import write_rows
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.replacement import sum_up
from sequel_assets.warehouse.tables.core import event_concurrency, event_participants
from sequel_assets_tests.support.postgres import PostgresServer

HEADINGS = ("database", "what", "s", "CPU s", "MiB of memory")
TABLES = (event_participants, event_concurrency)
COMPANIES = 50
OF_MONTH, OF_YEAR = ["--from", "2026-10-01", "--to", "2026-10-31"], ["--from", str(FIRST), "--to", str(LAST)]
QUESTIONS = {
    "usage of a company, a month": ["usage", "--company", "c7", *OF_MONTH],
    "usage of a company, a year": ["usage", "--company", "c7", *OF_YEAR],
    "roll-up over all companies, a month": ["rollup", "--company", "c0", *OF_MONTH],
    "roll-up over all companies, a year": ["rollup", "--company", "c0", *OF_YEAR],
    "top 10 over all companies, a year": ["top", "--company", "c0", "--beneath", *OF_YEAR],
}
Row = tuple[str, str, float | str, float | str, float | str]


def run() -> Iterator[Row]:
    """Yield a row per database and command."""
    databases = os.environ.get("LAKE_DATABASES", "sqlite,postgresql").split(",")
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in databases:
            path = Path(folder) / "lake.db"
            yield from _measure("SQLite", f"sqlite:///{path}", Path(folder) / "of sqlite", path)
        if "postgresql" in databases:
            server = PostgresServer.start()
            try:
                server.run("CREATE DATABASE lake")
                yield from _measure("PostgreSQL", server.url("lake"), Path(folder) / "of postgresql", None)
            finally:
                server.stop()


def _measure(name: str, url: str, lake: Path, file: Path | None) -> Iterator[Row]:
    people, chance, warehouse = int(os.environ.get("LAKE_PEOPLE", "160")), random.Random(5), Warehouse(url)
    schema.migrate(warehouse)
    facts = sum(fill(warehouse, f"c{n}", chance, people=people, tables=TABLES) for n in range(COMPANIES))
    count_slices(warehouse, TABLES)
    analyze(warehouse)
    yield name, f"{facts:,} facts", "", "", ""
    export = ["export", "--layout", "lake", "--all", "--out", str(lake)]
    yield name, "export: first", *_called(url, *export)[1:]
    yield name, "export: nothing changed", *_called(url, *export)[1:]
    with warehouse.write() as connection:
        f = event_participants.c
        here = (f.company_id == "c7", f.day == FIRST)
        connection.execute(event_participants.update().where(*here).values(engaged_minutes=31, live_minutes=31))
        sum_up(connection, "c7", event_participants, FIRST)
    yield name, "export: one slice changed", *_called(url, *export)[1:]
    for what, asked in QUESTIONS.items():
        answers = []
        for engine, options in (("warehouse", []), ("DuckDB", ["--engine", "duckdb", "--lake", str(lake)])):
            made = sorted((_called(url, "query", *asked, *options) for _ in range(3)), key=lambda one: one[1])
            answers.append(made[1][0])
            yield name, f"{what}: {engine}", *made[1][1:]
        assert answers[0] == answers[1], f"{what}: the answers differ"
    if file is not None:
        yield name, f"bytes of the database: {file.stat().st_size:,}", "", "", ""
    size = sum(path.stat().st_size for path in lake.rglob("*") if path.is_file())
    yield name, f"bytes of the lake: {size:,}", "", "", ""
    yield (
        name,
        f"bytes of a fact whose person_id is as random as a real one: {_bytes_of_a_fact(warehouse, lake):.1f}",
        "",
        "",
        "",
    )
    warehouse.dispose()


def _bytes_of_a_fact(warehouse: Warehouse, lake: Path) -> float:
    """Return the bytes of a row in a file of a company's year: the ids of the benchmark are numbers, which compress better."""
    f = event_participants.c
    with warehouse.read() as connection:
        facts = [tuple(row) for row in connection.execute(sa.select(event_participants).where(f.company_id == "c7"))]
    place = list(f.keys()).index("person_id")
    rows = [(*row[:place], hashlib.sha256(row[place].encode()).hexdigest(), *row[place + 1 :]) for row in facts]
    path = lake.with_suffix(".parquet")
    write_rows(path, list(f), sorted(rows, key=lambda row: (row[1], row[place])))
    return path.stat().st_size / len(rows)


def _called(url: str, *arguments: str) -> tuple[str, float, float, float]:
    """Return what a command says, its seconds, its CPU seconds, and the MiB that it had at most."""
    env = os.environ | {
        "SEQUEL_WAREHOUSE_URL": url, "SEQUEL_CLIENT_ID": "id", "SEQUEL_CLIENT_SECRET": "of the benchmark",
        "SEQUEL_COMPANY_ID": "c0", "SEQUEL_PERSON_KEY": "a key of the benchmark, 0123456789-0123456789",
        "SEQUEL_START_DATE": str(FIRST), "SEQUEL_NOW": NOW.isoformat(),
    }  # fmt: skip
    began = time.perf_counter()
    command = [sys.executable, "-m", "sequel_assets.cli", *arguments]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return said, time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
