"""Generate the pages of docs/ that describe tables, settings and roles: `python -m tools.docs` writes them.

The source of each page is the code (comments of tables, descriptions of settings); a test fails when a page is stale.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets import settings
from sequel_assets.refresh.core.datasets import CATALOG, ENDPOINTS, SLICED
from sequel_assets.warehouse.tables.company_lists import api_profile, availability, warehouse_identity
from sequel_assets.warehouse.tables.core import (
    exclusions,
    people,
    problems,
    proofs,
    reconciliations,
    refreshes,
    restatements,
    silences,
)
from sequel_assets.warehouse.tables.dataset import Dataset
from sequel_assets.warehouse.tables.unlisted import unlisted_usage
from sequel_assets.warehouse.tables.webhooks import inbox, subscriptions
from tools.examples import example_rows
from tools.flow import flow_svg
from tools.messages.page import messages_page
from tools.roles import roles_sql

MAX_EXAMPLE = 36
"""The longest example that is shown in full: an id has so many characters."""
BOOKKEEPING = (
    people,
    proofs,
    unlisted_usage,
    silences,
    refreshes,
    problems,
    restatements,
    reconciliations,
    exclusions,
    *(table for endpoint in ENDPOINTS for table in endpoint.beside.values()),
    availability,
    warehouse_identity,
    api_profile,
    subscriptions,
    inbox,
)


def datasets_page() -> str:
    """Return docs/datasets.md, made from the datasets and the comments of their tables."""
    lines = [
        "# Datasets",
        "",
        "Generated from the tables' comments by `make docs`; edit them there. Times are UTC, `day` is a UTC day,",
        "minutes are whole numbers. Every key begins with `company_id`. The examples are rows of the synthetic world",
        "that `sequel-assets sandbox` serves; an empty one is null.",
        "",
    ]
    datasets = (*CATALOG, *SLICED)
    examples = example_rows(dataset.table for dataset in datasets)
    for dataset in datasets:
        lines += _dataset(dataset, examples[dataset.name])
    lines += ["## Behind the datasets", ""]
    for table in BOOKKEEPING:
        lines += [f"### `{table.name}`", "", f"{table.comment}.", "", *_columns(table), ""]
    return "\n".join(lines)


def _dataset(dataset: Dataset, row: Mapping[str, Any]) -> list[str]:
    facts = [
        f"- **Grain**: {dataset.grain}.",
        f"- **Source**: {dataset.source}.",
        f"- **Refreshed**: {dataset.refreshed}.",
    ]
    example = ["```sql", dataset.example, "```"]
    return [
        f"## `{dataset.name}`",
        "",
        dataset.answers,
        "",
        *facts,
        "",
        *_columns(dataset.table, row),
        "",
        *example,
        "",
    ]


def _columns(table: sa.Table, example: Mapping[str, Any] | None = None) -> list[str]:
    rows = ["| column | type | meaning |", "| --- | --- | --- |"]
    if example is not None:
        rows = [f"{row} {more} |" for row, more in zip(rows, ("example", "---"), strict=True)]
    for column in table.columns:
        name = f"**`{column.name}`**" if column.primary_key else f"`{column.name}`"
        kind = str(column.type).lower().replace("datetime", "timestamp")
        shown = "" if example is None else f" {_shown(example[column.name])} |"
        rows.append(f"| {name} | {kind} | {column.comment} |{shown}")
    return rows


def _shown(value: object) -> str:
    """Return a value as a short cell: null is empty, a time is in UTC and to the second."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    text = text if len(text) <= MAX_EXAMPLE else f"{text[: MAX_EXAMPLE - 1]}…"
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {
    "datasets.md": datasets_page,
    "settings.md": settings.as_markdown,
    "messages.md": messages_page,
    "roles.sql": roles_sql,
    "images/flow.svg": flow_svg,
}
"""The generated pages by their name in docs/."""

if __name__ == "__main__":
    for name, page in PAGES.items():
        Path("docs", name).write_text(page(), encoding="utf-8")
