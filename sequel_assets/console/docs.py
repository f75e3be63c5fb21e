"""The generated pages of docs/: `python -m sequel_assets.console.docs` writes them, a test fails when they are stale."""

from pathlib import Path

from sequel_assets import settings
from sequel_assets.refresh.datasets import CATALOG, SLICED
from sequel_assets.warehouse.dataset import Dataset
from sequel_assets.warehouse.tables import (
    exclusions,
    people,
    problems,
    proofs,
    reconciliations,
    refreshes,
    restatements,
)

BOOKKEEPING = (people, proofs, refreshes, problems, restatements, reconciliations, exclusions)


def datasets_page() -> str:
    """Return docs/datasets.md, made from the datasets and the comments of their tables."""
    lines = [
        "# Datasets",
        "",
        "Generated from the tables' comments by `make docs`; edit them there. Times are UTC, `day` is a UTC day,",
        "minutes are whole numbers. Every key begins with `company_id`.",
        "",
    ]
    for dataset in (*CATALOG, *SLICED):
        lines += _dataset(dataset)
    lines += ["## Behind the datasets", ""]
    for table in BOOKKEEPING:
        lines += [f"### `{table.name}`", "", f"{table.comment}.", "", *_columns(table.columns), ""]
    return "\n".join(lines)


def _dataset(dataset: Dataset) -> list[str]:
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
        *_columns(dataset.table.columns),
        "",
        *example,
        "",
    ]


def _columns(columns: object) -> list[str]:
    rows = ["| column | type | meaning |", "| --- | --- | --- |"]
    for column in columns:  # type: ignore[attr-defined]
        name = f"**`{column.name}`**" if column.primary_key else f"`{column.name}`"
        kind = str(column.type).lower().replace("datetime", "timestamp")
        rows.append(f"| {name} | {kind} | {column.comment} |")
    return rows


PAGES = {"datasets.md": datasets_page, "settings.md": settings.as_markdown}
"""The generated pages by their name in docs/."""

if __name__ == "__main__":
    for name, page in PAGES.items():
        Path("docs", name).write_text(page(), encoding="utf-8")
