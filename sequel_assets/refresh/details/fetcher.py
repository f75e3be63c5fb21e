"""Asking events as a whole: one endpoint after the other, each told from a refusal that concerns the company."""

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from sequel_assets.refresh.core.existence import is_gone, is_known, twice_if_missing
from sequel_assets.refresh.core.run_context import RunContext
from sequel_assets.refresh.details.endpoint import Ending, Endpoint, EventRequest, FetchResult, Refused
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

PROBES = 8
"""So many events of a company, as far as it has them, must be refused before a dataset counts as unavailable there."""
STILL_TOLD = timedelta(days=7)
"""What was told of a company within so long is not unavailable there: a refusal is the event's own."""


class EndpointAsker:
    """Asks the events of one company through one endpoint."""

    def __init__(self, context: RunContext, family: Endpoint, pool: Executor) -> None:
        self._context, self._family, self._pool = context, family, pool
        self.untold: dict[sa.Table, str] = {}
        """Why the endpoint does not tell a table of this company, once that is known."""

    def probe(
        self, candidates: Iterable[EventRequest], unknown: Collection[sa.Table], *, probes: int = PROBES
    ) -> list[FetchResult]:
        """Ask one event after the other until each of the unknown tables was told, or of none of so many events.

        An event that fails decides nothing and ends it: what is untold is then not known.
        """
        probed: list[FetchResult] = []
        why = dict.fromkeys(unknown, "")
        for asked in candidates if why else ():
            told = self._ask(asked)
            probed.append(told)
            if told.ending is Ending.FAILED:
                return probed
            why = {table: told.why_not(table) or before for table, before in why.items() if not told.tells(table)}
            if not why or sum(one.ending is not Ending.VANISHED for one in probed) == probes:
                break
        self.untold = {table: reason for table, reason in why.items() if reason}
        return probed

    def ask(self, events: Iterable[EventRequest]) -> list[FetchResult]:
        """Ask events side by side."""
        return list(self._pool.map(self._ask, events))

    def _ask(self, asked: EventRequest) -> FetchResult:
        """Ask one event; whatever goes wrong is told of that event, unless no request would survive it."""
        began = time.monotonic()
        told = self._guarded(asked)
        self._context.progress.also(told.requests)
        return replace(told, seconds=time.monotonic() - began)

    def _guarded(self, asked: EventRequest) -> FetchResult:
        self._context.stop.check()
        client = _Counting(self._context.client)
        event_id = asked.event.event_id
        try:
            rows = twice_if_missing(lambda: self._family.fetch(client, asked))  # type: ignore[arg-type]
            return FetchResult(event_id, rows, requests=client.requests)
        except FATAL as error:
            raise self._context.stop.end(error) from None
        except Refused as error:
            return FetchResult(event_id, None, Ending.FAILED, str(error), client.requests)
        except SequelError as error:
            ending, reason = self._ending(client, asked, error)
            return FetchResult(event_id, None, ending, reason, client.requests)

    def _ending(self, client: "_Counting", asked: EventRequest, error: SequelError) -> tuple[Ending, str]:
        if isinstance(error, NotFound):
            try:
                if self._is_gone(client, asked):
                    return Ending.VANISHED, ""
            except FATAL as fatal:
                raise self._context.stop.end(fatal) from None
            except SequelError as other:
                return (
                    Ending.FAILED,
                    f"Sequel answers 404 for its {self._family.name}, and looking it up failed: {other}",
                )
            return Ending.NOT_FOUND, str(error)
        return (Ending.NOT_TOLD if is_refusal(error) else Ending.FAILED), str(error)

    def _is_gone(self, client: "_Counting", asked: EventRequest) -> bool:
        """Say whether Sequel does not know the event any more; nothing lists a hub, which has two calls instead."""
        event_id = asked.event.event_id

        def look_up() -> object:
            return self._family.look_up(client, event_id)  # type: ignore[arg-type]

        if asked.event.event_type == HUB:
            return not is_known(look_up)
        lister = self._context.listers.get(event_id, asked.company_id)
        return is_gone(client, lister, event_id, look_up)  # type: ignore[arg-type]


def to_probe(events: Iterable[EventRequest], wanted: Collection[str], now: datetime) -> list[EventRequest]:
    """Return events to try an endpoint with: of those that are wanted and then have begun the latest, then some of all times.

    So neither the newest events nor those of one kind alone decide what a company is told.
    """

    def rank(asked: EventRequest) -> tuple[bool, bool, float]:
        starts = asked.event.starts_at or now
        return (asked.event.event_id not in wanted, starts > now, -starts.timestamp())

    ranked = sorted(events, key=rank)
    half = PROBES // 2
    rest = ranked[half:]
    spread = sorted({len(rest) * place // half for place in range(half)}) if rest else []
    return ranked[:half] + [rest[place] for place in spread]


def is_refusal(error: SequelError) -> bool:
    """Say whether an error may mean that Sequel does not tell this of the company: absent, forbidden, another shape."""
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
