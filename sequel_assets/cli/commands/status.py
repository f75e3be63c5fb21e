"""`sequel-assets status`: how far each company's numbers go, what is late, and which problems are open.

It only reads the warehouse; monitoring uses `--format json` and the exit code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sequel_assets.cli.commands.status_records import Record, of_companies, read_status
from sequel_assets.cli.support.machine_output import TableFormat, print_for_machines
from sequel_assets.cli.support.terminal import TO_THE_MINUTE, PreparedLine, console, shortened, table
from sequel_assets.safety.visible import MAX_NAMED, visible
from sequel_assets.settings import Settings

ALL_WELL, SOME_LATE = 0, 1
NOBODY = "No company is known yet, so nothing is fresh: run sequel-assets backfill, or start Dagster (make dev)."
COMPANIES = ("company", "data_through", "late", "quarantined", "unavailable", "problems", "refreshed_at")
DATASETS = ("company", "dataset", "days", "first_day", "last_day", "final_days", "data_through", "rows")
LATE = ("company", "dataset", "day", "owes", "covers")
EXCLUDED = ("company", "event_id", "reason", "since")
UNKNOWN = ("company", "unknown_days", "counts_from")
UNAVAILABLE = ("company", "dataset", "reason", "since")
PROBLEMS = ("company", "dataset", "day", "event_id", "reason", "since")


@dataclass(frozen=True)
class StatusView:
    """What of the status is shown, and how."""

    companies: Sequence[str] = ()
    """As people name them; none: all."""
    only_late: bool = False
    """Companies of which something is late, and nothing else."""
    has_all: bool = False
    """Every list at full length, datasets included."""
    form: TableFormat = TableFormat.TABLE


def status(settings: Settings, view: StatusView) -> int:
    """Print the status as tables, JSON or CSV (a row per company); return the exit code."""
    found = read_status(settings, view.companies)
    is_nobody_known = not found["companies"]
    code = SOME_LATE if found["late"] or is_nobody_known else ALL_WELL
    if view.only_late:
        names = found.pop("unknown_companies")
        found = of_companies(found, {record["company"] for record in found["late"]}) | {"unknown_companies": names}
    if view.form is TableFormat.TABLE:
        _show(found, view, is_nobody_known=is_nobody_known)
    else:
        print_for_machines(view.form, found, COMPANIES, found["companies"])
    return code


def _show(found: Mapping[str, list[Any]], view: StatusView, *, is_nobody_known: bool) -> None:
    has_details = view.has_all or bool(view.companies)
    limit = None if has_details or view.only_late else MAX_NAMED
    if found["companies"]:
        table("Companies", COMPANIES, _rows(found["companies"], COMPANIES))
    if has_details:
        table("Datasets", DATASETS, _rows(found["datasets"], DATASETS))
    if found["late"]:
        _listed(f"Late: {len(found['late'])} slices", LATE, found["late"], limit, "--late")
    else:
        console().print(NOBODY if is_nobody_known else "Nothing is late.")
    if view.only_late:
        return
    unknown = [company for company in found["companies"] if company["unknown_days"]]
    if unknown:
        table("Unknown days, forgotten by Sequel", UNKNOWN, _rows(unknown, UNKNOWN))
    for name in found["unknown_companies"]:
        console().print(f"SEQUEL_COMPANY_RETENTION_DAYS names {visible(name)}: there is no such company.")
    if found["excluded"]:
        table("Excluded events, not requested any more", EXCLUDED, _rows(found["excluded"], EXCLUDED))
    if found["unavailable"] and has_details:
        title = "Unavailable: Sequel does not provide these; their numbers are unknown, not zero"
        table(title, UNAVAILABLE, _rows(found["unavailable"], UNAVAILABLE))
    elif found["unavailable"]:
        names = ", ".join(sorted({record["dataset"] for record in found["unavailable"]}))
        console().print(f"Unavailable, so unknown and not zero: {names}. Of whom and why: sequel-assets status --all")
    if found["problems"]:
        _listed("Problems", PROBLEMS, found["problems"], limit, "--all")
    else:
        console().print("No problem is open.")


def _listed(title: str, headings: Sequence[str], records: Sequence[Record], limit: int | None, option: str) -> None:
    """Print a table of the first records, and how to see the others."""
    table(title, headings, _rows(records[:limit], headings))
    if limit is not None and len(records) > limit:
        console().print(f"and {len(records) - limit} more; all of them: sequel-assets status {option}")


def _rows(records: Sequence[Record], headings: Sequence[str]) -> list[list[Any]]:
    return [
        [
            PreparedLine(record[name]) if name == "reason" else shortened(record[name], TO_THE_MINUTE)
            for name in headings
        ]
        for record in records
    ]
