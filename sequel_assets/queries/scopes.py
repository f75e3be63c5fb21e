"""What a question may be about: days within the history, a company that is known, events and minutes that exist."""

from collections.abc import Sequence
from datetime import date

from sequel_assets.insights.periods import Days
from sequel_assets.queries.errors import QueryError
from sequel_assets.refresh.core.company_names import CompanyNotFoundError, find_company
from sequel_assets.safety.visible import visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores.catalog import KnownCompany


def parse_day(text: str, name: str) -> date:
    """Return a day; anything but YYYY-MM-DD is refused by the name of the argument."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != day.isoformat():
        said = visible(" ".join(text.split()))
        raise QueryError(f"{name} {said}: it must be a day (UTC) such as 2026-11-23, without time or zone")
    return day


def check_range(settings: Settings, first: date, last: date, names: tuple[str, str] = ("--from", "--to")) -> Days:
    """Return the days of a range; one that is reversed, ends after today, or begins before the history is refused.

    `names` are what the caller calls the first and the last day.
    """
    today, (earlier, later) = settings.clock().date(), names
    if first > last:
        raise QueryError(f"{earlier} {first} is after {later} {last}; give the earlier day first")
    if last > today:
        raise QueryError(f"{later} {last} is in the future; today is {today} (UTC)")
    if first < settings.start_date:
        raise QueryError(
            f"{earlier} {first} is before the start of history, {settings.start_date}; "
            "ask for later days, or set SEQUEL_START_DATE (environment or .env) to an earlier one and backfill from it"
        )
    return Days(first, last)


def company_named(companies: Sequence[KnownCompany], text: str, name: str = "company") -> KnownCompany:
    """Return the company that a text names; one that fits none or several is refused."""
    try:
        return find_company(companies, text)
    except CompanyNotFoundError as error:
        raise QueryError(f"{name} {visible(' '.join(text.split()))}: {error}") from None


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return a value that must be one of some; another is refused by name."""
    if value not in allowed:
        raise QueryError(f"{name} {visible(value)}: it must be one of {', '.join(allowed)}")
    return value
