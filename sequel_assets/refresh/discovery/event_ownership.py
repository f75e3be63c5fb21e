"""Which events and hubs belong to which company: a pure decision over all listings.

An event belongs to its own company, or else to the deepest company that lists it. A hub counts once, however many
events link it, and belongs to the company of the earliest of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sequel_assets.safety.visible import visible
from sequel_assets.sequel import EARLIEST, LATEST, Event
from sequel_assets.warehouse.stores.catalog import KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import ALL, HUB, STAGE, events

COMPANY_UID = "(companyUid)"
"""Stands in place of an event where something is said of all that name the company."""
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass
class Owned:
    """The events and hubs of each company, and what could not be placed."""

    by_company: dict[str, dict[str, KnownEvent]] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)
    listers: dict[str, str] = field(default_factory=dict)
    """event -> the company whose list named it, where that is not its own."""
    listed: dict[str, Event] = field(default_factory=dict)
    """event -> how its list answered it."""


def foreign_owners(listings: Mapping[str, Sequence[Event]], companies: Iterable[str]) -> set[str]:
    """Return the owners that events name and that are no company we know: they must be looked up."""
    known = set(companies)
    return {event.company_uid for listing in listings.values() for event in listing if event.company_uid} - known


def own(
    listings: Mapping[str, Sequence[Event]],
    depths: Mapping[str, int],
    aliases: Mapping[str, str],
    stored_links: Iterable[tuple[str, KnownEvent]] = (),
) -> Owned:
    """Place every listed event and hub.

    `depths` has every known company; `aliases` maps an owner as an event spells it to the company that it turned out to
    be; `stored_links` are (company, event) of companies that were not listed now, for their hubs' sake.
    """
    result = Owned(by_company={company: {} for company in listings})
    placed: dict[str, tuple[str, Event]] = {}
    spelled: dict[str, set[str]] = {}
    for lister in sorted(listings, key=lambda company: -depths.get(company, 0)):  # deepest first
        for event in listings[lister]:
            owner = aliases.get(event.company_uid, event.company_uid) if event.company_uid else None
            if owner is not None and owner not in depths:
                reason = f"belongs to company {visible(owner)}, which is no sub-company of the root, and is left out"
                result.notes.append(Problem(lister, events.name, reason, event_id=event.uid))
            elif event.uid == ALL:
                reason = f"has the id {ALL!r}, which stands for all events here; it is left out"
                result.notes.append(Problem(lister, events.name, reason, event_id=event.uid))
            elif event.uid not in placed:
                company = owner or lister
                placed[event.uid] = (company, event)
                if company != lister:
                    result.listers[event.uid] = lister
                if owner is not None and owner != event.company_uid:
                    spelled.setdefault(owner, set()).add(str(event.company_uid))
                if event.bad_fields:
                    result.notes.append(
                        Problem(company, events.name, cannot_be_read(event.bad_fields), event_id=event.uid)
                    )
    for owner, spellings in spelled.items():
        others = ", ".join(map(repr, sorted(spellings)))
        reason = f"events of this company name it as {others}; they are counted here"
        result.notes.append(Problem(owner, events.name, reason, event_id=COMPANY_UID))
    result.listed = {event_id: event for event_id, (_, event) in placed.items()}
    links: dict[str, list[tuple[datetime, str, str, str, KnownEvent]]] = {}
    for company, event in placed.values():
        known = _stage(event)
        result.by_company.setdefault(company, {})[event.uid] = known
        _link(links, company, known)
    for company, stored in stored_links:
        if stored.event_id not in placed:
            _link(links, company, stored)
    for hub_id, linked in links.items():
        company = min(linked, key=lambda link: link[:3])[1]
        if company in result.by_company and hub_id not in result.by_company[company]:
            result.by_company[company][hub_id] = _hub(
                hub_id, [link[-1] for link in sorted(linked, key=lambda link: link[:3])]
            )
    return result


def cannot_be_read(fields: Iterable[str]) -> str:
    """Return what is said of fields that are there and make no sense; their values stand nowhere."""
    years = f"{EARLIEST.year} and {LATEST.year}"
    return f"its {', '.join(sorted(fields))} cannot be read (a time must lie between {years}); kept as unknown"


def _link(links: dict[str, list[tuple[datetime, str, str, str, KnownEvent]]], company: str, event: KnownEvent) -> None:
    if event.networking_hub_id:
        entry = (event.starts_at or _LAST, company, event.event_id, event.networking_hub_id, event)
        links.setdefault(event.networking_hub_id, []).append(entry)


def _stage(event: Event) -> KnownEvent:
    return KnownEvent(
        event_id=event.uid,
        event_type=STAGE,
        name=event.name,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        timezone=event.timezone,
        is_cancelled=event.is_cancelled,
        is_replay_enabled=event.is_replay_enabled,
        networking_hub_id=event.networking_hub if event.networking_hub != event.uid else None,
        vanished_at=None,
        concurrency_from=None,
        concurrency_until=None,
    )


def _hub(hub_id: str, linked: Sequence[KnownEvent]) -> KnownEvent:
    return KnownEvent(
        event_id=hub_id,
        event_type=HUB,
        name=linked[0].name,
        starts_at=min((event.starts_at for event in linked if event.starts_at), default=None),
        ends_at=max((event.ends_at for event in linked if event.ends_at), default=None),
        timezone=linked[0].timezone,
        is_cancelled=False,
        is_replay_enabled=None,
        networking_hub_id=None,
        vanished_at=None,
        concurrency_from=None,
        concurrency_until=None,
    )
