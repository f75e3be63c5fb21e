"""sequel_assets: Sequel's analytics as Dagster assets, verified, by day and sub-company.

For notebooks `open_warehouse`, for a Dagster project `SequelComponent`. Importing the package imports neither pandas nor
Dagster: a name is looked up where it is defined when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sequel_assets.component.component import SequelComponent
    from sequel_assets.queries.notebook import WarehouseReader, open_warehouse

__all__ = ["SequelComponent", "WarehouseReader", "open_warehouse"]
_DEFINED_IN = {
    "SequelComponent": "sequel_assets.component.component",
    "WarehouseReader": "sequel_assets.queries.notebook",
    "open_warehouse": "sequel_assets.queries.notebook",
}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that defines it."""
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_DEFINED_IN[name]), name)


def __dir__() -> list[str]:
    """Return the public names too: `dg` finds the component by them."""
    return sorted({*globals(), *_DEFINED_IN})
