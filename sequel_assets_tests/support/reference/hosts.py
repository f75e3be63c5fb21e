"""The oracle of who hosts an event, and of usage without them, made the obvious way from what the sandbox answers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sequel_assets.sandbox import HUB, MISSING, Event


def hosts_of(event: Event) -> dict[str, list[tuple[str, str, str]] | None]:
    """Return by role (kind, key, name) of each entry; kind is email, id or unknown; None where it is not told."""
    found: dict[str, list[tuple[str, str, str]] | None] = {}
    for role, shown in (("organizer", event.organizers), ("presenter", event.presenters)):
        told = event.extra.get(f"{role}s", list(shown))
        found[role] = None if told in (None, MISSING) else [_host(entry) for entry in told]
    return found


def _host(entry: Any) -> tuple[str, str, str]:
    if isinstance(entry, str):
        entry = {"email" if "@" in entry else "uid": entry}
    if not isinstance(entry, dict):
        return ("unknown", "", "")
    email = (entry.get("email") or entry.get("userEmail") or "").strip().lower()
    name = (entry.get("name") or "").strip()
    if email:
        return ("email", unicodedata.normalize("NFC", email), name)
    who = (entry.get("uid") or "").strip()
    return ("id", f"\0\0{who}", name) if who else ("unknown", "", "")


def audience_rows(
    minutes: Sequence[Any], companies: Sequence[str], days: Sequence[date], hashed: Callable[[str], str]
) -> list[tuple[Any, ...]]:
    """Return the usage of each day without those who host; of `minutes` each is one person in one minute of one event."""
    rows = []
    for company in companies:
        for day in days:
            here = [m for m in minutes if (m.company_id, m.day) == (company, day) and m.event.event_type != HUB]
            events = {m.event.id: m.event for m in here}
            unknown = sum(not _is_known(event) for event in events.values())
            hosts = {
                (event.id, hashed(key))
                for event in events.values()
                for told in hosts_of(event).values()
                for _, key, _ in told or ()
            }
            audience = [m for m in here if (m.event.id, m.person_id) not in hosts]
            engaged = len({(m.event.id, m.person_id, m.at) for m in audience})
            users = len({m.person_id for m in audience})
            average = float((Decimal(engaged) / users).quantize(Decimal("0.01"), ROUND_HALF_UP)) if users else None
            by_hosts = len({(m.event.id, m.person_id, m.at) for m in here}) - engaged
            numbers: tuple[Any, ...] = (
                sum(m.live for m in audience), sum(m.on_demand for m in audience), engaged, users, average, by_hosts,
            )  # fmt: skip
            rows.append((company, day, *([None] * 6 if unknown else numbers), len(events), unknown))
    return sorted(rows)


def _is_known(event: Event) -> bool:
    return all(told is not None and all(kind == "email" for kind, _, _ in told) for told in hosts_of(event).values())
