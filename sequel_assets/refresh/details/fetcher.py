"""Fetching event details: one event through one endpoint, and what kind of failure it is where there is no answer."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace

from sequel_assets.refresh.core.existence import is_gone, is_known, requested_again
from sequel_assets.refresh.datasets.endpoint import Endpoint, EventRequest, FetchFailure, FetchResult, InvalidEventData
from sequel_assets.refresh.usage.event_worker import Context, Stopped
from sequel_assets.sequel import (
    FATAL,
    BadRequest,
    Forbidden,
    HasError,
    InvalidAnswer,
    NotFound,
    SequelError,
)
from sequel_assets.warehouse.tables.core import HUB


class EndpointFetcher:
    """Fetches the events of one company through one endpoint."""

    def __init__(self, context: Context, endpoint: Endpoint, pool: Executor) -> None:
        self._context, self._endpoint, self._pool = context, endpoint, pool

    def fetch_all(self, requests: Iterable[EventRequest]) -> list[FetchResult]:
        """Fetch events side by side."""
        return list(self._pool.map(self.fetch, requests))

    def fetch(self, request: EventRequest) -> FetchResult:
        """Fetch one event; whatever goes wrong is a failure of that event, unless no request would survive it."""
        began = time.monotonic()
        result = self._guarded(request)
        self._context.gauge.also(result.requests)
        return replace(result, seconds=time.monotonic() - began)

    def _guarded(self, request: EventRequest) -> FetchResult:
        if self._context.stop.is_set():
            raise Stopped
        client = _Counting(self._context.client)
        event_id = request.event.event_id
        try:
            rows = requested_again(lambda: self._endpoint.fetch(client, request))  # type: ignore[arg-type]
            return FetchResult(event_id, rows, requests=client.requests)
        except FATAL as error:
            self._context.fatal.append(error)
            self._context.stop.set()
            raise Stopped from None
        except InvalidEventData as error:
            return FetchResult(event_id, None, FetchFailure.FAILED, str(error), client.requests)
        except SequelError as error:
            kind, reason = self._failure(client, request, error)
            return FetchResult(event_id, None, kind, reason, client.requests)

    def _failure(self, client: "_Counting", request: EventRequest, error: SequelError) -> tuple[FetchFailure, str]:
        if isinstance(error, NotFound):
            try:
                if self._is_gone(client, request):
                    return FetchFailure.VANISHED, ""
            except FATAL as fatal:
                self._context.fatal.append(fatal)
                self._context.stop.set()
                raise Stopped from None
            except SequelError as other:
                return (
                    FetchFailure.FAILED,
                    f"Sequel answers 404 for its {self._endpoint.name}, and looking it up failed: {other}",
                )
            return FetchFailure.NOT_FOUND, str(error)
        return (FetchFailure.REFUSED if is_refusal(error) else FetchFailure.FAILED), str(error)

    def _is_gone(self, client: "_Counting", request: EventRequest) -> bool:
        """Say whether Sequel does not know the event any more; nothing lists a hub, which has two calls instead."""
        event_id = request.event.event_id

        def look_up() -> object:
            return self._endpoint.look_up(client, event_id)  # type: ignore[arg-type]

        if request.event.event_type == HUB:
            return not is_known(look_up)
        lister = self._context.listers.get(event_id, request.company_id)
        return is_gone(client, lister, event_id, look_up)  # type: ignore[arg-type]


def is_refusal(error: SequelError) -> bool:
    """Say whether an error may mean that Sequel does not answer this for the company: absent, forbidden, another shape."""
    if isinstance(error, InvalidAnswer):
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
