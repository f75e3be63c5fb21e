"""`sequel-assets dbt-sources`: sources.yml for dbt (1.10.5 or newer), made from the tables as this release knows them.

It reads no warehouse. Tables that hold who people are, or secrets, are no source; personal columns are described and not tested.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.terminal import console
from sequel_assets.insights import periods, top_participants
from sequel_assets.reconciliation.decisions import ReconciliationResult
from sequel_assets.refresh.core.datasets import CATALOG, HOURLY_NAMES, SLICED, SLICED_NAMES
from sequel_assets.warehouse.stores.problems import ProblemKind
from sequel_assets.warehouse.tables.company_lists import availability
from sequel_assets.warehouse.tables.core import ALL, HUB, STAGE, problems, reconciliations, refreshes, restatements

SOURCE = "sequel"
BOOKKEEPING = (refreshes, problems, restatements, reconciliations, availability)
LISTS = (*top_participants.EVERY_DAY, *top_participants.MONTHLY, top_participants.LIFETIME)
ALLOWED: dict[tuple[str, str], tuple[str, ...]] = {
    **{(name, "event_type"): (STAGE, HUB) for name in ("events", "event_participants")},
    **{(name, "event_type"): (STAGE, HUB, ALL) for name in ("daily_usage", "lifetime_usage", "company_rollup")},
    ("event_hosts", "role"): ("organizer", "presenter"),
    ("top_participants", "period"): LISTS,
    ("usage_comparison", "period"): periods.PERIODS,
    ("usage_comparison", "compared_with"): periods.COMPARED_WITH,
    ("problems", "kind"): tuple(ProblemKind),
    ("reconciliations", "verdict"): tuple(ReconciliationResult),
}
"""The columns whose values are a closed list."""
HOURLY, DAILY = (2, 6), (30, 54)
"""Hours without newer data after which dbt warns, and after which it fails: of what each hour refreshes, and of the rest."""
HEAD = """\
# Sources of sequel_assets for dbt 1.10.5 or newer, made by `sequel-assets dbt-sources`: make it again after an upgrade.
# Freshness is about the newest company. Which company is late: sequel-assets status, or the metrics (docs/bi.md).
"""


def dbt_sources(schema: str, database: str | None, out: Path | None) -> int:
    """Write sources.yml, or print it; return the exit code."""
    text = sources_yml(schema, database)
    if out is None:
        console().out(text, end="")
        return 0
    with replacing(out) as file:
        file.write(text.encode())
    return 0


def sources_yml(schema: str, database: str | None = None) -> str:
    """Return the text of sources.yml."""
    described = [(one.table, f"{one.answers} Grain: {one.grain}.") for one in (*CATALOG, *SLICED)]
    described += [(table, f"{table.comment}.") for table in BOOKKEEPING]
    place = f"{database}.{schema}" if database else schema
    source: dict[str, Any] = {
        "name": SOURCE,
        "description": "Sequel's analytics, verified, by company and UTC day. Times are UTC, minutes are whole numbers.",
        **({"database": database} if database else {}),
        "schema": schema,
        "tables": [_table(table, meaning, place) for table, meaning in described],
    }
    content = {"version": 2, "sources": [source]}
    return f"{HEAD}{yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)}"


def _table(table: sa.Table, meaning: str, place: str) -> dict[str, Any]:
    key = [str(column.name) for column in table.primary_key]
    entry: dict[str, Any] = {"name": str(table.name), "description": meaning}
    if table.name in SLICED_NAMES:
        entry["config"] = _freshness(table.name, place)
    if len(key) > 1:
        entry["data_tests"] = [{"unique": {"arguments": {"column_name": _joined(key)}}}]
    return entry | {"columns": [_column(table, column, key) for column in table.columns]}


def _freshness(name: str, place: str) -> dict[str, Any]:
    """Return how old the newest data of a dataset may be, by what `refreshes` says of its slices."""
    warn, error = HOURLY if name in HOURLY_NAMES else DAILY
    newest = f"select max(data_through) from {place}.refreshes where dataset = '{name}'"  # noqa: S608 - a table of ours
    after = {"warn_after": {"count": warn, "period": "hour"}, "error_after": {"count": error, "period": "hour"}}
    return {"loaded_at_query": newest, "freshness": after}


def _column(table: sa.Table, column: "sa.Column[Any]", key: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": str(column.name), "description": f"{column.comment}."}
    if column.info.get("personal"):
        return entry | {"config": {"meta": {"personal": True}}}
    tests: list[Any] = [] if column.nullable else ["not_null"]
    tests += ["unique"] if key == [column.name] else []
    if values := ALLOWED.get((table.name, column.name)):
        tests.append({"accepted_values": {"arguments": {"values": [str(value) for value in values]}}})
    return entry | ({"data_tests": tests} if tests else {})


def _joined(key: Iterable[str]) -> str:
    """Return a key of several columns as one text, which dbt's own test counts."""
    return "(" + " || ' ' || ".join(key) + ")"
