"""`sequel-assets ...`: declares every command, its arguments and its help, and turns each error into one clear line.

Exit codes: 0 done, 1 some slices failed or are late (each is named), 2 wrong usage, settings or warehouse, 3 Sequel
cannot be reached or refuses sign-in, 130 interrupted. Commands import their work only when they run: Dagster takes
seconds to load, and `--help` must not pay for it.
"""

import io
import sys
from contextlib import suppress
from enum import StrEnum
from importlib import metadata
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli import doctor, export, notifications, query, sandbox, webhooks
from sequel_assets.cli.support.arguments import Companies, OneCompany, TyperError, typer_message
from sequel_assets.cli.support.machine_output import FormatOption, JsonOption, TableFormat, chosen_format
from sequel_assets.cli.support.signals import exit_on_second_signal
from sequel_assets.cli.support.terminal import UsageError, errors
from sequel_assets.safety import file_modes
from sequel_assets.sequel import SequelError
from sequel_assets.settings import SettingsError
from sequel_assets.warehouse.database.errors import WarehouseError


class Service(StrEnum):
    """What can be served."""

    RECEIVER = "receiver"


USAGE_ERROR, UNREACHABLE, INTERRUPTED = 2, 3, 130

app = typer.Typer(
    name="sequel-assets",
    help="Sequel's analytics as Dagster assets, in your own warehouse.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(query.app, name="query")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(export.people, name="people")
app.command()(export.export)
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sequel-assets {metadata.version('sequel_assets')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Sequel's analytics as Dagster assets, in your own warehouse."""


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="first day (UTC), such as 2026-11-01")],
    last: Annotated[str, typer.Option("--to", help="last day (UTC), included")],
    company: Companies = None,
    force: Annotated[
        bool, typer.Option("--force", help="also refresh what is final, or was refreshed within this hour")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=16, help="companies in parallel, each in its own process; default: one per core, up to 4"
        ),
    ] = None,
) -> None:
    """Refresh every dataset for a range of days: one real Dagster run per company."""
    from sequel_assets.cli.support.arguments import check_range, parse_day
    from sequel_assets.orchestration.run_tags import FORCE

    settings, days = settings_module.load(), (parse_day(first, "--from"), parse_day(last, "--to"))
    check_range(settings, *days)
    from sequel_assets.cli.backfill.command import backfill as run

    raise typer.Exit(run(settings, *days, company or [], modes=[FORCE] if force else [], workers=workers))


@app.command()
def status(
    company: Companies = None,
    late: Annotated[bool, typer.Option("--late", help="only companies that are late, with every late slice")] = False,
    everything: Annotated[bool, typer.Option("--all", help="every list at full length, datasets included")] = False,
    form: FormatOption = TableFormat.TABLE,
    json: JsonOption = False,
) -> None:
    """Show how far each company's numbers go, what is late and what problems are open; exit 1 when anything is late."""
    from sequel_assets.cli.commands.status import StatusView
    from sequel_assets.cli.commands.status import status as run

    view = StatusView(company or [], late, everything, chosen_format(form, json=json))
    raise typer.Exit(run(settings_module.load(), view))


@app.command()
def accept(
    company: OneCompany,
    first: Annotated[str, typer.Option("--from", help="first day (UTC), such as 2026-11-01")],
    last: Annotated[str, typer.Option("--to", help="last day (UTC), included")],
) -> None:
    """Let quarantined days through: final days of which Sequel now returns less than half; print what changed."""
    from sequel_assets.cli.support.arguments import check_range, parse_day

    settings, days = settings_module.load(), (parse_day(first, "--from"), parse_day(last, "--to"))
    check_range(settings, *days)
    from sequel_assets.cli.commands.accept import accept as run

    raise typer.Exit(run(settings, *days, company))


@app.command()
def exclude(
    company: OneCompany,
    event: Annotated[str, typer.Option(help="the event's id, as in the table events")],
    reason: Annotated[str, typer.Option(help="why; status shows it")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="include the event once more")] = False,
) -> None:
    """Exclude an event that will never answer: it is not requested any more, and its stored rows stay."""
    from sequel_assets.cli.commands import exclude as commands

    settings = settings_module.load()
    raise typer.Exit(
        commands.include(settings, company, event) if undo else commands.exclude(settings, company, event, reason)
    )


