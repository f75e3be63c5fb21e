"""Events and hubs whose ids come in several spellings: each is looked up, and what is one to Sequel counts once."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor

from sequel_assets.refresh.core.bounded_wait import answered_in_time
from sequel_assets.refresh.core.existence import twice_if_missing
from sequel_assets.refresh.core.id_spelling import same_things, spelled_twice
from sequel_assets.refresh.discovery.list_requests import Stored, Turn
from sequel_assets.sequel import Event, NotFound, SequelClient, SequelError
from sequel_assets.warehouse.stores.problems import Problem
from sequel_assets.warehouse.tables.core import HUB, events


def spell_alike(client: SequelClient, turn: Turn, stored: Stored, pool: Executor) -> None:
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
            turn.notes += _notes(company_id, listing, same | same_hubs)


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


def _notes(company_id: str, listing: list[Event], same: Mapping[str, str]) -> list[Problem]:
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
