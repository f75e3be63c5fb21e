"""Parse and check arguments of commands: days, ranges and companies; a wrong value is refused by name."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.safety.visible import MAX_NAMED, harmless, visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores.catalog import KnownCompany

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


ONE_COMPANY = "an id, a partition key, a name, or the beginning of one that no other has"
"""What a command takes for a company, in its help."""
OneCompany = Annotated[str, typer.Option("--company", help=ONE_COMPANY)]
Companies = Annotated[list[str] | None, typer.Option("--company", help=f"{ONE_COMPANY}; may be repeated; default: all")]
SUGGESTED_AT_MOST = 3


def choose(companies: Sequence[KnownCompany], wanted: Sequence[str]) -> list[KnownCompany]:
    """Return the companies that people name (see `ONE_COMPANY`); all where none is named.

    A name that fits none or several is refused, with those that it may mean.
    """
    if not wanted:
        return list(companies)
    spellings = Spellings(name for company in companies for name in (company.company_id, company.partition_key))
    chosen: dict[str, KnownCompany] = {}
    wrong = []
    for text in wanted:
        found = _meant(companies, text, spellings.find(text))
        if len(found) == 1:
            chosen[found[0].company_id] = found[0]
        elif found:
            keys = ", ".join(visible(company.partition_key) for company in found[:MAX_NAMED])
            wrong.append(f"--company {one_line(text)}: {len(found)} companies have this name; use one of {keys}")
        else:
            wrong.append(f"--company {one_line(text)}: there is no such company; {_suggestion(companies, text)}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return list(chosen.values())


def _meant(companies: Sequence[KnownCompany], text: str, spelled: str | None) -> list[KnownCompany]:
    """Return the companies that a text names, by the most exact rule that any of them fits."""
    name = _normalized(text)
    folded = name.casefold()
    rules: list[Callable[[KnownCompany], bool]] = [
        lambda one: text in (one.company_id, one.partition_key),
        lambda one: _normalized(one.name) == name,
        lambda one: spelled is not None and spelled in (one.company_id, one.partition_key),
        lambda one: folded in (_normalized(one.name).casefold(), _slug(one)),
        lambda one: any(_normalized(said).casefold().startswith(folded) for said in (one.name, one.partition_key)),
    ]
    if not name:
        return []
    return next((found for rule in rules if (found := [one for one in companies if rule(one)])), [])


def _slug(company: KnownCompany) -> str:
    """Return a partition key without the digits that make it unique."""
    return company.partition_key.rpartition(".")[0].casefold()


def _suggestion(companies: Sequence[KnownCompany], text: str) -> str:
    """Return which companies may be meant, else which there are."""
    said = {name.casefold(): one for one in companies for name in (one.name, _slug(one), one.company_id)}
    near = get_close_matches(_normalized(text).casefold(), said, SUGGESTED_AT_MOST)
    meant = dict.fromkeys(visible(said[name].partition_key) for name in near)
    if meant:
        return f"did you mean {' or '.join(meant)}?"
    known = ", ".join(visible(company.partition_key) for company in companies[:MAX_NAMED])
    more = f" and {len(companies) - MAX_NAMED} more" if len(companies) > MAX_NAMED else ""
    return f"known are {known}{more}"
