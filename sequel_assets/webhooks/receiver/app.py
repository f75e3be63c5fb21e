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

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores.inbox import Notification
from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving, hash_of, sealed_secrets
from sequel_assets.warehouse.stores.sealing import Seal, SealError
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.receiver.batch_writer import NotStoredError, Storage
from sequel_assets.webhooks.receiver.body import (
    BodyError,
    GoneError,
    TooLargeError,
    TooManyLargeError,
    drain,
    read_body,
)
from sequel_assets.webhooks.receiver.body_encoding import NotGzipError, is_gzip, is_understood
from sequel_assets.webhooks.receiver.cache import SubscriptionCache
from sequel_assets.webhooks.receiver.db_threads import Readers
from sequel_assets.webhooks.receiver.health import health_routes
from sequel_assets.webhooks.receiver.http import declared_length, headers_of, tell
from sequel_assets.webhooks.receiver.log import Journal
from sequel_assets.webhooks.receiver.payload import Delivery
from sequel_assets.webhooks.receiver.verify import (
    NOT_KNOWN,
    KnownSubscriptions,
    Verification,
    VerificationRules,
    admit,
    judge,
    verify,
)

LARGE_AT_ONCE = 4
STRANGERS_BYTES, STRANGERS_SECONDS, STRANGERS_AT_ONCE = 64 << 10, 1.0, 32
"""How much of the body of somebody without address or key is waited for, and for how many of them."""
UNAUTHENTICATED = (Verification.NO_SUCH_ADDRESS, Verification.NO_KEY, Verification.WRONG_KEY, Verification.TOO_LARGE)
Answer = tuple[Verification, bool]
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
        return self.ended_body_bytes if event_type == WebhookType.ENDED else self.body_bytes


