"""Checks arguments of commands: the companies that they name, and what Typer refuses."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.refresh.core.company_names import CompanyNotFoundError, find_company
from sequel_assets.safety.visible import harmless, visible
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


ONE_COMPANY = "an id, a partition key, a name, or the beginning of one that no other has"
"""What a command takes for a company, in its help."""
OneCompany = Annotated[str, typer.Option("--company", metavar="COMPANY", help=ONE_COMPANY)]
Companies = Annotated[
    list[str] | None,
    typer.Option("--company", metavar="COMPANY", help=f"{ONE_COMPANY}; may be repeated; default: all"),
]
FirstDay = Annotated[str, typer.Option("--from", metavar="DAY", help="first day (UTC), such as 2026-11-01")]
LastDay = Annotated[str, typer.Option("--to", metavar="DAY", help="last day (UTC), included")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="show what would be done and change nothing")]


def choose(companies: Sequence[KnownCompany], wanted: Sequence[str]) -> list[KnownCompany]:
    """Return the companies that people name (see `ONE_COMPANY`); all where none is named.

    A name that fits none or several is refused, with those that it may mean.
    """
    if not wanted:
        return list(companies)
    chosen: dict[str, KnownCompany] = {}
    wrong = []
    for text in wanted:
        try:
            company = find_company(companies, text)
        except CompanyNotFoundError as error:
            wrong.append(f"--company {one_line(text)}: {error}")
        else:
            chosen[company.company_id] = company
    if wrong:
        raise UsageError("\n".join(wrong))
    return list(chosen.values())
