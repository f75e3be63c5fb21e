"""The receiver of webhooks: `POST {path}/{capability}`, stored before it is acknowledged. It fetches and computes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError
from sequel_assets.warehouse.inbox import Hint
from sequel_assets.warehouse.sealing import Seal, SealError
from sequel_assets.warehouse.subscriptions import Receiving, hash_of

from .bodies import BodyError, GoneError, TooLargeError, TooManyLargeError, drain, read_body
from .deliveries import Delivery
from .health import health_routes
from .journal import Journal
from .memory import Memory
from .storing import NotStoredError, Storage
from .verify import NOT_KNOWN, Known, Rules, Verdict, admit, judge, verify

ENDED = "virtual-stage-event-ended"
LARGE_AT_ONCE = 4
STRANGERS_BYTES, STRANGERS_SECONDS = 64 << 10, 1.0
"""How much of the body of somebody who does not even know an address is waited for."""
Answer = tuple[Verdict, bool]
"""What is answered, and whether all of the request has arrived: else the connection is closed behind the answer."""


@dataclass(frozen=True)
class Bounds:
    """What one delivery may cost."""

    body_bytes: int
    ended_body_bytes: int
    read_seconds: float
    concurrency: int

    def body(self, event_type: str) -> int:
        """Return the longest body of a subscription's deliveries."""
        return self.ended_body_bytes if event_type == ENDED else self.body_bytes


