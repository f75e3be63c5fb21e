"""`sequel-assets webhooks ...`: the state of the subscriptions, and the subscription reconciler on demand.

`status` never calls Sequel; with `is_dry` the other commands only print what they would do.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.machine_output import TableFormat, print_for_machines
from sequel_assets.cli.support.terminal import TO_THE_MINUTE, console, errors, shortened, table
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.safety.visible import as_line
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.webhooks.subscriptions import reconciler
from sequel_assets.webhooks.subscriptions.decisions import Action, DesiredSubscription
from sequel_assets.webhooks.subscriptions.observe import ReconcilerContext
from sequel_assets.webhooks.subscriptions.reconciler import ReconcilerReport
from sequel_assets.webhooks.subscriptions.status import read_states, undelivered_companies

ALL_WELL, SOME_WRONG = 0, 1
STATES = ("company", "event_type", "since", "expires", "days_left", "last_delivery", "in_7_days", "state")
DONE = {
    Action.CREATE: ("created", "would be created"),
    Action.EXTEND: ("extended", "would be extended"),
    Action.RENEW: ("renewed", "would be renewed"),
    Action.DELETE: ("deleted", "would be deleted"),
    Action.END: ("ended", "would be ended"),
}
RETRY_ADVICE = "What was done stays, and the rest is unchanged; run the command once more."


def status(settings: Settings, form: TableFormat) -> int:
    """Print every subscription and what is wrong; return the exit code."""
    with stored(settings) as warehouse:
        found = _read(settings, warehouse)
    is_wrong = any(record["wrong"] for record in found["subscriptions"])
    if form is not TableFormat.TABLE:
        print_for_machines(form, found, STATES, found["subscriptions"])
        return SOME_WRONG if is_wrong else ALL_WELL
    if settings.webhook_url is None:
        console().print("SEQUEL_WEBHOOK_URL is not set: no webhook is subscribed to (docs/webhooks.md).")
    if found["subscriptions"]:
        rows = [[shortened(record[name], TO_THE_MINUTE) for name in STATES] for record in found["subscriptions"]]
        table("Webhook subscriptions", [name.replace("_", " ") for name in STATES], rows)
    if is_wrong:
        console().print(
            "Something is wrong; the schedule repairs it within four hours, sequel-assets webhooks ensure at once."
        )
    for company in found["silent_companies"]:
        console().print(
            f"{company}: people attended its events in the last 7 days, and no webhook came of it, while others' came. "
            f"Give it subscriptions of its own: SEQUEL_WEBHOOK_COMPANIES={company}",
        )
    return SOME_WRONG if is_wrong else ALL_WELL


def ensure(settings: Settings, *, is_dry: bool) -> int:
    """Create, extend or replace subscriptions as needed, and return the exit code."""
    settings.require("webhook_url")
    with _open_tools(settings, writes=not is_dry) as tools:
        return _report(reconciler.reconcile(tools, _wanted(settings, tools), is_dry=is_dry), tools, is_dry=is_dry)


def rotate(settings: Settings, companies: Sequence[str], *, is_dry: bool) -> int:
    """Give every subscription (or those of some companies) a new key, and return the exit code."""
    settings.require("webhook_url")
    with _open_tools(settings, writes=not is_dry) as tools:
        slots, only = _wanted(settings, tools), _chosen(tools, companies)
        chosen = [slot for slot in slots if only is None or slot.company_id in only]
        report = reconciler.reconcile(tools, slots, new_keys=chosen, only=only, is_dry=is_dry)
        return _report(report, tools, is_dry=is_dry)


def reseal(settings: Settings) -> int:
    """Encrypt every stored secret with the first key of the setting, and return the exit code."""
    settings.require("webhook_secret_key")
    seal = settings.seal()
    with stored(settings, writes=True) as warehouse:
        done, closed = reconciler.reseal(warehouse, seal) if seal else (0, 0)
    console().print(f"{done} stored secrets are encrypted with the first key of SEQUEL_WEBHOOK_SECRET_KEY.")
    if closed:
        errors().print(
            f"{closed} stored secrets are decrypted by none of its keys and were left alone; put the key that they "
            "were encrypted with back behind the first, after a comma, or run: sequel-assets webhooks ensure, which "
            "has them renewed at Sequel"
        )
    elif done:
        console().print(
            "Receivers and Dagster that still run with the previous settings cannot read them: restart those, then "
            "remove the other keys. A receiver that can read none answers 503 at /health/ready."
        )
    return SOME_WRONG if closed else ALL_WELL


def delete(settings: Settings, companies: Sequence[str], *, is_dry: bool) -> int:
    """Delete every subscription (or those of some companies) at Sequel and here, and return the exit code."""
    with _open_tools(settings, writes=not is_dry) as tools:
        code = _report(
            reconciler.reconcile(tools, [], only=_chosen(tools, companies), is_dry=is_dry), tools, is_dry=is_dry
        )
    if settings.webhook_url is not None and not is_dry:
        console().print(
            "The schedule creates those that the settings require once more; to stop that, remove SEQUEL_WEBHOOK_URL."
        )
    return code


@contextmanager
def _open_tools(settings: Settings, *, writes: bool) -> Iterator[ReconcilerContext]:
    settings.require("client_id", "client_secret", "company_id", "webhook_secret_key")
    with stored(settings, writes=writes) as warehouse, closing(config.open_client(settings)) as client:
        yield reconciler.context_of(settings, client, warehouse)


def _wanted(settings: Settings, tools: ReconcilerContext) -> list[DesiredSubscription]:
    return tools.warehouse.ask(partial(reconciler.desired_by_settings, settings))


def _chosen(tools: ReconcilerContext, companies: Sequence[str]) -> Collection[str] | None:
    if not companies:
        return None
    return {company.company_id for company in choose(tools.warehouse.ask(catalog.known_companies), companies)}


def _report(report: ReconcilerReport, tools: ReconcilerContext, *, is_dry: bool) -> int:
    """Print what was (or would be) done and what failed; return the exit code. A fatal error is raised."""
    names = tools.warehouse.ask(catalog.partition_keys)
    rows = [
        (
            names.get(step.desired.company_id, step.desired.company_id),
            step.desired.event_type,
            DONE[step.do][is_dry],
            step.why,
        )
        for step in report.steps
    ]
    if rows:
        table("Webhook subscriptions", ("company", "event type", "done" if not is_dry else "to do", "why"), rows)
    for failure in report.failures:
        if failure.desired is not None:
            where = f"{names.get(failure.desired.company_id, failure.desired.company_id)} {failure.desired.event_type}"
            errors().print(as_line(f"{where}: {failure.reason}"))
    if report.fatal is not None:
        raise report.fatal
    if report.failures:
        errors().print(RETRY_ADVICE)
        return SOME_WRONG
    if not rows:
        console().print("Nothing to do.")
    return ALL_WELL


def _read(settings: Settings, warehouse: Warehouse) -> dict[str, Any]:
    now = settings.clock()
    with warehouse.read() as connection:
        names = catalog.partition_keys(connection)
        slots = reconciler.desired_by_settings(settings, connection)
        length = timedelta(days=settings.webhook_length_days)
        states = read_states(connection, slots, settings.seal(), now, length)
        silent = undelivered_companies(connection, states, settings.company_id or "", now)
    return {
        "subscriptions": [
            {
                "company": names.get(state.desired.company_id, state.desired.company_id),
                "event_type": state.desired.event_type,
                "since": state.row.created_at.isoformat() if state.row else None,
                "expires": expires_at.isoformat() if expires_at else None,
                "days_left": (expires_at - now).days if expires_at else None,
                "last_delivery": state.last_delivery.isoformat() if state.last_delivery else None,
                "in_7_days": state.deliveries,
                "state": state.description,
                "wrong": state.is_wrong,
            }
            for state in states
            for expires_at in [state.row.expires_at if state.row else None]
        ],
        "silent_companies": [names.get(company_id, company_id) for company_id in silent],
    }
