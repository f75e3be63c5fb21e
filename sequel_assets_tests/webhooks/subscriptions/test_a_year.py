"""A year of the reconciler against the sandbox, over a socket, with its clock sped up."""

import logging
import os
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sequel_assets.sandbox import Clock, Sandbox
from sequel_assets.sandbox.webhooks.subscriptions import Subscription
from sequel_assets.sandbox.world.view import error
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of, receiving
from sequel_assets.warehouse.stores.sealing import Seal
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.warehouse.tables.webhooks import subscriptions
from sequel_assets.webhooks.subscriptions.decisions import Action, DesiredSubscription, desired_subscriptions
from sequel_assets.webhooks.subscriptions.observe import ReconcilerContext
from sequel_assets.webhooks.subscriptions.reconciler import reconcile
from sequel_assets_tests.support.small_world import NOW, ROOT, small_world
from sequel_assets_tests.webhooks.subscriptions.fake_sequel import ELSEWHERE, HERE, KEY

SLOTS = desired_subscriptions([ROOT], tuple(WebhookType))
LOOK_EVERY = timedelta(hours=float(os.environ.get("YEAR_LOOK_HOURS", "72")))
"""The schedule looks every four hours; seldomer is harder, and quicker."""
ROTATED_ON = (20, 120)
DELETED_AT_SEQUEL_ON, MOVED_ON, NOT_EXTENDED_FROM = 100, 200, 210
SEAL = Seal([KEY])


class Year:
    """The sandbox, the reconciler, and somebody who looks after every change whether a delivery would be let in."""

    def __init__(self, sandbox: Sandbox, warehouse: Warehouse, client: SequelClient) -> None:
        self.sandbox, self.warehouse, self.client = sandbox, warehouse, client
        self.base_url, self.began = HERE, False
        self.secrets: set[str] = set()
        self.uncovered: list[tuple[int, str]] = []
        """(day, type) of every look that nobody would have been let in at, once all had been subscribed to."""
        self.done: list[tuple[int, Action, str]] = []
        sandbox.api.on_request = lambda request: self.watch() if request.method != "GET" else None
        answer = sandbox.webhooks.subscriptions.answer

        def without_extensions(method: str, *rest: Any) -> tuple[int, Any]:
            if method == "PUT" and self.day >= NOT_EXTENDED_FROM:
                raise error(400, "it cannot be extended any more")
            return answer(method, *rest)

        sandbox.webhooks.subscriptions.answer = without_extensions  # type: ignore[method-assign]

    @property
    def now(self) -> datetime:
        return self.sandbox.clock.now()

    @property
    def day(self) -> int:
        return (self.now - NOW).days

    @property
    def subscribed(self) -> list[Subscription]:
        return self.sandbox.webhooks.subscriptions.all()

    def look(self, *, new_keys: bool) -> None:
        """Let the reconciler look; a key that was renewed is valid besides its successor."""
        tools = ReconcilerContext(self.client, self.warehouse, SEAL, lambda: self.now, self.base_url, 90)
        report = reconcile(tools, SLOTS, new_keys=SLOTS if new_keys else [])
        self.done += [(self.day, step.do, step.why) for step in report.steps]
        for one in self.subscribed:
            if one.old_key is not None and one.renewed_at == self.now and self._is_let_in(one, one.key):
                assert self._is_let_in(one, one.old_key)

    def watch(self) -> None:
        """Note the types that nobody would deliver now."""
        fates: dict[DesiredSubscription, set[str]] = {slot: set() for slot in SLOTS}
        for one in self.subscribed:
            self.secrets |= {one.key, one.endpoint.rpartition("/")[2]}
            if one.expires_on > self.now:
                fates[DesiredSubscription(one.company_id, one.event_type)].add(self._fate(one))
        self.began = self.began or all("accepted" in found for found in fates.values())
        if self.began:
            self.uncovered += [(self.day, slot.event_type) for slot, found in fates.items() if found <= {"refused"}]

    def _fate(self, one: Subscription) -> str:
        if self._is_let_in(one, one.key):
            return "accepted"
        with self.warehouse.read() as connection:
            known = receiving(connection, hash_of(one.endpoint.rpartition("/")[2]), self.now)
        return "in doubt" if known is not None and known.is_in_doubt else "refused"

    def _is_let_in(self, one: Subscription, key: str) -> bool:
        with self.warehouse.read() as connection:
            known = receiving(connection, hash_of(one.endpoint.rpartition("/")[2]), self.now)
        return known is not None and key in [SEAL.open(sealed) for sealed in known.sealed_keys(self.now)]


@pytest.mark.scenario
def test_a_year_without_a_minute_that_nothing_is_delivered_in(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A twentieth of all answers is an error, keys are rotated, the address moves, Sequel ceases to extend.

    What somebody deletes at Sequel is missing until the next look, and nothing else ever is. No key and no capability is
    in a log, on a screen or readable in the database.
    """
    caplog.set_level(logging.DEBUG)
    with Sandbox(small_world(), clock=Clock.pinned(NOW), faults={"http_500": 0.05}) as sandbox:
        config = SequelConfig(sandbox.url, sandbox.url, sandbox.client_id, sandbox.client_secret)
        with SequelClient(config, sleep=lambda _: None) as client:
            year, before = Year(sandbox, warehouse, client), -1
            while year.day <= 365:
                year.watch()
                today = range(before + 1, year.day + 1)
                if DELETED_AT_SEQUEL_ON in today:
                    (lost,) = [one for one in year.subscribed if one.event_type == WebhookType.STARTED]
                    sandbox.webhooks.subscriptions.answer("DELETE", f"/{lost.id}", b"", sandbox.world, year.now)
                    deleted_on = year.day
                year.base_url = ELSEWHERE if year.day >= MOVED_ON else HERE
                year.look(new_keys=any(day in today for day in ROTATED_ON))
                year.watch()
                before = year.day
                sandbox.clock.advance(LOOK_EVERY)
            living = [one for one in year.subscribed if year._is_let_in(one, one.key)]
    assert set(year.uncovered) <= {(deleted_on, WebhookType.STARTED)}
    assert sorted(one.event_type for one in living) == sorted(WebhookType)
    assert {(do, why) for _, do, why in year.done} >= {
        (Action.CREATE, "missing"),
        (Action.EXTEND, "about to lapse"),
        (Action.RENEW, "a new key is requested"),
        (Action.RENEW, "extending failed"),
        (Action.CREATE, "Sequel does not know it any more"),
        (Action.CREATE, "it delivers elsewhere"),
        (Action.DELETE, "it delivers elsewhere"),
    }
    said = caplog.text + "".join(capfd.readouterr())
    assert "/api/integrations/webhooks" in said
    with warehouse.read() as connection:
        stored = repr([tuple(row) for row in connection.execute(sa.select(subscriptions))])
    assert len(year.secrets) > 40
    assert [secret for secret in year.secrets if secret in said or secret in stored] == []
