"""Is something still there? What a 404 means is decided here: it is asked again, then looked up.

One 404 proves nothing: a proxy, a replica that lags or a quota says it too. An event is gone only if Sequel neither
knows it, asked twice, nor names it in the list of its company.
"""

from collections.abc import Callable
from typing import TypeVar

from sequel_assets.sequel import NotFound, SequelClient

T = TypeVar("T")


def asked_again(call: Callable[[], T]) -> T:
    """Return what a call answers; a 404 is asked again once."""
    try:
        return call()
    except NotFound:
        return call()


def is_known(look_up: Callable[[], object]) -> bool:
    """Say whether Sequel answers a look-up with anything but two 404."""
    try:
        asked_again(look_up)
    except NotFound:
        return False
    return True


def is_gone(client: SequelClient, lister: str, event_id: str, look_up: Callable[[], object]) -> bool:
    """Say whether an event (or hub) is neither known nor named by the list of the company that listed it.

    The list is asked anew: between the run's own and now the event may have gone.
    """
    if is_known(look_up):
        return False
    listed = asked_again(lambda: client.events(lister, include_sub_companies=False))
    return not any(event_id in (event.uid, event.networking_hub) for event in listed)
