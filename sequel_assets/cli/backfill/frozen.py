"""The days that a backfill leaves out because Sequel no longer has them, and the message about each company's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sequel_assets.cli.support.terminal import UsageError, console
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.retention import Retention
from sequel_assets.refresh.coverage.slice_coverage import read_unknown
from sequel_assets.safety.visible import MAX_NAMED
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import KnownCompany

DAY = timedelta(days=1)


@dataclass(frozen=True)
class RemainingDays:
    """The days of a range that can still be requested, by company."""

    first_days: dict[str, date]
    """company id -> the first day that is requested; a company whose range is entirely frozen is absent."""
    messages: list[str]
    """A line for each company with frozen days in the range."""

    def print(self) -> None:
        """Print the frozen days, the first companies by name."""
        for line in self.messages[:MAX_NAMED]:
            console().print(line)
        if len(self.messages) > MAX_NAMED:
            console().print(f"frozen: and {len(self.messages) - MAX_NAMED} companies more")


def remaining_days(
    settings: Settings, warehouse: Warehouse, companies: Sequence[KnownCompany], first: date, last: date
) -> RemainingDays:
    """Return the days of a range that are not frozen."""
    retention, now = config.retention(settings), settings.clock()
    frozen_before = retention.frozen_before(companies, now)
    unknown = warehouse.ask(lambda connection: read_unknown(connection, frozen_before, settings.start_date))
    left = RemainingDays({}, [])
    for company in companies:
        kept_from = frozen_before.get(company.company_id, first)
        if kept_from <= last:
            left.first_days[company.company_id] = max(first, kept_from)
        if kept_from > first:
            until = min(last, kept_from - DAY)
            lost = sum(first <= day <= until for day in unknown[company.company_id])
            left.messages.append(
                f"frozen: {company.partition_key} {first} to {until} is not requested, since Sequel keeps "
                f"{_days(retention.of(company) or 0)} ({_setting(retention, company)}); what is kept here stays"
                + (f"; {_days(lost)} of it {'is' if lost == 1 else 'are'} unknown" if lost else "")
            )
    return left


def refuse_unknown_companies(settings: Settings, companies: Sequence[KnownCompany]) -> None:
    """Refuse a setting with unknown company names: else the companies meant are requested for days that are deleted."""
    unknown = config.retention(settings).unknown_companies(companies)
    if unknown:
        known = ", ".join(company.partition_key for company in companies[:MAX_NAMED])
        more = f" and {len(companies) - MAX_NAMED} more" if len(companies) > MAX_NAMED else ""
        raise UsageError(
            f"SEQUEL_COMPANY_RETENTION_DAYS: there is no company {', '.join(unknown)}; known are {known}{more}"
        )


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _setting(retention: Retention, company: KnownCompany) -> str:
    own = {company.company_id, company.partition_key} & retention.of_companies.keys()
    return "SEQUEL_COMPANY_RETENTION_DAYS" if own else "SEQUEL_RETENTION_DAYS"