class Receiver:
    """Judges deliveries, stores the good ones, answers. One per process; it is the state behind the app."""

    def __init__(
        self,
        warehouse: Warehouse,
        seal: Seal | None,
        rules: VerificationRules,
        bounds: Bounds,
        clock: Callable[[], datetime],
    ) -> None:
        self._warehouse, self._rules, self._bounds, self._clock = warehouse, rules, bounds, clock
        self._memory, self._storage, self._journal = SubscriptionCache(warehouse, clock), Storage(warehouse), Journal()
        self._seal = seal if "key" in rules.demands else None
        self._open = lru_cache(1000)(self._seal.open) if self._seal else None
        self._one_looks = Readers(1)
        self._under_way, self._strangers, self._large = 0, 0, set[object]()
        self._one_large_parser = anyio.CapacityLimiter(1)

    def app(self, path: str) -> ASGIApp:
        """Return the ASGI app that answers beneath this path; all but its answers to deliveries is Starlette's."""
        others = Starlette(routes=health_routes(self._reason_against, self._one_looks))
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
                await tell(send, *await self._answer(capability, headers_of(scope), receive))

        return app

    def close(self) -> None:
        """End what works in the background, when no delivery comes any more."""
        self._memory.close()
        self._one_looks.close()
        self._storage.close()
        self._journal.report_suppressed()

    def _reason_against(self) -> str:
        """Say why deliveries cannot be taken in, if so: read from the database now."""
        schema.ensure_current(self._warehouse)
        with self._warehouse.read() as connection:
            secrets = sealed_secrets(connection)
        is_closed = self._seal is not None and bool(secrets) and not self._seal.opens_any(secrets)
        return "SEQUEL_WEBHOOK_SECRET_KEY opens none of the stored secrets" if is_closed else ""

    async def _answer(self, capability: str, headers: dict[str, str], receive: Receive) -> Answer:
        """Judge the sender first: those without address or key take no place of those who have both."""
        try:
            known, verdict, why = await self._admitted(capability, headers)
            if verdict in UNAUTHENTICATED:
                return await self._refused_stranger(receive, verdict, known.receiving)
            if self._under_way >= self._bounds.concurrency:
                self._journal.note(Verification.BUSY, "-", 0)
                return Verification.BUSY, False
            self._under_way += 1
            try:
                if verdict is Verification.ACCEPTED and known.receiving is not None:
                    return await self._judged(headers, receive, known, known.receiving)
                return await self._refused(receive, verdict, known.receiving, why)
            finally:
                self._under_way -= 1
        except Exception as error:  # noqa: BLE001 - a mistake of ours is answered so that it is repeated, without content
            self._journal.note(Verification.FAILED, "-", 0, type(error).__name__)
            return Verification.FAILED, False

    async def _admitted(self, capability: str, headers: dict[str, str]) -> tuple[KnownSubscriptions, Verification, str]:
        """Return what is known of an address, what that says, and why nothing could be known."""
        if declared_length(headers) > max(self._bounds.body_bytes, self._bounds.ended_body_bytes):
            return NOT_KNOWN, Verification.TOO_LARGE, ""
        try:
            return *await self._known(capability, headers), ""
        except (WarehouseError, SealError) as error:
            return NOT_KNOWN, Verification.NOT_STORED, str(error)

    async def _judged(
        self, headers: dict[str, str], receive: Receive, known: KnownSubscriptions, receiving: Receiving
    ) -> Answer:
        limit, place = self._bounds.body(receiving.event_type), object()
        if declared_length(headers) > limit:
            return await self._refused(receive, Verification.TOO_LARGE, receiving)
        if not is_understood(headers):
            return await self._refused(receive, Verification.NOT_UNDERSTOOD, receiving)
        try:
            body = await read_body(
                receive,
                limit,
                self._bounds.read_seconds,
                self._bounds.body_bytes,
                partial(self._take_place, place),
                is_gzip=is_gzip(headers),
            )
            verdict, why = await self._taken(body, headers, known, receiving)
        except TooManyLargeError as error:
            return await self._refused(receive, Verification.TOO_MANY_LARGE, receiving, is_there=error.is_whole)
        except BodyError as error:
            verdict = Verification.TOO_LARGE if isinstance(error, TooLargeError) else Verification.TOO_SLOW
            self._journal.note(verdict, _prefix(receiving), 0, "its sender hung up" * isinstance(error, GoneError))
            return verdict, False
        except NotGzipError:
            body, verdict, why = b"", Verification.MALFORMED, "it is no gzip"
        finally:
            self._large.discard(place)
        self._journal.note(verdict, _prefix(receiving), len(body), why)
        return verdict, True

    def _take_place(self, place: object) -> bool:
        """Let a large body go on if there are not too many of them."""
        if len(self._large) >= LARGE_AT_ONCE:
            return False
        self._large.add(place)
        return True

    async def _known(self, capability: str, headers: dict[str, str]) -> tuple[KnownSubscriptions, Verification]:
        """Return what is known of an address and what that says; what memory would refuse is read again."""
        capability_hash = hash_of(capability)
        known, verdict = NOT_KNOWN, Verification.NO_SUCH_ADDRESS
        for fresh in (False, True):
            receiving = await self._memory.receiving(capability_hash, fresh=fresh)
            known = NOT_KNOWN if receiving is None else KnownSubscriptions(receiving, self._keys(receiving))
            verdict = admit(headers, known, self._rules)
            if verdict is Verification.ACCEPTED:
                break
        return known, verdict

    def _keys(self, receiving: Receiving) -> tuple[str, ...]:
        if self._open is None:
            return ()
        return tuple(self._open(token) for token in receiving.sealed_keys(self._clock()))

    async def _taken(
        self, body: bytes, headers: dict[str, str], known: KnownSubscriptions, receiving: Receiving
    ) -> tuple[Verification, str]:
        """Judge a whole delivery and store it if it is good."""
        now = self._clock()
        arguments = (body, headers, known, now, self._rules)
        if len(body) <= STRANGERS_BYTES:
            verdict, delivery = verify(*arguments)
        else:  # not on the thread that answers everybody
            verdict, delivery = await run_sync(verify, *arguments, limiter=self._one_large_parser)
        try:
            if verdict is Verification.TO_LOOK_UP and delivery is not None and delivery.company_id is not None:
                company_id = delivery.company_id
                lineage = await self._memory.lineage(company_id, receiving.company_id)
                verdict = judge(delivery, receiving, {company_id: lineage}, now, self._rules)
            if verdict.is_accepted and delivery is not None:
                await self._storage.store(_hint(delivery, receiving, verdict, now))
        except (WarehouseError, NotStoredError) as error:
            return Verification.NOT_STORED, str(error)
        return verdict, ""

    async def _refused(
        self,
        receive: Receive,
        verdict: Verification,
        receiving: Receiving | None,
        why: str = "",
        *,
        is_there: bool = False,
    ) -> Answer:
        """Answer without looking at the body; who is known may send all of it first, so that the answer arrives."""
        bytes_, seconds = STRANGERS_BYTES, STRANGERS_SECONDS
        if receiving is not None and verdict is not Verification.TOO_LARGE:
            bytes_, seconds = self._bounds.body(receiving.event_type), self._bounds.read_seconds
        whole = is_there or await drain(receive, bytes_, seconds)
        self._journal.note(verdict, _prefix(receiving), 0, why)
        return verdict, whole

    async def _refused_stranger(self, receive: Receive, verdict: Verification, receiving: Receiving | None) -> Answer:
        """Answer somebody without address or key, at once where many of them are being waited for."""
        whole = False
        if self._strangers < STRANGERS_AT_ONCE:
            self._strangers += 1
            try:
                whole = await drain(receive, STRANGERS_BYTES, STRANGERS_SECONDS)
            finally:
                self._strangers -= 1
        self._journal.note(verdict, _prefix(receiving), 0)
        return verdict, whole


def _prefix(receiving: Receiving | None) -> str:
    return "-" if receiving is None else (receiving.subscription_id or receiving.capability_hash)[:8]


def _hint(delivery: Delivery, receiving: Receiving, verdict: Verification, now: datetime) -> Notification:
    return Notification(
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
