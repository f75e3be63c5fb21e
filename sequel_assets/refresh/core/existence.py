"""Is something still there? What a 404 means is decided here: it is requested again, then looked up.

One 404 is no evidence: a proxy, a replica that lags or a quota says it too. An event is gone only if Sequel neither
knows it, requested twice, nor names it in the list of its company.
"""

from collections.abc import Callable
from typing import TypeVar

from sequel_assets.sequel import Event, Forbidden, NotFound, SequelClient

T = TypeVar("T")


def twice_if_missing(call: Callable[[], T]) -> T:
    """Return what a call answers; a 404 is requested once more."""
    try:
        return call()
    except NotFound:
        return call()


def twice_if_refused(call: Callable[[], T]) -> T:
    """Return what a list of a company answers; after a 404, or a 403 that may be a quota's, the second answer."""
    try:
        return call()
    except (NotFound, Forbidden):
        return call()


def events_of(client: SequelClient, company_id: str) -> list[Event]:
    """Return the events that Sequel lists of a company, without those of its sub-companies."""
    return twice_if_refused(lambda: client.events(company_id, include_sub_companies=False))


def is_known(look_up: Callable[[], object]) -> bool:
    """Say whether Sequel answers a look-up with anything but two 404."""
    try:
        twice_if_missing(look_up)
    except NotFound:
        return False
    return True


def is_gone(client: SequelClient, lister: str, event_id: str, look_up: Callable[[], object]) -> bool:
    """Say whether an event (or hub) is neither known nor named by the list of the company that listed it.

    The list is requested once more: between the run's own and now the event may have gone.
    """
    if is_known(look_up):
        return False
    return not any(event_id in (event.uid, event.networking_hub) for event in events_of(client, lister))
