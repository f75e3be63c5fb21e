"""Keep files that are named after data within their folder: a company's name must never lead to another path."""

from collections.abc import Iterable
from pathlib import Path

from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.refresh.discovery.partition_keys import PartitionKeys, is_plain
from sequel_assets.safety.visible import visible
from sequel_assets.warehouse.stores.catalog import KnownCompany


def refuse_unsafe_keys(companies: Iterable[KnownCompany]) -> None:
    """Refuse companies whose partition key is not a plain name; such a key can only come from Dagster's storage."""
    for company in companies:
        if not is_plain(company.partition_key):
            own = PartitionKeys({}, ()).of(company.company_id, company.name)
            raise UsageError(
                f"company {visible(company.company_id)}: its partition key {visible(company.partition_key)} was not "
                "generated here and leads to another folder; nothing was written; set companies.partition_key to "
                f"{own}, then run: sequel-assets repair"
            )


def keep_within(folder: Path, path: Path) -> None:
    """Refuse a path that, with links followed, is outside a folder."""
    home = folder.resolve()
    if not path.resolve().is_relative_to(home):
        raise UsageError(
            f"{visible(str(path), 1000)}: a link there leads out of {visible(str(home), 1000)}; no file was written "
            "through it; remove the link, or export to another folder"
        )
