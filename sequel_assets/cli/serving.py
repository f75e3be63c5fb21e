"""Declares `sequel-assets serve ...`: the receiver, Dagster's UI and daemon, a worker."""

from enum import StrEnum
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.terminal import UsageError, errors


class Service(StrEnum):
    """What can be served."""

    RECEIVER = "receiver"
    UI = "ui"
    WORKER = "worker"


def serve(
    what: Annotated[
        Service | None,
        typer.Argument(
            help="receiver of webhooks (docs/webhooks.md), Dagster's ui and daemon, or a worker (docs/more-hosts.md)"
        ),
    ] = None,
    receiver: Annotated[bool, typer.Option("--receiver", help="the old form of `serve receiver`")] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="the address that the receiver listens on")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="8750 of the receiver (0 takes a free one), 3000 of the UI"
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, metavar="NUMBER", help="runs that a worker executes at once")
    ] = 2,
    name: Annotated[str, typer.Option(metavar="NAME", help="a worker's name; each on a host has its own")] = "worker",
) -> None:
    """Serve the receiver of webhooks, or Dagster's UI and daemon, or execute runs as a worker, until Ctrl-C."""
    from sequel_assets.cli.commands.serve import serve as run

    if what is Service.WORKER:
        from sequel_assets.cli.commands.worker import serve_worker

        raise typer.Exit(serve_worker(settings_module.load(), concurrency=concurrency, name=name))
    if what is Service.UI:
        from sequel_assets.cli.commands.ui import serve_ui

        raise typer.Exit(serve_ui(port=port or 3000))
    if receiver:
        errors().print("--receiver is the old form and still works; the new one: sequel-assets serve receiver")
    if what is None and not receiver:
        raise UsageError("nothing to serve; write: sequel-assets serve receiver, or: sequel-assets serve ui")
    run(settings_module.load(), host=host, port=8750 if port is None else port)
