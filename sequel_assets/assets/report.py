"""From an outcome to what Dagster shows of a slice. Holds no name, no e-mail, no secret."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from sequel_assets.automation.partitions import slice_key
from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.refresh.datasets import LANDED_NAMES
from sequel_assets.refresh.outcomes import Outcome, Verdict
from sequel_assets.warehouse.engine import Warehouse

from .chart import draw, read_days

MOST_NAMED = 20


class Report:
    """Tells Dagster of each outcome of a run, and keeps those that failed.

    One chart per company and run goes with daily usage, on the last day of the range that is over: so it is drawn in
    backfills and at a day's close, and not every hour.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        names: Mapping[str, str],
        datasets: Collection[str],
        today: date,
        wanted: Mapping[str, Sequence[date]],
    ) -> None:
        self.failed: list[Outcome] = []
        self._context, self._names, self._datasets = context, names, datasets
        self._days = {(company_id, day) for company_id, days in wanted.items() for day in days}
        self._charted = {
            company_id: max(past) for company_id, days in wanted.items() if (past := [d for d in days if d < today])
        }

    def tell(self, outcome: Outcome, warehouse: Warehouse) -> None:
        """Log a good slice as materialized, one of another day only where its rows changed; keep a failed one."""
        is_asked = (outcome.company_id, outcome.day) in self._days
        if outcome.verdict is Verdict.FAILED and is_asked:
            self.failed.append(outcome)
        elif outcome.is_good and outcome.dataset in self._datasets and (is_asked or outcome.verdict is Verdict.DONE):
            key = self._names[outcome.company_id]
            self._context.log_event(materialization(outcome, key, self._chart(outcome, key, warehouse)))

    def _chart(self, outcome: Outcome, key: str, warehouse: Warehouse) -> str:
        if outcome.dataset != DAILY_USAGE.name or self._charted.get(outcome.company_id) != outcome.day:
            return ""
        with warehouse.read() as connection:
            return draw(key, read_days(connection, outcome.company_id, outcome.day))


def materialization(outcome: Outcome, company_key: str, chart: str = "") -> dg.AssetMaterialization:
    """Return the event that turns a slice green, with its figures."""
    key = slice_key(company_key, outcome.day)
    tags = {f"dagster/partition/{dimension}": value for dimension, value in key.keys_by_dimension.items()}
    return dg.AssetMaterialization(outcome.dataset, partition=key, metadata=figures(outcome, chart), tags=tags)


def figures(outcome: Outcome, chart: str = "") -> dict[str, Any]:
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
    if chart:
        shown["last_30_days"] = dg.MetadataValue.md(chart)
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
