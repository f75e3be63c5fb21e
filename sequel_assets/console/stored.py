"""The warehouse as it stands, for the commands that ask Sequel nothing: it must be there already."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError, place


@contextmanager
def stored(settings: Settings) -> Iterator[Warehouse]:
    """Yield the warehouse; one without tables, or with those of another release, is refused and left alone."""
    warehouse = Warehouse(settings.warehouse_url)
    _refuse_missing_file(warehouse)
    try:
        schema.ensure_current(warehouse)
        yield warehouse
    finally:
        warehouse.dispose()


def _refuse_missing_file(warehouse: Warehouse) -> None:
    """Refuse an embedded warehouse that is not there yet: opening it would make an empty one."""
    if warehouse.is_sqlite and not Path(warehouse.url.database or "").exists():
        raise WarehouseError(
            f"the warehouse {place(warehouse.url)} is not there yet; run: sequel-assets backfill, or sequel-assets migrate"
        )
