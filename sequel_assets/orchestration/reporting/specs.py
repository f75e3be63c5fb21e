"""Makes a dataset's asset: description, columns, lineage, group, layer, kinds and owner, all from its declaration."""

import re
from datetime import timedelta

import dagster as dg

from sequel_assets.refresh.core.datasets import COMPANIES, EVENTS, HOURLY_NAMES, LANDED, LISTS
from sequel_assets.refresh.datasets.lists import EVENT_HOSTS
from sequel_assets.warehouse.tables.dataset import Dataset, Insight

HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=27), warn_window=timedelta(hours=25))
"""For the UI's own freshness column: something was materialized within a day, as every day's close does; an hour in which
nothing changed logs nothing. docs/freshness.md says what it cannot know, and why to rely on the checks *fresh_by_the_hour*."""
CLAUSE = re.compile(r" (FROM|WHERE|GROUP BY|ORDER BY) ")
"""Where an example gets a new line, for the page shows some 90 characters of one."""
OWNERS = ["team:data-platform"]
LAYER_TAG = "sequel_assets/layer"
"""The tag that says whether a dataset is landed from Sequel or derived in the warehouse; its group says what it is about."""


def describe(dataset: Dataset) -> str:
    """Return the text of the dataset's page: what it answers, grain, source, when it is refreshed, an example."""
    example = CLAUSE.sub(r"\n\1 ", dataset.example)
    return (
        f"{dataset.answers}\n\n"
        f"Grain: {dataset.grain}.\n\n"
        f"Source: {dataset.source}.\n\n"
        f"Refreshed: {dataset.refreshed}.\n\n"
        f"```sql\n{example}\n```"
    )


def column_schema(dataset: Dataset) -> dg.TableSchema:
    """Return the columns with their types and meanings, as the table's comments say them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                str(column.type).lower().split("(")[0].replace("datetime", "timestamp (UTC)"),
                column.comment,
                dg.TableColumnConstraints(nullable=bool(column.nullable), unique=False),
            )
            for column in dataset.table.columns
        ]
    )


def lineage(dataset: Dataset) -> list[str]:
    """Return the datasets directly before this one."""
    if isinstance(dataset, Insight):
        return [*dataset.inputs, *((EVENT_HOSTS.name,) if dataset.reads_hosts else ())]
    if dataset in LANDED:
        return [EVENTS.name]
    if dataset is EVENTS:
        return [COMPANIES.name]
    return [EVENTS.name] if dataset in LISTS else []


def spec_of(dataset: Dataset, partitions: dg.PartitionsDefinition[str] | None = None) -> dg.AssetSpec:
    """Return the asset of a dataset; one that is partitioned is skippable, for its slices report themselves."""
    kinds = {"sql", "table"} if isinstance(dataset, Insight) else {"python", "table"}
    return dg.AssetSpec(
        dataset.name,
        deps=lineage(dataset),
        description=describe(dataset),
        metadata={"dagster/column_schema": column_schema(dataset), "dagster/table_name": dataset.name},
        group_name=dataset.subject.value,
        tags={LAYER_TAG: "derived" if isinstance(dataset, Insight) else "landed"},
        owners=OWNERS,
        kinds=kinds,
        partitions_def=partitions,
        skippable=partitions is not None,
        freshness_policy=HOURLY if dataset.name in HOURLY_NAMES else None,
    )
