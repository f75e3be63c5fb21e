"""`sequel-assets doctor`: how Sequel answers this account, a line as each check ends; what changes requests is kept.

It reads at Sequel, and writes `api_profile` alone. Output and report have ids, and no name, e-mail address or secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.machine_output import TableFormat, print_for_machines
from sequel_assets.cli.support.terminal import UsageError, console
from sequel_assets.doctor.examination import Examination, ExaminationOptions
from sequel_assets.doctor.judging.findings import Finding
from sequel_assets.doctor.judging.opt_in import LOAD_STEPS
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.api_profile import ApiProfile
from sequel_assets.safety.visible import visible
from sequel_assets.sequel import NotFound, SequelClient
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import api_profile
from sequel_assets.warehouse.stores.api_profile import LearnedFact

NUMBERS_CAN_BE_HAD, SOME_CANNOT = 0, 1
COLUMNS = ("check", "verdict", "found", "means", "to_set")
PATIENCE_SECONDS, ATTEMPTS = 5.0, 2
WIDTH = 19
REQUESTED_OTHERWISE = (
    "Days from {} on were requested before this was known, and may be wrong. Request them once more: sequel-assets "
    "backfill --force"
)


@dataclass(frozen=True)
class DoctorView:
    """What is looked at, what is kept, and how it is shown."""

    events: tuple[str, ...] = ()
    has_load: bool = False
    has_webhooks: bool = False
    report: Path | None = None
    is_dry: bool = False
    form: TableFormat = TableFormat.TABLE


@dataclass
class Examined:
    """What an examination came to."""

    at: datetime
    findings: list[Finding] = field(default_factory=list)
    requests: int = 0
    kept: Sequence[LearnedFact] = ()
    outdated_from: date | None = None
    """The first day that is stored, where it was requested by other facts than are known now."""
    has_person_key: bool = True
    """Whether the one setting is there that a backfill needs and an examination does not."""

    @property
    def learned(self) -> dict[str, str | None]:
        """Return what the checks have learned."""
        return {str(fact): value for finding in self.findings for fact, value in finding.learned.items()}

    @property
    def conclusion(self) -> str:
        """Return what follows, in one line."""
        blocking = [finding.check for finding in self.findings if finding.is_blocking]
        if blocking:
            return f"Some numbers cannot be had as things are: {', '.join(blocking)}. The lines above say why."
        first = "" if self.has_person_key else "set SEQUEL_PERSON_KEY, then "
        return f"Numbers can be had. Next: {first}sequel-assets backfill"


def doctor(settings: Settings, view: DoctorView) -> int:
    """Examine the account, print each finding, keep what was learned, and return the exit code."""
    settings.require("client_id", "client_secret", "company_id")
    done = Examined(settings.clock(), has_person_key=settings.person_key is not None)
    examination = _examination(settings, view)
    try:
        for finding in examination.run():
            done.findings.append(finding)
            if view.form is TableFormat.TABLE:
                _print(finding)
    except NotFound:
        raise UsageError(
            f"SEQUEL_COMPANY_ID: Sequel knows no company {settings.company_id} (404); check the id and the account"
        ) from None
    done.requests = examination.probes.requests
    if not view.is_dry:
        _keep(settings, done)
    if view.form is TableFormat.TABLE:
        _print_end(done)
    else:
        print_for_machines(view.form, _document(done), COLUMNS, [_record(finding) for finding in done.findings])
    if view.report is not None:
        with replacing(view.report) as file:
            file.write(report(settings, done).encode())
    return SOME_CANNOT if any(finding.is_blocking for finding in done.findings) else NUMBERS_CAN_BE_HAD


def forget(settings: Settings) -> int:
    """Drop what was learned; return the exit code."""
    with stored(settings, writes=True) as warehouse:
        dropped = warehouse.change(api_profile.forget)
    console().print(
        f"{dropped} facts dropped; Sequel is requested as documented." if dropped else "Nothing was learned."
    )
    return NUMBERS_CAN_BE_HAD


def _examination(settings: Settings, view: DoctorView) -> Examination:
    plain = replace(
        config.client_config(settings, ApiProfile()),
        retry_budget_seconds=min(settings.retry_budget_seconds, PATIENCE_SECONDS),
        max_attempts=ATTEMPTS,
    )
    at_once = {"max_attempts": 1, "max_concurrency": max(LOAD_STEPS)}

    def open_client(analytics_url: str, max_requests: int, is_load: bool) -> SequelClient:
        changes: dict[str, Any] = at_once if is_load else {}
        changed = replace(plain, analytics_url=analytics_url, max_requests=max_requests, **changes)
        return config.new_client(changed, wall_clock=lambda: settings.clock().timestamp())

    is_url_set = "analytics_url" in settings.model_fields_set
    options = ExaminationOptions(view.events, view.has_load, view.has_webhooks, is_url_set)
    return Examination(
        open_client, settings.api_url, settings.analytics_url, settings.company_id or "", settings.clock, options
    )


def _keep(settings: Settings, done: Examined) -> None:
    """Write what was learned; a warehouse is created only where there is something."""
    learned = done.learned
    by = f"sequel-assets doctor {metadata.version('sequel_assets')}"
    warehouse = config.open_warehouse(settings)
    try:
        if not any(learned.values()) and _is_empty(warehouse):
            return
        schema.create_if_empty(warehouse)
        root, at = settings.company_id or "", settings.clock()
        if warehouse.change(lambda connection: api_profile.replace(connection, root, learned, at=at, by=by)):
            done.outdated_from = warehouse.ask(api_profile.first_refreshed_day)
        done.kept = warehouse.ask(api_profile.learned)
    finally:
        warehouse.dispose()


def _is_empty(warehouse: Warehouse) -> bool:
    is_missing = warehouse.is_sqlite and not Path(warehouse.url.database or "").exists()
    return is_missing or warehouse.ask(schema.version) is None


def _print(finding: Finding) -> None:
    verdict = f"{finding.check:<{WIDTH}}{finding.verdict:<15}"
    console().print(verdict + visible(finding.found, 2_000))
    console().print(" " * WIDTH + f"means: {finding.means}")
    if finding.to_set:
        console().print(" " * WIDTH + f"to do: {visible(finding.to_set)}")


def _print_end(done: Examined) -> None:
    console().print("")
    for fact in done.kept:
        when = f"{fact.learned_at:%Y-%m-%d %H:%M}Z by {fact.learned_by}"
        console().print(f"Kept in the warehouse: {fact.fact} = {visible(fact.value)} (learned {when})")
    if done.outdated_from is not None:
        console().print(REQUESTED_OTHERWISE.format(done.outdated_from))
    console().print(f"{done.requests} requests. {done.conclusion}")


def _record(finding: Finding) -> dict[str, Any]:
    return {name: str(getattr(finding, name)) for name in COLUMNS}


def _document(done: Examined) -> dict[str, Any]:
    kept = [{"fact": one.fact, "value": one.value, "learned_at": one.learned_at.isoformat(), "by": one.learned_by}
            for one in done.kept]  # fmt: skip
    return {
        "at": done.at.isoformat(),
        "requests": done.requests,
        "checks": [_record(one) | {"is_blocking": one.is_blocking} for one in done.findings],
        "profile": kept,
        "outdated_from": done.outdated_from.isoformat() if done.outdated_from else None,
        "conclusion": done.conclusion,
    }


def report(settings: Settings, done: Examined) -> str:
    """Return the report to send to somebody: what was found, ids and nothing that says who somebody is. Markdown."""
    lines = [
        "# How Sequel answers this account",
        "",
        f"By sequel-assets doctor {metadata.version('sequel_assets')} on {done.at:%Y-%m-%d %H:%M}Z, "
        f"{done.requests} requests to {settings.api_url}. Ids are Sequel's; there is no name, e-mail address or secret here.",
        "",
    ]
    for finding in done.findings:
        lines += [f"## {finding.check}: {finding.verdict}", "", f"- found: {visible(finding.found, 2_000)}"]
        lines += (
            [f"- means: {finding.means}"] + ([f"- to do: {visible(finding.to_set)}"] if finding.to_set else []) + [""]
        )
    lines += [f"- {one.fact} = {visible(one.value)} ({one.learned_by})" for one in done.kept]
    return "\n".join([*lines, "", done.conclusion, ""])
