"""From an outcome to what Dagster shows of a slice. Holds no name, no e-mail, no secret."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from sequel_assets.automation.partitions import slice_key
from sequel_assets.refresh.datasets import LANDED
from sequel_assets.refresh.outcomes import Outcome, Verdict

LANDED_NAMES = {dataset.name for dataset in LANDED}
MOST_NAMED = 20


def materialization(outcome: Outcome, company_key: str) -> dg.AssetMaterialization:
    """Return the event that turns a slice green, with its figures."""
    key = slice_key(company_key, outcome.day)
    tags = {f"dagster/partition/{dimension}": value for dimension, value in key.keys_by_dimension.items()}
    return dg.AssetMaterialization(outcome.dataset, partition=key, metadata=figures(outcome), tags=tags)


def figures(outcome: Outcome) -> dict[str, Any]:
    """Return the metadata of a slice: rows, minutes, people, data-through, what it cost, and a few rows."""
    shown: dict[str, Any] = {
        "dagster/row_count": outcome.rows,
        "verdict": str(outcome.verdict),
        "final": dg.MetadataValue.bool(outcome.is_final),
    }
    if outcome.engaged_minutes is not None:
        shown["engaged_minutes"] = outcome.engaged_minutes
    if outcome.people is not None:
        shown["people"] = outcome.people
    if outcome.data_through is not None:
        shown["data_through"] = dg.MetadataValue.timestamp(outcome.data_through)
    if outcome.dataset in LANDED_NAMES:
        shown["requests"] = outcome.requests
        shown["seconds"] = round(outcome.seconds, 3)
    if outcome.preview:
        shown["preview"] = dg.MetadataValue.md(as_markdown_table(outcome.preview))
    return shown


def as_markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first being the heading, as a Markdown table; what comes from outside is escaped."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def failure(failed: Sequence[Outcome], names: dict[str, str], fatal: str = "") -> dg.Failure:
    """Return the error that ends a run: which slices failed and why, the first ones by name, all of them counted."""
    if fatal:
        return dg.Failure(
            f"{fatal}; nothing half-written; {len(failed)} slices were not refreshed; run it again when that is mended"
        )
    named = [f"{names.get(o.company_id, o.company_id)} {o.day} {o.dataset}: {o.reason}" for o in failed[:MOST_NAMED]]
    more = f"\nand {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return dg.Failure(
        f"{len(failed)} slices failed; their older rows stay, the other slices are right:\n" + "\n".join(named) + more,
        metadata={"failed_slices": len(failed)},
    )


def is_failed(outcome: Outcome) -> bool:
    """Say whether an outcome makes the run fail; an as-of slice that waits does not."""
    return outcome.verdict is Verdict.FAILED
