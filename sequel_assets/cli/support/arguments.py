"""Parse and check arguments of commands: days, ranges and companies; a wrong value is refused by name."""

import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any

import typer

from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.safety.visible import harmless, visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores.catalog import KnownCompany

MAX_NAMED = 20
TyperError: type[Exception] = typer.BadParameter.__mro__[2]
"""`ClickException`: Typer's own or Click's, depending on the release of Typer."""


def typer_message(error: Any) -> str:
    """Return what is wrong with a command line as one line; empty where the help has been shown instead."""
    message, context = harmless(" ".join(error.format_message().split())), error.ctx
    return f"{message} See: {context.command_path} --help" if message and context is not None else message


def one_line(text: str) -> str:
    """Return text from the command line as one line that is safe to show."""
    return visible(" ".join(text.split()))


def parse_day(text: str, option: str) -> date:
    """Return a day; anything but YYYY-MM-DD is refused by the name of the option."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != day.isoformat():
        raise UsageError(f"{option} {one_line(text)}: it must be a day (UTC) such as 2026-11-23, without time or zone")
    return day


def check_range(settings: Settings, first: date, last: date, options: tuple[str, str] = ("--from", "--to")) -> None:
    """Refuse a range that is reversed, ends after today, or begins before the history."""
    today, (earlier, later) = settings.clock().date(), options
    if first > last:
        raise UsageError(f"{earlier} {first} is after {later} {last}; give the earlier day first")
    if last > today:
        raise UsageError(f"{later} {last} is in the future; today is {today} (UTC)")
    if first < settings.start_date:
        raise UsageError(
            f"{earlier} {first} is before the start of history, {settings.start_date}; "
            "set SEQUEL_START_DATE to an earlier day first"
        )


def _normalized(name: str) -> str:
    """Return a name trimmed and in NFC: a terminal may encode accented letters differently from Sequel."""
    return unicodedata.normalize("NFC", name.strip())


def choose(companies: Sequence[KnownCompany], wanted: Sequence[str]) -> list[KnownCompany]:
    """Return the companies with these ids, partition keys (in any case) or unique names; all where none is named."""
    if not wanted:
        return list(companies)
    spellings = Spellings(name for company in companies for name in (company.company_id, company.partition_key))
    chosen: dict[str, KnownCompany] = {}
    wrong = []
    for text in wanted:
        exact = [company for company in companies if text in (company.company_id, company.partition_key)]
        found = exact or [company for company in companies if _normalized(company.name) == _normalized(text)]
        if not found and (meant := spellings.find(text)) is not None:
            found = [company for company in companies if meant in (company.company_id, company.partition_key)]
        if len(found) == 1:
            chosen[found[0].company_id] = found[0]
        elif found:
            keys = ", ".join(visible(company.partition_key) for company in found)
            wrong.append(f"--company {one_line(text)}: {len(found)} companies have this name; use one of {keys}")
        else:
            known = ", ".join(visible(company.partition_key) for company in companies[:MAX_NAMED])
            more = f" and {len(companies) - MAX_NAMED} more" if len(companies) > MAX_NAMED else ""
            wrong.append(f"--company {one_line(text)}: there is no such company; known are {known}{more}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return list(chosen.values())
