"""Placing every event that is listed at its company: what else must be requested for that, and what is not known yet.

A company whose list has failed or has not come is there by what is known of its events. Only an event whose owner is in
real doubt waits, and is named; no other does. Events and hubs whose ids come in several spellings are looked up, and what
is one to Sequel counts once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor

from sequel_assets.refresh.core.bounded_wait import LATE, answered_in_time
from sequel_assets.refresh.core.existence import events_of, twice_if_missing
from sequel_assets.refresh.core.id_spelling import Spellings, same_things, spelled_twice
from sequel_assets.refresh.discovery.companies import ancestors
from sequel_assets.refresh.discovery.event_ownership import Owned, foreign_owners, own
from sequel_assets.refresh.discovery.list_requests import Stored, Turn
from sequel_assets.sequel import Event, Forbidden, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.stores.catalog import KnownCompany, KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import HUB, events


def place_events(
    client: SequelClient,
    turn: Turn,
    requested: Collection[str],
    companies: Sequence[KnownCompany],
    stored: Stored,
    pool: Executor,
) -> Owned:
    """Place the events of a turn, out of a run that requests these companies.

    The companies whose lists failed are in `turn.failed`; one that lists an event in two spellings, of which Sequel
    does not answer whether they are one, joins them.
    """
    parents = {company.company_id: company.parent_company_id for company in companies}
    depths = {company.company_id: company.depth for company in companies}
    _spell_alike(client, turn, stored, pool)
    listings = turn.listings
    also_requested = {
        below.company_id
        for below in companies
        if below.gone_at is None and below.company_id not in requested
        for above in ancestors(below.company_id, parents)
        if above in listings and _of_unknown_owner(listings[above], stored.get(above, {}))
    }
    seconds = turn.quiet.seconds
    witnesses, unanswered = answered_in_time(pool, lambda at: events_of(client, at), sorted(also_requested), seconds)
    errors = {**turn.failed, **unanswered, **dict.fromkeys(turn.late, LATE)}
    waiting: dict[tuple[str, str], str] = {}
    """(lister, event) -> why its owner is not known; empty where it is a company's that cannot be requested now."""
    for company_id, listing in listings.items():
        others = (*witnesses.values(), *(theirs for other, theirs in listings.items() if other != company_id))
        doubtful = _of_unknown_owner(listing, stored.get(company_id, {})) - {e.uid for each in others for e in each}
        for below, error in errors.items():
            if company_id in ancestors(below, parents) and not isinstance(error, NotFound):
                theirs = doubtful & stored.get(below, {}).keys()
                why = f"it names no company, and the events of its sub-company {below} cannot be listed: {error}"
                waiting |= {(company_id, event_id): why for event_id in doubtful - theirs}
                waiting |= {(company_id, event_id): "" for event_id in theirs}
    spellings = Spellings(depths)
    foreign = foreign_owners(listings, depths)
    aliases = {owner: found for owner in foreign if (found := spellings.find(owner)) is not None}
    looked_up = {owner for owner in foreign if owner not in aliases}
    answered, unknown = answered_in_time(
        pool, lambda owner: twice_if_missing(lambda: client.company(owner)), sorted(looked_up), seconds
    )
    spelled = {owner: spellings.find(company.uid) for owner, company in answered.items()}
    aliases |= {owner: found for owner, found in spelled.items() if found is not None}
    for company_id, listing in listings.items():
        for event in listing:
            wrong = unknown.get(event.company_uid or "")
            if wrong is not None and not isinstance(
                wrong, NotFound | Forbidden
            ):  # those are none of ours, as far as we see
                waiting[company_id, event.uid] = f"it names a company that cannot be looked up: {wrong}"
    listed_now = listings | witnesses
    links = [(at, event) for at, known in stored.items() if at not in listed_now for event in known.values()]
    placed = {at: [e for e in listing if (at, e.uid) not in waiting] for at, listing in listed_now.items()}
    owned = own(placed, depths, aliases, links)
    owned.notes = [*turn.notes, *owned.notes]
    for (company_id, event_id), why in waiting.items():
        if why:
            reason = f"left out until it is known whose it is: {why}"
            owned.notes.append(Problem(company_id, events.name, reason, event_id=event_id))
    return owned


def _of_unknown_owner(listing: Iterable[Event], known: Mapping[str, KnownEvent]) -> set[str]:
    """Return the events that name no owner and are not known at their lister.

    Sequel may list a sub-company's events although the request excludes them, so only the lists of its sub-companies
    can decide.
    """
    return {event.uid for event in listing if not event.company_uid and event.uid not in known}


def _spell_alike(client: SequelClient, turn: Turn, stored: Stored, pool: Executor) -> None:
    """Give each event and hub of a turn one id. A company fails where Sequel does not answer whether two are one."""
    there = [event for theirs in stored.values() for event in theirs.values() if event.vanished_at is None]
    listed = [event for listing in turn.listings.values() for event in listing]
    stages = {event.event_id for event in there if event.event_type != HUB}
    hubs = {event.event_id for event in there if event.event_type == HUB}
    seconds = turn.quiet.seconds
    same, doubt = _same({e.uid for e in listed}, stages, lambda at: client.event(at).uid, pool, seconds)
    links = {event.networking_hub for event in listed if event.networking_hub}
    same_hubs, doubt_hubs = _same(links, hubs, lambda at: client.hub(at).uid, pool, seconds)
    doubt |= doubt_hubs
    for company_id, listing in list(turn.listings.items()):
        error = next((doubt[at] for e in listing for at in (e.uid, e.networking_hub) if at in doubt), None)
        if error is not None:
            del turn.listings[company_id]
            turn.failed[company_id] = error
        elif same or same_hubs:
            turn.listings[company_id] = _once(listing, same, same_hubs)
            turn.notes += _alias_notes(company_id, listing, same | same_hubs)


def _same(
    spelled: Collection[str], known: Collection[str], uid_of: Callable[[str], str], pool: Executor, seconds: float
) -> tuple[dict[str, str], dict[str | None, SequelError]]:
    """Return which id each other spelling stands for, and of those that cannot be decided why not."""
    groups = spelled_twice(spelled, known)
    answered, failed = answered_in_time(
        pool, lambda at: twice_if_missing(lambda: uid_of(at)), [at for g in groups for at in g], seconds
    )
    found: dict[str, str | None] = {
        **answered,
        **{at: None for at, error in failed.items() if isinstance(error, NotFound)},
    }
    clear = [group for group in groups if found.keys() >= {*group}]
    unclear = [group for group in groups if group not in clear]
    return same_things(clear, found, known), {
        at: failed[why] for g in unclear for why in g if why in failed for at in g
    }


def _once(listing: list[Event], same: Mapping[str, str], same_hubs: Mapping[str, str]) -> list[Event]:
    once: dict[str, Event] = {}
    for event in listing:
        uid, hub = same.get(event.uid, event.uid), event.networking_hub
        ids = {"uid": uid, "networking_hub": same_hubs.get(hub, hub) if hub else hub}
        once.setdefault(uid, event.model_copy(update=ids))
    return list(once.values())


def _alias_notes(company_id: str, listing: list[Event], same: Mapping[str, str]) -> list[Problem]:
    spelled = {at for event in listing for at in (event.uid, event.networking_hub) if at in same}
    return [
        Problem(
            company_id,
            events.name,
            f"is also listed as {at!r}, which differs in case or blanks alone and is the same to Sequel: "
            "it counts once",
            event_id=same[at],
        )
        for at in sorted(filter(None, spelled))
    ]
