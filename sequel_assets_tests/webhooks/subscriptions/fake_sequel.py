"""Sequel's books of subscriptions at the wire, and a reconciler before them that can be killed at any step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa
from cryptography.fernet import Fernet

from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import subscriptions
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.stores.sealing import Seal, SealError
from sequel_assets.warehouse.stores.subscriptions import StoredSubscription
from sequel_assets.webhooks.subscriptions.decisions import DesiredSubscription, desired_subscriptions
from sequel_assets.webhooks.subscriptions.observe import ReconcilerContext
from sequel_assets.webhooks.subscriptions.reconciler import ReconcilerReport, reconcile
from sequel_assets_tests.sequel.conftest import TOKEN_PATH, config

NOW = datetime(2026, 3, 3, 15, 7, tzinfo=UTC)
HERE, ELSEWHERE = "https://hooks.example.com/sequel", "https://other.example.com/hooks"
PATH = "/api/integrations/webhooks"
KEY, OTHER_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()
STARTED, ENDED = (
    DesiredSubscription("acme", "virtual-stage-event-started"),
    DesiredSubscription("acme", "virtual-stage-event-ended"),
)
BOTH = desired_subscriptions(["acme"], [STARTED.event_type, ENDED.event_type])


class Killed(BaseException):
    """The process ends here."""


@dataclass
class FakeSubscription:
    """A subscription as Sequel has it."""

    event_type: str
    company_id: str
    endpoint: str
    secret: str
    expires_on: datetime

    @property
    def capability_hash(self) -> str:
        return hash_of(self.endpoint.rpartition("/")[2])


class FakeSequel:
    """The far end. `fault` is asked before each request that changes something; `secrets` are all it ever told or heard."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.entries: dict[str, FakeSubscription] = {}
        self.clock = clock
        self.fault: Callable[[str], str] = lambda _: ""
        self.tick: Callable[[], None] = lambda: None
        self.asked: list[str] = []
        self.secrets: set[str] = set()
        self._made = 0

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            return httpx.Response(200, json={"access_token": "token"})
        self.tick()
        id_ = request.url.path.removeprefix(PATH).strip("/")
        what = {"POST": "renew" if id_ else "create", "PUT": "extend"}.get(request.method, request.method.lower())
        fault = self.fault(what)
        if fault == "no connection":
            raise httpx.ConnectError("refused")
        if fault in ("400", "404", "429", "500 not done"):
            return httpx.Response(int(fault[:3]), json={"hasError": True, "errorMessage": f"no: {request.content!r}"})
        self.asked.append(what)
        answer = self._answer(what, id_.removeprefix("renew/"), json.loads(request.content or b"{}"))
        self.tick()
        return httpx.Response(500) if fault == "500 done" else answer

    def _answer(self, what: str, id_: str, body: dict[str, Any]) -> httpx.Response:
        info = body.get("subscriptionInfo", {})
        if what == "create":
            self._made += 1
            id_ = f"id-{self._made}"
            days = timedelta(days=info["subscriptionLengthInDays"])
            self.entries[id_] = FakeSubscription(
                body["eventType"], info["companyId"], info["endpoint"], "", self.clock() + days
            )
            self.secrets |= {info["endpoint"].rpartition("/")[2]}
            return self._keyed(201, id_)
        entry = self.entries.get(id_)
        if entry is None or entry.expires_on <= self.clock():
            return httpx.Response(404, text="not found")
        if what == "renew":
            entry.expires_on = self.clock() + timedelta(days=info["subscriptionLengthInDays"])
            return self._keyed(200, id_)
        if what == "extend":
            entry.expires_on += timedelta(days=info["extendSubscriptionByDays"])
            return httpx.Response(200)
        if what == "delete":
            del self.entries[id_]
            return httpx.Response(200, json={"webHookSubscriptionId": id_})
        told = {"endpoint": entry.endpoint, "expiresOn": entry.expires_on.isoformat(), "eventType": entry.event_type}
        return httpx.Response(200, json={"webHookSubscriptionId": id_, "subscriptionInfo": told})

    def _keyed(self, status: int, id_: str) -> httpx.Response:
        entry = self.entries[id_]
        self._made += 1
        entry.secret = f"secret-{self._made}-of-sequel"
        self.secrets.add(entry.secret)
        told = {"webHookSubscriptionId": id_, "clientSecret": entry.secret, "expiresOn": entry.expires_on.isoformat()}
        return httpx.Response(status, json=told)


class FragileWarehouse(Warehouse):
    """A warehouse whose process may end before or after each commit."""

    tick: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def write(self, company_id: str | None = None) -> Iterator[sa.Connection]:
        with super().write(company_id) as connection:
            yield connection
            self.tick()
        self.tick()


class ReconcilerStage:
    """FakeSequel, a warehouse, a clock, and the reconciler's tools."""

    def __init__(self, warehouse: Warehouse, *, keys: tuple[str, ...] = (KEY,)) -> None:
        self.now = NOW
        self.warehouse = warehouse
        self.books = FakeSequel(lambda: self.now)
        self.keys, self.base_url, self.days = keys, HERE, 90
        changes = {"max_attempts": 1, "retry_budget_seconds": 0}
        self.client = SequelClient(config(**changes), transport=httpx.MockTransport(self.books.handle))

    @property
    def tools(self) -> ReconcilerContext:
        return ReconcilerContext(
            self.client, self.warehouse, Seal(self.keys), lambda: self.now, self.base_url, self.days
        )

    def look(self, wanted: list[DesiredSubscription] | None = None, **how: Any) -> ReconcilerReport:
        return reconcile(self.tools, BOTH if wanted is None else wanted, **how)

    def rows(self) -> list[StoredSubscription]:
        """What has not ended."""
        with self.warehouse.read() as connection:
            return subscriptions.living(connection)

    def receives(self, slot: DesiredSubscription, rows: list[StoredSubscription] | None = None) -> str:
        """How a delivery of Sequel's would fare now: accepted, in doubt, or refused, the best that there is.

        `rows` is what has not ended, for who has read it already.
        """
        of = {row.capability_hash: row for row in (self.rows() if rows is None else rows)}
        fates = {self._fate(of[e.capability_hash], e) for e in self._alive(slot) if e.capability_hash in of}
        return next((fate for fate in ("accepted", "in doubt") if fate in fates), "refused")

    def valid(self, slot: DesiredSubscription) -> int:
        """How many subscriptions of Sequel's reach the receiver."""
        hashes = {row.capability_hash for row in self.rows()}
        return sum(entry.capability_hash in hashes for entry in self._alive(slot))

    def _alive(self, slot: DesiredSubscription) -> list[FakeSubscription]:
        return [
            entry
            for entry in self.books.entries.values()
            if DesiredSubscription(entry.company_id, entry.event_type) == slot and entry.expires_on > self.now
        ]

    def _fate(self, row: StoredSubscription, entry: FakeSubscription) -> str:
        keys = [row.sealed_secret]
        if row.previous_until is not None and self.now < row.previous_until:
            keys.append(row.sealed_previous_secret)
        if entry.secret in [self._open(key) for key in keys if key is not None]:
            return "accepted"
        return "in doubt" if row.rotating_since is not None or row.sealed_secret is None else "refused"

    def _open(self, token: str) -> str:
        try:
            return Seal(self.keys).open(token)
        except SealError:
            return ""
