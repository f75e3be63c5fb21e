"""The oracle of who hosts an event, made the obvious way from what the sandbox answers."""

from __future__ import annotations

import unicodedata
from typing import Any

from sequel_assets.sandbox import MISSING, Event


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
