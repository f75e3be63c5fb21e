"""The receiver of webhooks: `POST {path}/{capability}`, stored before it is acknowledged.

It asks Sequel nothing and refreshes nothing: a delivery becomes a row in the inbox, and sensors do the rest.
"""

import time
from collections.abc import Callable
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
from sequel_assets.warehouse.stores.receiver_subscriptions import Receiving, hash_of, sealed_secrets
from sequel_assets.warehouse.stores.sealing import Seal, SealError
from sequel_assets.webhooks.receiver.batch_writer import NotStoredError, Storage
from sequel_assets.webhooks.receiver.body import (
    BodyError,
    Bounds,
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
from sequel_assets.webhooks.receiver.http import Reply, declared_length, headers_of, respond
from sequel_assets.webhooks.receiver.log import DeliveryLog, log_name
from sequel_assets.webhooks.receiver.metrics import PATH, ReceiverMetrics
from sequel_assets.webhooks.receiver.verify import (
    NOT_KNOWN,
    UNAUTHENTICATED,
    Admission,
    CompanyLookup,
    KnownSubscriptions,
    Verification,
    VerificationRules,
    admit,
    judge_company,
    notification_of,
    verify,
)

LARGE_AT_ONCE = 4
UNAUTHENTICATED_BYTES, UNAUTHENTICATED_SECONDS, MAX_UNAUTHENTICATED = 64 << 10, 1.0, 32
"""How much of an unauthenticated sender's body is read before the answer, how long, and of how many senders at once."""


class Receiver:
    """Verifies deliveries, stores the good ones, answers. One per process; it is the state behind the app."""

    def __init__(
        self,
        warehouse: Warehouse,
        seal: Seal | None,
        rules: VerificationRules,
        bounds: Bounds,
        clock: Callable[[], datetime],
    ) -> None:
        self._warehouse, self._rules, self._bounds, self._clock = warehouse, rules, bounds, clock
        self._cache, self._storage, self._log = SubscriptionCache(warehouse, clock), Storage(warehouse), DeliveryLog()
        self._seal = seal if "key" in rules.demands else None
        self._open = lru_cache(1000)(self._seal.open) if self._seal else None
        self._health_reader = Readers(1)
        self._under_way, self._unauthenticated, self._large = 0, 0, set[object]()
        self._metrics = ReceiverMetrics(lambda: self._under_way)
        self._one_large_parser = anyio.CapacityLimiter(1)

    def app(self, path: str) -> ASGIApp:
        """Return the ASGI app for deliveries to addresses under this path; Starlette answers everything else."""
        others = Starlette(routes=[*health_routes(self._obstacle, self._health_reader), self._metrics.route()])
        others.router.redirect_slashes = False  # a redirect would repeat the address, which is secret
        before = f"{path}/"

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            where = scope["path"] if scope["type"] == "http" else ""
            capability = where.removeprefix(before) if where.startswith(before) else ""
            if not capability or "/" in capability or (scope["method"], where) == ("GET", PATH):
                await others(scope, receive, send)
            elif scope["method"] != "POST":
                await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
            else:
                began = time.monotonic()
                reply = await self._reply(capability, headers_of(scope), receive)
                self._metrics.count(reply.result, time.monotonic() - began)
                await respond(send, reply)

        return app

    def close(self) -> None:
        """End what works in the background, when no delivery comes any more."""
        self._cache.close()
        self._health_reader.close()
        self._storage.close()
        self._log.report_suppressed()

    def _obstacle(self) -> str:
        """Return why deliveries cannot be taken in, if so: read from the database now."""
        schema.ensure_current(self._warehouse)
        secrets = self._warehouse.ask(sealed_secrets)
        is_closed = self._seal is not None and bool(secrets) and not self._seal.opens_any(secrets)
        return "SEQUEL_WEBHOOK_SECRET_KEY opens none of the stored secrets" if is_closed else ""

    async def _reply(self, capability: str, headers: dict[str, str], receive: Receive) -> Reply:
        """Verify the sender first, so that unauthenticated senders take no place of authenticated ones."""
        try:
            admission = await self._admitted(capability, headers)
            known, receiving = admission.known, admission.known.receiving
            if admission.result in UNAUTHENTICATED:
                return await self._refuse_unauthenticated(receive, admission.result, receiving)
            if self._under_way >= self._bounds.concurrency:
                self._log.note(Verification.BUSY, "-", 0)
                return Reply(Verification.BUSY, is_complete=False)
            self._under_way += 1
            try:
                if admission.result is Verification.ACCEPTED and receiving is not None:
                    return await self._take(headers, receive, known, receiving)
                return await self._refuse(receive, admission.result, receiving, admission.reason)
            finally:
                self._under_way -= 1
        except Exception as error:  # noqa: BLE001 - our own mistake is answered with 500, which Sequel repeats
            self._log.note(Verification.FAILED, "-", 0, type(error).__name__)
            return Reply(Verification.FAILED, is_complete=False)

    async def _admitted(self, capability: str, headers: dict[str, str]) -> Admission:
        if declared_length(headers) > max(self._bounds.body_bytes, self._bounds.ended_body_bytes):
            return Admission(NOT_KNOWN, Verification.TOO_LARGE)
        try:
            return await self._known(capability, headers)
        except (WarehouseError, SealError) as error:
            return Admission(NOT_KNOWN, Verification.NOT_STORED, str(error))

    async def _take(
        self, headers: dict[str, str], receive: Receive, known: KnownSubscriptions, receiving: Receiving
    ) -> Reply:
        """Read the body of an authenticated sender, verify the delivery and store it."""
        limit, place = self._bounds.body(receiving.event_type), object()
        if declared_length(headers) > limit:
            return await self._refuse(receive, Verification.TOO_LARGE, receiving)
        if not is_understood(headers):
            return await self._refuse(receive, Verification.NOT_UNDERSTOOD, receiving)
        try:
            body = await read_body(
                receive,
                limit,
                self._bounds.read_seconds,
                self._bounds.body_bytes,
                partial(self._take_place, place),
                is_gzip=is_gzip(headers),
            )
            result, reason = await self._stored(body, headers, known, receiving)
        except TooManyLargeError as error:
            return await self._refuse(receive, Verification.TOO_MANY_LARGE, receiving, is_complete=error.is_complete)
        except BodyError as error:
            result = Verification.TOO_LARGE if isinstance(error, TooLargeError) else Verification.TOO_SLOW
            self._log.note(result, log_name(receiving), 0, "its sender hung up" * isinstance(error, GoneError))
            return Reply(result, is_complete=False)
        except NotGzipError:
            body, result, reason = b"", Verification.MALFORMED, "it is no gzip"
        finally:
            self._large.discard(place)
        self._log.note(result, log_name(receiving), len(body), reason)
        return Reply(result)

    def _take_place(self, place: object) -> bool:
        """Let a large body go on if there are not too many of them."""
        if len(self._large) >= LARGE_AT_ONCE:
            return False
        self._large.add(place)
        return True

    async def _known(self, capability: str, headers: dict[str, str]) -> Admission:
        """Return what is known of an address; before a refusal it is read from the warehouse, not from the cache."""
        capability_hash = hash_of(capability)
        admission = Admission(NOT_KNOWN, Verification.NO_SUCH_ADDRESS)
        for fresh in (False, True):
            receiving = await self._cache.receiving(capability_hash, fresh=fresh)
            known = NOT_KNOWN if receiving is None else KnownSubscriptions(receiving, self._keys(receiving))
            admission = Admission(known, admit(headers, known, self._rules))
            if admission.result is Verification.ACCEPTED:
                break
        return admission

    def _keys(self, receiving: Receiving) -> tuple[str, ...]:
        if self._open is None:
            return ()
        return tuple(self._open(token) for token in receiving.sealed_keys(self._clock()))

    async def _stored(
        self, body: bytes, headers: dict[str, str], known: KnownSubscriptions, receiving: Receiving
    ) -> tuple[Verification, str]:
        """Verify a complete delivery and store it if it is good; return the result, and why storing failed."""
        now = self._clock()
        arguments = (body, headers, known, now, self._rules)
        if len(body) <= UNAUTHENTICATED_BYTES:
            result, delivery = verify(*arguments)
        else:  # parsing a large body would block the event loop, and with it all other senders
            result, delivery = await run_sync(verify, *arguments, limiter=self._one_large_parser)
        try:
            if isinstance(result, CompanyLookup):
                lineage = await self._cache.lineage(result.company_id, receiving.company_id)
                result = judge_company(receiving, lineage)
            if result.is_accepted and delivery is not None:
                await self._storage.store(notification_of(delivery, receiving, result, now))
        except (WarehouseError, NotStoredError) as error:
            return Verification.NOT_STORED, str(error)
        return result, ""

    async def _refuse(
        self,
        receive: Receive,
        result: Verification,
        receiving: Receiving | None,
        reason: str = "",
        *,
        is_complete: bool = False,
    ) -> Reply:
        """Answer without looking at the body; a known sender may send all of it first, so that the answer arrives."""
        bytes_, seconds = UNAUTHENTICATED_BYTES, UNAUTHENTICATED_SECONDS
        if receiving is not None and result is not Verification.TOO_LARGE:
            bytes_, seconds = self._bounds.body(receiving.event_type), self._bounds.read_seconds
        is_complete = is_complete or await drain(receive, bytes_, seconds)
        self._log.note(result, log_name(receiving), 0, reason)
        return Reply(result, is_complete=is_complete)

    async def _refuse_unauthenticated(
        self, receive: Receive, result: Verification, receiving: Receiving | None
    ) -> Reply:
        """Answer a sender without address or key; at once where many of them are being read already."""
        is_complete = False
        if self._unauthenticated < MAX_UNAUTHENTICATED:
            self._unauthenticated += 1
            try:
                is_complete = await drain(receive, UNAUTHENTICATED_BYTES, UNAUTHENTICATED_SECONDS)
            finally:
                self._unauthenticated -= 1
        self._log.note(result, log_name(receiving), 0)
        return Reply(result, is_complete=is_complete)