class Receiver:
    """Judges deliveries, stores the good ones, answers. One per process; it is the state behind the app."""

    def __init__(
        self, warehouse: Warehouse, seal: Seal | None, rules: Rules, bounds: Bounds, clock: Callable[[], datetime]
    ) -> None:
        self._warehouse, self._rules, self._bounds, self._clock = warehouse, rules, bounds, clock
        self._memory, self._storage, self._journal = Memory(warehouse), Storage(warehouse), Journal()
        self._open = lru_cache(1000)(seal.open) if seal else None
        self._under_way, self._large = 0, set[object]()
        self._one_large_parser = anyio.CapacityLimiter(1)

    def app(self, path: str) -> ASGIApp:
        """Return the ASGI app that answers beneath this path; all but its answers to deliveries is Starlette's."""
        others = Starlette(routes=health_routes(self._warehouse))
        others.router.redirect_slashes = False  # it would repeat the address
        before = f"{path}/"

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            where = scope["path"] if scope["type"] == "http" else ""
            capability = where.removeprefix(before) if where.startswith(before) else ""
            if not capability or "/" in capability:
                await others(scope, receive, send)
            elif scope["method"] != "POST":
                await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
            else:
                await _tell(send, *await self._answer(capability, _headers(scope), receive))

        return app

    def close(self) -> None:
        """End what works in the background, when no delivery comes any more."""
        self._storage.close()
        self._journal.tell_the_untold()

    async def _answer(self, capability: str, headers: dict[str, str], receive: Receive) -> Answer:
        if self._under_way >= self._bounds.concurrency:
            self._journal.note(Verdict.BUSY, "-", 0)
            return Verdict.BUSY, False
        self._under_way += 1
        try:
            return await self._judged(capability, headers, receive)
        except Exception as error:  # noqa: BLE001 - a mistake of ours is answered so that it is repeated, without content
            self._journal.note(Verdict.FAILED, "-", 0, type(error).__name__)
            return Verdict.FAILED, False
        finally:
            self._under_way -= 1

    async def _judged(self, capability: str, headers: dict[str, str], receive: Receive) -> Answer:
        known, why, declared = NOT_KNOWN, "", _declared(headers)
        try:
            if declared > max(self._bounds.body_bytes, self._bounds.ended_body_bytes):
                verdict = Verdict.TOO_LARGE
            else:
                known, verdict = await self._known(capability, headers)
        except (WarehouseError, SealError) as error:
            verdict, why = Verdict.NOT_STORED, str(error)
        if verdict is not Verdict.ACCEPTED or known.receiving is None:
            return await self._refused(receive, verdict, known.receiving, why)
        limit = self._bounds.body(known.receiving.event_type)
        if declared > limit:
            return await self._refused(receive, Verdict.TOO_LARGE, known.receiving)
        place = object()
        try:
            body = await read_body(
                receive,
                limit,
                self._bounds.read_seconds,
                self._bounds.body_bytes,
                partial(self._take_place, place),
            )
            verdict, why = await self._taken(body, headers, known, known.receiving)
        except TooManyLargeError as error:
            return await self._refused(receive, Verdict.TOO_MANY_LARGE, known.receiving, is_there=error.is_whole)
        except BodyError as error:
            verdict = Verdict.TOO_LARGE if isinstance(error, TooLargeError) else Verdict.TOO_SLOW
            self._journal.note(
                verdict, _prefix(known.receiving), 0, "its sender hung up" * isinstance(error, GoneError)
            )
            return verdict, False
        finally:
            self._large.discard(place)
        self._journal.note(verdict, _prefix(known.receiving), len(body), why)
        return verdict, True

    def _take_place(self, place: object) -> bool:
        """Let a large body go on if there are not too many of them."""
        if len(self._large) >= LARGE_AT_ONCE:
            return False
        self._large.add(place)
        return True

    async def _known(self, capability: str, headers: dict[str, str]) -> tuple[Known, Verdict]:
        """Return what is known of an address and what that says; what memory would refuse is read again."""
        capability_hash = hash_of(capability)
        known, verdict = NOT_KNOWN, Verdict.NO_SUCH_ADDRESS
        for fresh in (False, True):
            receiving = await self._memory.receiving(capability_hash, fresh=fresh)
            known = NOT_KNOWN if receiving is None else Known(receiving, self._keys(receiving))
            verdict = admit(headers, known, self._rules)
            if verdict is Verdict.ACCEPTED:
                break
        return known, verdict

    def _keys(self, receiving: Receiving) -> tuple[str, ...]:
        if self._open is None:
            return ()
        return tuple(self._open(token) for token in receiving.sealed_keys(self._clock()))

    async def _taken(
        self, body: bytes, headers: dict[str, str], known: Known, receiving: Receiving
    ) -> tuple[Verdict, str]:
        """Judge a whole delivery and store it if it is good."""
        now = self._clock()
        arguments = (body, headers, known, now, self._rules)
        if len(body) <= STRANGERS_BYTES:
            verdict, delivery = verify(*arguments)
        else:  # not on the thread that answers everybody
            verdict, delivery = await run_sync(verify, *arguments, limiter=self._one_large_parser)
        try:
            if verdict is Verdict.TO_LOOK_UP and delivery is not None and delivery.company_id is not None:
                company_id = delivery.company_id
                lineage = await self._memory.lineage(company_id, receiving.company_id)
                verdict = judge(delivery, receiving, {company_id: lineage}, now, self._rules)
            if verdict.is_accepted and delivery is not None:
                await self._storage.store(_hint(delivery, receiving, verdict, now))
        except (WarehouseError, NotStoredError) as error:
            return Verdict.NOT_STORED, str(error)
        return verdict, ""

    async def _refused(
        self, receive: Receive, verdict: Verdict, receiving: Receiving | None, why: str = "", *, is_there: bool = False
    ) -> Answer:
        """Answer without looking at the body; who knows an address may send all of it first, so that the answer arrives."""
        bytes_, seconds = STRANGERS_BYTES, STRANGERS_SECONDS
        if receiving is not None and verdict is not Verdict.TOO_LARGE:
            bytes_, seconds = self._bounds.body(receiving.event_type), self._bounds.read_seconds
        whole = is_there or await drain(receive, bytes_, seconds)
        self._journal.note(verdict, _prefix(receiving), 0, why)
        return verdict, whole


async def _tell(send: Send, verdict: Verdict, whole: bool) -> None:
    """Answer by the status; a refusal in words as well."""
    body = b"" if verdict is Verdict.ACCEPTED else f"{verdict.words}\n".encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain; charset=utf-8")]
    if not whole:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": verdict.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers, names lower-cased; one that came twice is joined by a comma, and so fits nothing."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _declared(headers: dict[str, str]) -> int:
    """Return the length that the body is said to have, 0 where none is said."""
    told = headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= 18 else 0


def _prefix(receiving: Receiving | None) -> str:
    return "-" if receiving is None else (receiving.subscription_id or receiving.capability_hash)[:8]


def _hint(delivery: Delivery, receiving: Receiving, verdict: Verdict, now: datetime) -> Hint:
    return Hint(
        company_id=delivery.company_id or receiving.company_id,
        received_at=now,
        capability_hash=receiving.capability_hash,
        subscription_id=receiving.subscription_id,
        delivery_key=delivery.key,
        invocation_id=delivery.invocation_id,
        correlation_id=delivery.correlation_id,
        event_type=receiving.event_type,
        event_id=delivery.event_id or receiving.event_id,
        sent_at=delivery.sent_at,
        page=delivery.page,
        pages=delivery.pages,
        body_sha256=delivery.body_sha256,
        verdict=verdict.name.lower(),
    )
