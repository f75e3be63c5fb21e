"""Which of the companies that a walk found are refreshed, by the names that the settings include and exclude. Pure.

A name stands for a company with its sub-companies. The root is always refreshed: it is the account.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sequel_assets.refresh.core.company_names import CompanyNotFoundError, find_company
from sequel_assets.safety.visible import visible
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse.stores.catalog import KnownCompany


@dataclass(frozen=True)
class CompanySelection:
    """The names of companies that are included (none: all) and excluded."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    label: Callable[[str], str] = str
    """What a person calls these settings."""

    def left_out(self, root: str, companies: Sequence[KnownCompany], known: Sequence[KnownCompany]) -> frozenset[str]:
        """Return the ids of companies that are not refreshed; a name of none, now or formerly, is refused."""
        if not self.include and not self.exclude:
            return frozenset()
        everyone = list({company.company_id: company for company in [*known, *companies]}.values())
        parents = {company.company_id: company.parent_company_id for company in everyone}
        included = self._ids("include_companies", self.include, everyone)
        excluded = self._ids("exclude_companies", self.exclude, everyone)

        def is_chosen(company_id: str) -> bool:
            line = _line(company_id, parents)
            is_in = not self.include or not included.isdisjoint(line)
            return company_id == root or (is_in and excluded.isdisjoint(line))

        return frozenset(company.company_id for company in everyone if not is_chosen(company.company_id))

    def _ids(self, setting: str, names: Collection[str], everyone: Sequence[KnownCompany]) -> set[str]:
        found = set()
        for name in names:
            try:
                found.add(find_company(everyone, name).company_id)
            except CompanyNotFoundError as error:
                raise SettingsError(f"{self.label(setting)} names {visible(name)}: {error}") from None
        return found


EVERYONE = CompanySelection()


def selection_of(settings: Settings) -> CompanySelection:
    """Return the selection of the settings."""
    return CompanySelection(settings.include_companies, settings.exclude_companies, settings.label)


def _line(company_id: str, parents: Mapping[str, str | None]) -> set[str]:
    """Return a company and everything above it; a loop ends where it began."""
    line: set[str] = set()
    at: str | None = company_id
    while at is not None and at not in line:
        line.add(at)
        at = parents.get(at)
    return line
