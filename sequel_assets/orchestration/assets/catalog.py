"""The assets that have no day: companies and their parents, events, registrants, and the people and rooms of hubs."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sequel_assets.orchestration.assets.catalog_refresh import find_companies, find_events, find_registrants
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.reporting.markdown import as_table
from sequel_assets.orchestration.reporting.provenance import STORED
from sequel_assets.orchestration.resources import Platform
from sequel_assets.refresh.core.datasets import COMPANIES, COMPANY_PARENTS, EVENTS, LISTS
from sequel_assets.safety.visible import as_line
from sequel_assets.warehouse.stores import catalog

MAX_SHOWN = 50


def row_count(table: sa.Table, connection: sa.Connection) -> int:
    """Return how many rows a table has."""
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _chosen(
    context: dg.AssetExecutionContext, space: Namespace, figures: Mapping[str, Mapping[str, Any]]
) -> Iterator[dg.MaterializeResult[None]]:
    """Yield the results of the assets that the run was asked for."""
    for name, metadata in figures.items():
        if (key := space.key(name)) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata, data_version=STORED)


def companies_asset(space: Namespace = ALONE) -> dg.AssetsDefinition:
    """Return the assets of the company hierarchy; they add the partitions of companies that are new.

    Whichever of them is chosen, the walk of the hierarchy stores both.
    """

    @dg.multi_asset(
        name=space.name("walk_companies"),
        specs=[space.spec(COMPANIES), space.spec(COMPANY_PARENTS)],
        required_resource_keys={space.platform},
        can_subset=True,
    )
    def walk_companies(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        platform: Platform = getattr(context.resources, space.platform)
        with platform.opened() as (client, warehouse):
            found = find_companies(platform, client, warehouse, context.instance, space.partitions_name)
            parents = warehouse.ask(partial(row_count, COMPANY_PARENTS.table))
        shown = [("company", "depth"), *((company.partition_key, str(company.depth)) for company in found[:MAX_SHOWN])]
        preview = dg.MetadataValue.md(as_table(shown))
        figures: dict[str, dict[str, Any]] = {
            COMPANIES.name: {"dagster/row_count": len(found), "preview": preview},
            COMPANY_PARENTS.name: {"dagster/row_count": parents},
        }
        yield from _chosen(context, space, figures)

    return walk_companies


def events_asset(space: Namespace = ALONE) -> dg.AssetsDefinition:
    """Return the asset of the events and hubs of all companies."""

    @dg.multi_asset(name=space.name("list_events"), specs=[space.spec(EVENTS)], required_resource_keys={space.platform})
    def list_events(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        platform: Platform = getattr(context.resources, space.platform)
        with platform.opened() as (client, warehouse):
            companies = warehouse.ask(catalog.present_companies)
            if not companies:
                raise dg.Failure("no company is known yet; materialize the asset companies first")
            failed = find_events(platform, client, warehouse, companies, context.run.run_id)
            rows = warehouse.ask(partial(row_count, EVENTS.table))
        if failed:
            reasons = "\n".join(as_line(f"{key}: {reason}") for key, reason in failed.items())
            raise dg.Failure(
                f"the events of {len(failed)} companies cannot be listed; the others are stored:\n{reasons}"
            )
        return dg.MaterializeResult(
            asset_key=space.key(EVENTS.name), metadata={"dagster/row_count": rows}, data_version=STORED
        )

    return list_events


def registrants_asset(space: Namespace = ALONE) -> dg.AssetsDefinition:
    """Return the assets of registrants and of the hubs' people and rooms.

    Each refresh of slices refreshes what is due of them. Whichever of them is chosen, all are requested.
    """

    @dg.multi_asset(
        name=space.name("list_registrants"),
        specs=[space.spec(dataset) for dataset in LISTS],
        required_resource_keys={space.platform},
        can_subset=True,
    )
    def list_registrants(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        platform: Platform = getattr(context.resources, space.platform)
        with platform.opened() as (client, warehouse):
            failed = find_registrants(platform, client, warehouse, context.run.run_id)
            rows = {dataset.name: warehouse.ask(partial(row_count, dataset.table)) for dataset in LISTS}
        if failed:
            raise dg.Failure(
                f"{len(failed)} lists cannot be fetched; their older rows stay:\n"
                + "\n".join(map(as_line, failed[:MAX_SHOWN]))
            )
        yield from _chosen(context, space, {name: {"dagster/row_count": number} for name, number in rows.items()})

    return list_registrants
