"""The warehouse as it stands: for the commands that ask Sequel nothing, and for what is checked before one is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequel_assets.refresh.connect import guard
from sequel_assets.settings import Settings
from sequel_assets.warehouse import catalog, schema
from sequel_assets.warehouse.catalog import KnownCompany
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError, place


@contextmanager
def stored(settings: Settings, *, writes: bool = False, receives_only: bool = False) -> Iterator[Warehouse]:
    """Yield the warehouse; one without tables, or with those of another release, is refused and left alone.

    Who `writes` is refused at once where it was made with other settings, and else before the first write.
    """
    warehouse = Warehouse(settings.warehouse_url, guard=guard(settings, receives_only=receives_only))
    if _is_missing(warehouse):
        raise WarehouseError(
            f"the warehouse {place(warehouse.url)} is not there yet; run: sequel-assets backfill, or sequel-assets migrate"
        )
    try:
        schema.ensure_current(warehouse)
        if writes:
            warehouse.ensure_writable()
        yield warehouse
    finally:
        warehouse.dispose()


def stored_companies(settings: Settings) -> list[KnownCompany]:
    """Return the companies that the warehouse knows: none where it is not there or has no tables yet, and none is made."""
    warehouse = Warehouse(settings.warehouse_url)
    if _is_missing(warehouse):
        return []
    try:
        with warehouse.read() as connection:
            if schema.version(connection) is None:
                return []
        schema.ensure_current(warehouse)
        with warehouse.read() as connection:
            return catalog.known_companies(connection)
    finally:
        warehouse.dispose()


def _is_missing(warehouse: Warehouse) -> bool:
    """Say whether it is an embedded warehouse that is not there yet: opening it would make an empty one."""
    return warehouse.is_sqlite and not Path(warehouse.url.database or "").exists()
