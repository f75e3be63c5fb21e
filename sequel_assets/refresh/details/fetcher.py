"""Fetching event details: one event through one endpoint, and what kind of failure it is where there is no answer."""

import time
from collections.abc import Callable

from sequel_assets.refresh.core.existence import is_gone, is_known, twice_if_missing
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, FetchFailure, FetchResult, InvalidEventData
from sequel_assets.sequel import (
    FATAL,
    BadRequest,
    Forbidden,
    HasError,
    InvalidResponse,
    NotFound,
    SequelError,
)
from sequel_assets.warehouse.tables.core import HUB


def fetch_event(context: RunContext, endpoint: Endpoint, request: EventRequest) -> FetchResult:
    """Fetch one event; whatever goes wrong is a failure of that event, unless no request would survive it."""
    context.stop.check()
    client, began = _Counting(context.client), time.monotonic()
    rows, kind, reason = None, None, ""
    try:
        try:
            rows = twice_if_missing(lambda: endpoint.fetch(client, request))  # type: ignore[arg-type]
        except NotFound as error:
            kind, reason = FetchFailure.NOT_FOUND, str(error)
            if _is_gone(client, context, endpoint, request):
                kind, reason = FetchFailure.VANISHED, ""
    except FATAL as error:
        raise context.stop.end(error) from None
    except (InvalidEventData, SequelError) as error:
        looked_up = f"Sequel answers 404 for its {endpoint.name}, and looking it up failed: " if kind else ""
        is_refused = not looked_up and is_refusal(error)
        kind, reason = FetchFailure.REFUSED if is_refused else FetchFailure.FAILED, f"{looked_up}{error}"
    context.progress.also(client.requests)
    return FetchResult(request.event.event_id, rows, kind, reason, client.requests, time.monotonic() - began)


def _is_gone(client: "_Counting", context: RunContext, endpoint: Endpoint, request: EventRequest) -> bool:
    """Say whether Sequel does not know the event any more; nothing lists a hub, which has two calls instead."""
    event_id = request.event.event_id

    def look_up() -> object:
        return endpoint.look_up(client, event_id)  # type: ignore[arg-type]

    if request.event.event_type == HUB:
        return not is_known(look_up)
    lister = context.listers.get(event_id, request.company_id)
    return is_gone(client, lister, event_id, look_up)  # type: ignore[arg-type]


def is_refusal(error: Exception) -> bool:
    """Say whether an error may mean that Sequel does not answer this for the company: absent, forbidden, another shape."""
    if isinstance(error, InvalidResponse):
        return error.fault in {"wrong shape", "not JSON", "redirected"}
    return isinstance(error, Forbidden | BadRequest | HasError)


class _Counting:
    """A client that counts the calls that are made of it."""

    def __init__(self, client: object) -> None:
        self._client = client
        self.requests = 0

    def __getattr__(self, name: str) -> Callable[..., object]:
        call: Callable[..., object] = getattr(self._client, name)

        def counted(*args: object, **more: object) -> object:
            self.requests += 1
            return call(*args, **more)

        return counted
