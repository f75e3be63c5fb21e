"""Opens an existing warehouse, for commands and notebooks. Nothing here creates or migrates one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequel_assets.refresh.core.config import guard
from sequel_assets.settings import DATA_FOLDER, Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError, place
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany


@contextmanager
def stored(settings: Settings, *, writes: bool = False, root_only: bool = False) -> Iterator[Warehouse]:
    """Yield the warehouse; one without tables, or with those of another release, is refused and left alone.

    With `writes` a warehouse that was created with other settings is refused at once, without it before the first
    write. With `root_only` only the root company is compared.
    """
    warehouse = Warehouse(settings.warehouse_url, guard=guard(settings, root_only=root_only))
    if _is_missing(warehouse):
        raise WarehouseError(
            f"the warehouse {place(warehouse.url)} does not exist yet; run: sequel-assets backfill, or sequel-assets "
            f"migrate{_demo_beside()}"
        )
    try:
        schema.ensure_current(warehouse)
        if writes:
            warehouse.ensure_writable()
        yield warehouse
    finally:
        warehouse.dispose()


def stored_companies(settings: Settings) -> list[KnownCompany]:
    """Return the companies that the warehouse knows; none where it does not exist or has no tables yet.

    The caller is about to write: a warehouse that was created with other settings is refused.
    """
    warehouse = Warehouse(settings.warehouse_url, guard=guard(settings))
    if _is_missing(warehouse):
        return []
    try:
        if warehouse.ask(schema.version) is None:
            return []
        schema.ensure_current(warehouse)
        warehouse.ensure_writable()
        return warehouse.ask(catalog.known_companies)
    finally:
        warehouse.dispose()


def _demo_beside() -> str:
    """Return how to ask the demo's warehouse, where there is one in this folder."""
    variables = Path(DATA_FOLDER) / "demo" / "env"
    return f" (the demo's is another one; to ask it: . {variables})" if variables.exists() else ""


def _is_missing(warehouse: Warehouse) -> bool:
    """Say whether it is an embedded warehouse that does not exist yet: opening it would create an empty one."""
    return warehouse.is_sqlite and not Path(warehouse.url.database or "").exists()
