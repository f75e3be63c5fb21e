"""Placing every event that is listed at its company: what else must be requested for that, and what is not known yet.

A company whose list has failed or has not come is there by what is known of its events. Only an event whose owner is in
real doubt waits, and is named; no other does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor

from sequel_assets.refresh.core.bounded_wait import LATE, answered_in_time
from sequel_assets.refresh.core.existence import events_of, twice_if_missing
from sequel_assets.refresh.core.id_spelling import Spellings
from sequel_assets.refresh.discovery.companies import ancestors
from sequel_assets.refresh.discovery.event_aliases import spell_alike
from sequel_assets.refresh.discovery.event_ownership import Owned, foreign_owners, own
from sequel_assets.refresh.discovery.list_requests import Stored, Turn
from sequel_assets.sequel import Event, Forbidden, NotFound, SequelClient
from sequel_assets.warehouse.stores.catalog import KnownCompany, KnownEvent
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import events


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
    spell_alike(client, turn, stored, pool)
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
