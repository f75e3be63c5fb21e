"""Declares `sequel-assets sandbox` and `sequel-assets demo`, which need no account."""

from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8700,
    seed: Annotated[int, typer.Option(help="another seed makes another world")] = 7,
    companies: Annotated[
        int, typer.Option(min=1, max=10_000, help="in a hierarchy with the account's own at its top")
    ] = 4,
    days: Annotated[int, typer.Option(min=1, max=3650, help="days of history, today included")] = 14,
    events_per_day: Annotated[float, typer.Option(min=0, max=100, help="average per company")] = 1.0,
    people: Annotated[int, typer.Option(min=0, max=100_000, help="average per event")] = 40,
    big_event: Annotated[
        int, typer.Option(min=0, max=100_000, help="people of one event of three hours yesterday")
    ] = 0,
    hub_only: Annotated[bool, typer.Option("--hub-only", help="the last company has people in hubs only")] = False,
    latency_ms: Annotated[float, typer.Option(min=0, max=60_000, help="how long each answer takes at least")] = 0,
    faults: Annotated[str, typer.Option(metavar="RATES", help="rates, such as http_500=0.02,slow=0.01")] = "",
    webhook_faults: Annotated[str, typer.Option(metavar="RATES", help="rates, such as drop=0.3,duplicate=0.1")] = "",
    api: Annotated[
        str, typer.Option(metavar="VARIATIONS", help="another Sequel, such as exclusive-dates,list-cap=100")
    ] = "",
    now: Annotated[
        str, typer.Option(metavar="TIME", help="start of the clock, such as 2026-11-23T15:07:00Z; default: now")
    ] = "",
    speed: Annotated[float, typer.Option(help="speed of its clock; 0 pins it")] = 1.0,
    verbose: Annotated[bool, typer.Option(help="a line per request")] = False,
) -> None:
    """Serve a local stand-in for Sequel: a synthetic world behind the same API (docs/sandbox.md)."""
    from sequel_assets.cli.commands.sandbox import serve

    serve(
        port=port, seed=seed, companies=companies, days=days, events_per_day=events_per_day, people=people,
        big_event=big_event, hub_only=hub_only, latency_ms=latency_ms, faults=faults, webhook_faults=webhook_faults,
        api=api, now=now, speed=speed, verbose=verbose,
    )  # fmt: skip


def demo(
    once: Annotated[bool, typer.Option("--once", help="end after the tables instead of serving Dagster's UI")] = False,
    days: Annotated[int, typer.Option(min=1, max=365, help="days of history; 15 make two whole weeks")] = 15,
    companies: Annotated[
        int, typer.Option(min=1, max=100, help="in a hierarchy with the account's own at its top")
    ] = 4,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="port of Dagster's UI; where it is taken, the next free one")
    ] = 3000,
    browser: Annotated[
        bool, typer.Option(help="open a page of Dagster's UI where the command was typed in a terminal with a screen")
    ] = True,
) -> None:
    """Show everything on a synthetic world: sandbox, backfill, tables, Dagster's UI. Needs no account."""
    from sequel_assets.cli.demo.command import demo as run

    raise typer.Exit(run(days=days, companies=companies, port=port, once=once, browser=browser))
