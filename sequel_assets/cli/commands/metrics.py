"""`sequel-assets metrics`: what `status` says of each company, and the inbox's depth, as a text file for Prometheus.

One query path with `status`. Labels are the companies' partition keys alone: never a person, an event or a text of Sequel's.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest

from sequel_assets.cli.commands.status_records import Record, read_status
from sequel_assets.cli.support.atomic_file import replacing
from sequel_assets.cli.support.terminal import console
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.safety.visible import visible
from sequel_assets.settings import Settings
from sequel_assets.warehouse.stores import notifications, request_places
from sequel_assets.warehouse.stores.request_places import PlacesInUse


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


OF_COMPANY: dict[str, tuple[str, Callable[[Record], float | None]]] = {
    "sequel_company_data_through_timestamp_seconds": (
        "Up to when all of the company's hourly numbers go; missing while one of its datasets has none",
        lambda company: _seconds(company["data_through"]),
    ),
    "sequel_company_last_refresh_timestamp_seconds": (
        "When a slice of the company was last refreshed; missing before the first refresh",
        lambda company: _seconds(company["refreshed_at"]),
    ),
    "sequel_company_late_slices": ("Slices that cover less than they should by now", lambda company: company["late"]),
    "sequel_company_quarantined_slices": (
        "Problems that wait for sequel-assets accept: numbers that were far smaller than those kept",
        lambda company: company["quarantined"],
    ),
    "sequel_company_problems": ("Open problems, quarantined ones included", lambda company: company["problems"]),
    "sequel_company_unavailable_datasets": (
        "Datasets that Sequel does not answer for the company: unknown, not zero",
        lambda company: company["unavailable"],
    ),
    "sequel_company_unknown_days": (
        "Days that Sequel forgot before they were known",
        lambda company: company["unknown_days"],
    ),
}
"""Each series of a company, what it means, and where `status` says it. A company that is gone has none."""


def metrics(settings: Settings, wanted: Sequence[str], out: Path | None) -> int:
    """Write the metrics to a file, or print them; return the exit code."""
    found = read_status(settings, wanted)
    with stored(settings) as warehouse:
        depth, oldest = warehouse.ask(notifications.backlog)
        usage = warehouse.ask(request_places.in_use)
    text = exposition(found["companies"], depth, oldest, usage, settings.clock())
    if out is None:
        console().out(text.decode(), end="")
        return 0
    # the collector reads whatever ends in .prom, a hidden file too
    with replacing(out, out.resolve().with_name(f".{out.name}.{os.getpid()}.unfinished")) as file:
        file.write(text)
    return 0


def exposition(
    companies: Sequence[Record], depth: int, oldest: datetime | None, usage: PlacesInUse, now: datetime
) -> bytes:
    """Return the text that Prometheus reads."""
    registry = CollectorRegistry()
    there = [company for company in companies if not company["gone"]]
    for name, (meaning, value_of) in OF_COMPANY.items():
        gauge = Gauge(name, meaning, ["company"], registry=registry)
        for company in there:
            if (value := value_of(company)) is not None:
                gauge.labels(visible(company["company"])).set(value)
    totals: dict[str, tuple[str, float]] = {
        "sequel_companies": ("Companies that are not gone", len(there)),
        "sequel_companies_late": ("Of them those that are late", sum(company["late"] > 0 for company in there)),
        "sequel_inbox_waiting_notifications": ("Notifications of webhooks that are not handled yet", depth),
        "sequel_inbox_oldest_waiting_seconds": (
            "Age of the oldest of them; 0 where none waits",
            (now - oldest).total_seconds() if oldest else 0,
        ),
        "sequel_request_processes": ("Processes that share SEQUEL_MAX_CONCURRENCY now", usage.processes),
        "sequel_request_places": ("Requests that they may have under way, in sum", usage.places),
        "sequel_throttled_bursts": ("How often Sequel answered 429 so far, bursts counted once", usage.throttles),
    }
    for name, (meaning, value) in totals.items():
        Gauge(name, meaning, registry=registry).set(value)
    return generate_latest(registry)
