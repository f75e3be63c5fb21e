"""The ASGI app: matches calls, checks tokens, applies faults, and logs each request."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sequel_assets.sandbox.api import analytics, directory, wire
from sequel_assets.sandbox.api.cache import AnswerCache, request_key
from sequel_assets.sandbox.api.faults import Fault, Faults
from sequel_assets.sandbox.api.quirks import with_faults
from sequel_assets.sandbox.api.request_log import LoggedRequest, RequestLog
from sequel_assets.sandbox.api.signin import SignIn
from sequel_assets.sandbox.api.variations import RateLimit, Variations
from sequel_assets.sandbox.webhooks import subscriptions
from sequel_assets.sandbox.webhooks.dispatcher import Webhooks
from sequel_assets.sandbox.world.clock import Clock
from sequel_assets.sandbox.world.tally import Tallies
from sequel_assets.sandbox.world.view import Query, RefusalError, View, error
from sequel_assets.sandbox.world.world import World

Handler = Callable[[View, str, Query], Any]


@dataclass(frozen=True)
class ApiCall:
    """One endpoint. `{}` in the path stands for an id; `is_named` marks those whose shape is our own proposal."""

    shape: str
    method: str
    path: str
    handler: Handler
    is_named: bool = False


CALLS = (
    ApiCall("company", "GET", "/api/v1/company/{}", directory.company),
    ApiCall("list", "GET", "/api/v1/company/{}/list", directory.company_list),
    ApiCall("events", "GET", "/api/v1/company/{}/events", directory.company_events),
    ApiCall("event", "GET", "/api/v1/event/{}", directory.event),
    ApiCall("registrants", "GET", "/api/v1/event/{}/registrants", directory.registrants),
    ApiCall("replays", "GET", "/api/v1/event/{}/availableReplays", directory.replays),
    ApiCall("networking", "GET", "/api/v1/networking/{}", directory.networking),
    ApiCall(
        "networking_participants", "GET", "/api/v1/networking/{}/participantsList", directory.networking_participants
    ),
    ApiCall(
        "participants", "GET", "/api/analytics/user-engagement/events/{}/top-participants", analytics.top_participants
    ),
    ApiCall("concurrency", "GET", "/api/analytics/getVideoWatchOverTime/{}", analytics.video_watch_over_time),
    ApiCall("activity", "POST", "/api/analytics/events/{}/user-activity", analytics.user_activity),
    ApiCall("polls", "GET", "/api/analytics/events/{}/polls", analytics.polls, is_named=True),
    ApiCall(
        "lifetime",
        "GET",
        "/api/analytics/user-engagement/companies/{}/lifetime-usage",
        analytics.lifetime_usage,
        is_named=True,
    ),
    ApiCall(
        "usage", "GET", "/api/analytics/user-engagement/companies/{}/usage", analytics.usage_in_range, is_named=True
    ),
    ApiCall(
        "usage_by_day",
        "GET",
        "/api/analytics/user-engagement/companies/{}/usage-by-day",
        analytics.usage_by_day,
        is_named=True,
    ),
)
TOKEN_PATH = "/api/oauth/token"  # noqa: S105 - a path, not a token
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Api:
    """Everything that a response depends on. `world`, `clock` and `faults` may be replaced between requests."""

    world: World
    clock: Clock
    faults: Faults
    sign_in: SignIn
    latency_ms: float = 0
    named_endpoints: bool = True
    count_by: Literal["spelling", "person"] = "spelling"
    on_request: Callable[[LoggedRequest], None] | None = None
    keeps_days: int | None = None
    variations: Variations = field(default_factory=Variations)

    def __post_init__(self) -> None:
        """Begin with an empty log."""
        self.requests = RequestLog()
        self._tallies = Tallies(self.variations.day_offset_minutes)
        self.rate_limit = RateLimit(self.variations.rate_limit)
        self.memory = AnswerCache()
        self.webhooks = Webhooks(lambda: self.world, lambda: self.clock)

    def app(self, *extra: Route) -> Starlette:
        """The ASGI app; extra routes come before the API's."""
        return Starlette(routes=[*extra, Route("/{path:path}", self.serve, methods=list(METHODS))])

    @property
    def _has_named(self) -> bool:
        return self.named_endpoints and not self.variations.no_named

    def match(self, method: str, path: str) -> tuple[ApiCall, list[str]]:
        """The call that a path as sent is for, with its ids decoded once; 404 or 405 when there is none."""
        segments = path.split("/")
        known = False
        for call in CALLS:
            wanted = call.path.split("/")
            if len(wanted) != len(segments) or (call.is_named and not self._has_named):
                continue
            pairs = list(zip(wanted, map(unquote, segments), strict=True))
            if all(want in (sent, "{}") for want, sent in pairs):
                if call.method == method:
                    return call, [sent for want, sent in pairs if want == "{}"]
                known = True
        raise error(405, "Method not allowed") if known else error(404, "Not found")

    async def serve(self, request: Request) -> Response:
        """Answer a request, log it, and call `on_request` with what was logged."""
        began, at = time.perf_counter(), self.clock.now()
        path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
        applied: list[Fault] = []
        try:
            response = await self._response(request, path, query, applied)
        except RefusalError as refusal:
            response = wire.answer(refusal.status, refusal.body)
        except Exception:  # noqa: BLE001 - a bug of the sandbox: print it, and answer 500
            traceback.print_exc(file=sys.stderr)
            response = wire.answer(500, {"hasError": True, "errorMessage": "The sandbox itself failed; see its output"})
        response = self._finished(request, response, applied, at)
        await asyncio.sleep(max(0.0, began + self.latency_ms / 1000 - time.perf_counter()))  # includes our own work
        status = 0 if isinstance(response, wire.HangUp) else response.status_code
        kinds = "+".join(fault.kind for fault in applied) or None
        logged = LoggedRequest(request.method, path, query, status, kinds, at, time.perf_counter() - began)
        self.requests.add(logged)
        if self.on_request:
            self.on_request(logged)
        return response

    async def _response(self, request: Request, path: str, query: str, applied: list[Fault]) -> Response:
        if path == TOKEN_PATH and request.method == "POST":
            applied += self.faults.choose(path, query, "token")
            body, content_type = await request.body(), request.headers.get("content-type", "")
            return await self._unless(applied, lambda: self._token(content_type, body, applied))
        if path == subscriptions.PATH or path.startswith(f"{subscriptions.PATH}/"):
            applied += self.faults.choose(path, query, "webhooks")
            body = await request.body()
            if self.variations.no_webhooks:
                raise error(403, "Webhooks are not part of your plan")
            return await self._unless(applied, lambda: self._subscription(request, path, body, applied))
        if (refused := self.rate_limit.refuse()) is not None:
            response = wire.answer(refused.status, refused.body)
            response.headers["Retry-After"] = "1"
            return response
        call, ids = self.match(request.method, self.variations.path(path, request.headers.get("host", "")))
        applied += self.faults.choose(path, query, call.shape)
        return await self._unless(applied, lambda: self._answer(call, ids, request, query, applied))

    async def _unless(self, applied: list[Fault], right: Callable[[], Response]) -> Response:
        """The right answer, unless a fault gives another instead."""
        for fault in applied:
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            elif (other := wire.replacement_for(fault)) and fault.kind not in ("http_401_json", "vanished"):
                return other
        return right()

    def _token(self, content_type: str, body: bytes, applied: list[Fault]) -> Response:
        with self.world.lock:
            document = self.sign_in.token(content_type, body)
            return wire.answer(200, with_faults(applied, document, [], self.world))

    def _subscription(self, request: Request, path: str, body: bytes, applied: list[Fault]) -> Response:
        if refused := self._refused(request, applied):
            return refused
        with self.world.lock:
            status, document = self.webhooks.answer(request.method, path, body)
            return wire.answer(status, with_faults(applied, document, [], self.world))

    def _refused(self, request: Request, applied: list[Fault]) -> Response | None:
        """The answer to a caller whose token is not, or no longer, valid; the plain one is raised."""
        kinds = {fault.kind: fault for fault in applied}
        authorization = request.headers.get("authorization", "")
        if "http_401" in kinds or "http_401_json" in kinds:
            self.sign_in.revoke(authorization)
        if "revoke_tokens" in kinds:
            self.sign_in.revoke_all()
        if "http_401_json" in kinds:
            return wire.replacement_for(kinds["http_401_json"])
        self.sign_in.check(authorization)
        return None

    def _answer(self, call: ApiCall, ids: list[str], request: Request, query: str, applied: list[Fault]) -> Response:
        if refused := self._refused(request, applied):
            return refused
        kinds = {fault.kind for fault in applied}
        arguments = dict(parse_qsl(query, keep_blank_values=True))
        if "sub_companies_ignored" in kinds:
            arguments.pop("includeSubCompanies", None)
        arguments = self.variations.query(call.shape, arguments)
        with self.world.lock:
            self.variations.refuse(call.shape, ids, self.world)
            if "vanished" in kinds:
                self.world.vanish(ids[0])
            count_by = "person" if "split_rows" in kinds else self.count_by
            now, top = self.clock.now(), self.clock.top_of_hour()
            view = View(self.world, self._tallies, now, top, count_by, self.keeps_days)
            if applied:
                document = self._document(call, view, ids, arguments)
                return wire.answer(200, with_faults(applied, document, ids, self.world))
            key = request_key(call.shape, ids, arguments)
            body = self.memory.recall(key, view)
            if body is None:
                body = wire.encoded(self._document(call, view, ids, arguments))
                self.memory.keep(key, view, body)
            return wire.json_answer(200, body)

    def _document(self, call: ApiCall, view: View, ids: list[str], arguments: Query) -> Any:
        """The response as this Sequel sends it."""
        document = call.handler(view, ids[0], arguments)
        return self.variations.document(call.shape, document, self.world.event(ids[0]))

    def _finished(self, request: Request, response: Response, applied: list[Fault], at: datetime) -> Response:
        skew = float(self.variations.clock_skew or 0)
        for fault in applied:
            response = wire.damaged(response, fault)
            skew += fault.seconds if fault.kind == "date_skewed" else 0
        if any(fault.kind == "gzip" for fault in applied):
            response = wire.zipped(response, request.headers.get("accept-encoding", ""))
        response.headers["Date"] = format_datetime(at.replace(microsecond=0) + timedelta(seconds=skew), usegmt=True)
        return response
