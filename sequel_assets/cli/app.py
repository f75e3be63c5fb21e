"""`sequel-assets ...`: declares every command, its arguments and its help, and turns each error into one clear line.

Exit codes: 0 done, 1 some slices failed or are late (each is named), 2 wrong usage, settings or warehouse, 3 Sequel
cannot be reached or refuses sign-in, 130 interrupted. Commands import their work only when they run: Dagster takes
seconds to load, and `--help` must not pay for it.
"""

import atexit
import gc
import io
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli import (
    corrections,
    doctor,
    export,
    integrations,
    notifications,
    query,
    sandbox,
    serving,
    webhooks,
)
from sequel_assets.cli.support.arguments import (
    Companies,
    DryRun,
    FirstDay,
    LastDay,
    TyperError,
    typer_message,
)
from sequel_assets.cli.support.commands import Commands
from sequel_assets.cli.support.machine_output import FormatOption, JsonOption, TableFormat, chosen_format
from sequel_assets.cli.support.signals import exit_on_second_signal
from sequel_assets.cli.support.terminal import errors
from sequel_assets.queries.errors import QueryError
from sequel_assets.safety import file_modes
from sequel_assets.sequel import SequelError
from sequel_assets.settings import SettingsError
from sequel_assets.settings.misspelt import misspelt_settings
from sequel_assets.warehouse.database.errors import WarehouseError


@atexit.register
def _leave_garbage() -> None:
    """Spare Dagster half a second of looking for garbage at the end; DuckDB would print what is left then as leaks."""
    if "duckdb" not in sys.modules:
        gc.freeze()


USAGE_ERROR, UNREACHABLE, INTERRUPTED = 2, 3, 130

app = Commands(
    name="sequel-assets",
    help="Sequel's analytics as Dagster assets, in your own warehouse.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(query.app, name="query")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(export.people, name="people")
app.declare("sequel-assets export --all --from 2026-11-01 --to 2026-11-30 --format parquet --out exports")(
    export.export
)
app.declare("sequel-assets doctor --report report.md")(doctor.doctor)


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


@app.declare("sequel-assets backfill --from 2026-11-01 --to 2026-11-30 --company acme")
def backfill(
    first: FirstDay,
    last: LastDay,
    company: Companies = None,
    force: Annotated[
        bool, typer.Option("--force", help="also refresh what is final, or was refreshed within this hour")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=16,
            metavar="NUMBER",
            help="companies in parallel, each in its own process; default: one per core, up to 4",
        ),
    ] = None,
    workspace: Annotated[
        Path,
        typer.Option(
            "--workspace",
            metavar="FILE",
            help="where workers on other hosts execute runs: Dagster's workspace, whose code location they are of",
        ),
    ] = Path("workspace.yaml"),
) -> None:
    """Refresh every dataset for a range of days: one real Dagster run per company."""
    from sequel_assets.orchestration.run_tags import FORCE
    from sequel_assets.queries.scopes import check_range, parse_day

    settings, days = settings_module.load(), (parse_day(first, "--from"), parse_day(last, "--to"))
    check_range(settings, *days)
    from sequel_assets.cli.backfill.command import backfill as run

    modes = [FORCE] if force else []
    raise typer.Exit(run(settings, *days, company or [], modes=modes, workers=workers, workspace=workspace))


@app.declare("sequel-assets status --late")
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


@app.declare("sequel-assets repair --dry-run")
def repair(
    company: Companies = None,
    dry_run: DryRun = False,
) -> None:
    """Make Dagster's partition view match the warehouse, after runs, Dagster's home or a warehouse were lost."""
    settings = settings_module.load()
    from sequel_assets.cli.commands.repair import repair as run

    raise typer.Exit(run(settings, company or [], is_dry=dry_run))


@app.declare("sequel-assets migrate")
def migrate() -> None:
    """Create the warehouse's tables, or migrate them (and people's ids, where the settings are set) to this release."""
    from sequel_assets.cli.commands.identity import migrate as run

    raise typer.Exit(run(settings_module.load()))


@app.declare("sequel-assets identity")
def identity(
    move_host: Annotated[
        bool, typer.Option("--move-host", help="record SEQUEL_API_URL's host as the warehouse's host")
    ] = False,
) -> None:
    """Show the settings that the warehouse was created with, and compare these settings; exit 2 where they differ."""
    from sequel_assets.cli.commands import identity as commands

    settings = settings_module.load()
    raise typer.Exit(commands.move_host(settings) if move_host else commands.show(settings))


app.declare("sequel-assets serve receiver --port 8750")(serving.serve)
app.declare("sequel-assets accept --company acme --from 2026-11-03 --to 2026-11-03 --dry-run")(corrections.accept)
app.declare('sequel-assets exclude --company acme --event 65f0c2 --reason "deleted at Sequel, answers 500"')(
    corrections.exclude
)
app.declare("sequel-assets changes --since 2026-11-01")(corrections.changes)
app.declare("sequel-assets inbox --waiting")(notifications.inbox)
app.declare("sequel-assets replay --since 2026-11-23T14:20Z --event 65f0c2")(notifications.replay)
app.declare("sequel-assets metrics --out /var/lib/node_exporter/textfile/sequel.prom")(integrations.metrics)
app.declare("sequel-assets dbt-sources --out models/sources.yml")(integrations.dbt_sources)
app.declare("sequel-assets sandbox --companies 4 --days 30")(sandbox.sandbox)
app.declare("sequel-assets demo --once")(sandbox.demo)


def main() -> None:
    """Run a command; every error that a user can cause ends in one clear line and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # else a name outside the terminal's encoding fails the command
    for line in misspelt_settings():
        errors().print(line)
    try:
        with file_modes.private_umask():
            raise SystemExit(app(standalone_mode=False) or 0)
    except TyperError as error:  # Typer itself would print the arguments unescaped
        _exit_with(typer_message(error), USAGE_ERROR)
    except (QueryError, SettingsError, WarehouseError) as error:
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