@app.command()
def changes(
    since: Annotated[str, typer.Option(help="day (UTC), such as 2026-11-01: changes seen on or after it")],
    form: FormatOption = TableFormat.TABLE,
    json: JsonOption = False,
) -> None:
    """List the numbers of final days that changed later, newest change first."""
    from sequel_assets.cli.commands.changes import changes as run
    from sequel_assets.cli.support.arguments import parse_day

    raise typer.Exit(run(settings_module.load(), parse_day(since, "--since"), chosen_format(form, json=json)))


@app.command()
def repair(
    company: Companies = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what is wrong and change nothing")] = False,
) -> None:
    """Make Dagster's partition view match the warehouse, after runs, Dagster's home or a warehouse were lost."""
    settings = settings_module.load()
    from sequel_assets.cli.commands.repair import repair as run

    raise typer.Exit(run(settings, company or [], is_dry=dry_run))


@app.command()
def migrate() -> None:
    """Create the warehouse's tables, or migrate them (and people's ids, where the settings are set) to this release."""
    from sequel_assets.cli.commands.identity import migrate as run

    raise typer.Exit(run(settings_module.load()))


@app.command()
def identity(
    move_host: Annotated[
        bool, typer.Option("--move-host", help="record SEQUEL_API_URL's host as the warehouse's host")
    ] = False,
) -> None:
    """Show the settings that the warehouse was created with, and compare these settings; exit 2 where they differ."""
    from sequel_assets.cli.commands import identity as commands

    settings = settings_module.load()
    raise typer.Exit(commands.move_host(settings) if move_host else commands.show(settings))


@app.command()
def serve(
    what: Annotated[Service | None, typer.Argument(help="receiver: of webhooks (docs/webhooks.md)")] = None,
    receiver: Annotated[bool, typer.Option("--receiver", help="the old form of `serve receiver`")] = False,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8750,
) -> None:
    """Serve the receiver of webhooks until Ctrl-C; deliveries under way are finished first."""
    from sequel_assets.cli.commands.serve import serve as run

    if receiver:
        errors().print("--receiver is the old form and still works; the new one: sequel-assets serve receiver")
    if what is None and not receiver:
        raise UsageError("nothing to serve; write: sequel-assets serve receiver")
    run(settings_module.load(), host=host, port=port)


app.command()(notifications.inbox)
app.command()(notifications.replay)
app.command()(sandbox.sandbox)
app.command()(sandbox.demo)


def main() -> None:
    """Run a command; every error that a user can cause ends in one clear line and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # else a name outside the terminal's encoding fails the command
    try:
        with file_modes.private_umask():
            raise SystemExit(app(standalone_mode=False) or 0)
    except TyperError as error:  # Typer itself would print the arguments unescaped
        _exit_with(typer_message(error), USAGE_ERROR)
    except (UsageError, SettingsError, WarehouseError) as error:
        _exit_with(error, USAGE_ERROR)
    except SequelError as error:
        _exit_with(f"{error}; nothing half-written; run the same command again when that is fixed", UNREACHABLE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _exit_with(f"{where}{error.strerror or error}; nothing half-written", USAGE_ERROR)
    except (KeyboardInterrupt, RuntimeError, SystemExit) as error:
        if not _is_interruption(error):
            raise
        exit_on_second_signal(INTERRUPTED)
        _exit_with("stopped; what was committed stays, and the same command continues from there", INTERRUPTED)


def _is_interruption(error: BaseException) -> bool:
    """Say whether it is Ctrl-C: itself, as Typer's exit code, or as Python wraps it while a class is being created."""
    if isinstance(error, SystemExit):
        return error.code == INTERRUPTED
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)


def _exit_with(message: object, code: int) -> None:
    with suppress(OSError):  # the terminal may be closed
        if message:
            errors().print(str(message))
    raise SystemExit(code) from None


if __name__ == "__main__":
    main()
