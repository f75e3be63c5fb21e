"""Asking events as a whole: one endpoint after the other, each told from a refusal that concerns the company."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from sequel_assets.sequel import (
    BadRequest,
    Forbidden,
    HasError,
    InvalidAnswer,
    NotFound,
    SequelError,
)
from sequel_assets.warehouse.tables import HUB

from .placing import FATAL
from .told import Asked, Ending, Family, Refused, Told
from .work import Context, Stopped

PROBES = 2
"""So many events of a company must be refused before a dataset counts as unavailable there."""


class EndpointAsker:
    """Asks the events of one company through one endpoint."""

    def __init__(self, context: Context, family: Family, pool: Executor) -> None:
        self._context, self._family, self._pool = context, family, pool
        self.unavailable = ""
        """Why the endpoint tells nothing of this company, once that is known."""

    def probe(self, candidates: Sequence[Asked], *, probes: int = PROBES) -> Iterator[Told]:
        """Ask one event after the other until it is known whether the endpoint tells anything of the company."""
        refused: list[Told] = []
        for asked in candidates:
            told = self._ask(asked)
            yield told
            if told.ending is Ending.NOT_TOLD:
                refused.append(told)
                if len(refused) == probes:
                    break
            elif told.ending is not Ending.VANISHED:
                return
        self.unavailable = refused[-1].reason if refused else ""

    def ask(self, events: Iterable[Asked]) -> list[Told]:
        """Ask events side by side."""
        return list(self._pool.map(self._ask, events))

    def _ask(self, asked: Asked) -> Told:
        """Ask one event; whatever goes wrong is told of that event, unless no request would survive it."""
        began = time.monotonic()
        told = self._guarded(asked)
        self._context.gauge.also(told.requests)
        return replace(told, seconds=time.monotonic() - began)

    def _guarded(self, asked: Asked) -> Told:
        if self._context.stop.is_set():
            raise Stopped
        client = _Counting(self._context.client)
        event_id = asked.event.event_id
        try:
            return Told(event_id, self._family.fetch(client, asked), requests=client.requests)  # type: ignore[arg-type]
        except FATAL as error:
            self._context.fatal.append(error)
            self._context.stop.set()
            raise Stopped from None
        except Refused as error:
            return Told(event_id, None, Ending.FAILED, str(error), client.requests)
        except SequelError as error:
            ending, reason = self._ending(client, asked, error)
            return Told(event_id, None, ending, reason, client.requests)

    def _ending(self, client: "_Counting", asked: Asked, error: SequelError) -> tuple[Ending, str]:
        if isinstance(error, NotFound):
            try:
                (client.hub if asked.event.event_type == HUB else client.event)(asked.event.event_id)
            except NotFound:
                return Ending.VANISHED, ""
            except FATAL as fatal:
                self._context.fatal.append(fatal)
                self._context.stop.set()
                raise Stopped from None
            except SequelError as other:
                return (
                    Ending.FAILED,
                    f"Sequel answers 404 for its {self._family.name}, and looking it up failed: {other}",
                )
        return (Ending.NOT_TOLD if is_refusal(error) else Ending.FAILED), str(error)


def is_refusal(error: SequelError) -> bool:
    """Say whether an error may mean that Sequel does not tell this of the company: absent, forbidden, another shape."""
    if isinstance(error, InvalidAnswer):
        return error.fault in {"wrong shape", "not JSON", "redirected"}
    return isinstance(error, NotFound | Forbidden | BadRequest | HasError)


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
