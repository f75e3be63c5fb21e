"""sequel_assets: Sequel's analytics as Dagster assets, verified, by day and sub-company.

For notebooks `open_warehouse`. Importing the package imports neither pandas nor
Dagster: a name is looked up where it is defined when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sequel_assets.queries.notebook import WarehouseReader, open_warehouse

__all__ = ["WarehouseReader", "open_warehouse"]
_DEFINED_IN = {
    "WarehouseReader": "sequel_assets.queries.notebook",
    "open_warehouse": "sequel_assets.queries.notebook",
}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that defines it."""
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_DEFINED_IN[name]), name)
