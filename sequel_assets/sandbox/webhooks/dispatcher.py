"""Sends webhooks: watches the clock and the world, and posts to each subscription, from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx

from sequel_assets.sandbox.webhooks.deliveries import Delivery, Outbox, sent
from sequel_assets.sandbox.webhooks.delivery_faults import DeliveryFaults
from sequel_assets.sandbox.webhooks.subscriptions import ENDED, STARTED, Subscription, Subscriptions
from sequel_assets.sandbox.webhooks.webhook_events import (
    LARGEST_BATCH,
    SMALLEST_BATCH,
    Batches,
    WebhookEvent,
    begun_and_ended,
    next_after,
    webhook_event,
)
from sequel_assets.sandbox.world.clock import Clock
from sequel_assets.sandbox.world.truth import STAGE, Event, Person
from sequel_assets.sandbox.world.view import uid
from sequel_assets.sandbox.world.world import World

SENDERS = 8
TIMEOUT_SECONDS = 10.0
SOONEST_LOOK_SECONDS, LATEST_LOOK_SECONDS = 0.02, 0.25


class Webhooks:
    """Subscriptions and their deliveries. Its thread runs from the first subscription to `stop`.

    Deliveries are sent in the order of their time by the sandbox's clock, those of the same time in parallel. `faults`
    and `batches` may be changed while it runs. The world's lock is always taken before this one's.
    """

    def __init__(self, world: Callable[[], World], clock: Callable[[], Clock]) -> None:
        self.subscriptions = Subscriptions()
        self.faults = DeliveryFaults()
        self.deliveries = Outbox()
        self._batches: Batches = 100
        self._world, self._clock = world, clock
        self._changed = threading.Condition()
        self._caught_up_to: datetime | None = None
        self._wanted = self._looked = 0
        self._thread: threading.Thread | None = None
        self._is_over = False
        self.watch(world())

    # ------------------------------------------------------------------ what others do with it

    @property
    def batches(self) -> Batches:
        """How *ended* lists its users: 10 to 500 per POST, "all" in one, or None in the older form."""
        return self._batches

    @batches.setter
    def batches(self, batches: Batches) -> None:
        if not (batches in ("all", None) or (type(batches) is int and SMALLEST_BATCH <= batches <= LARGEST_BATCH)):
            raise ValueError(f"batches are of {SMALLEST_BATCH} to {LARGEST_BATCH} users, all, or None: not {batches!r}")
        self._batches = batches

    def watch(self, world: World) -> None:
        """Subscribe to a world's changes."""
        world.on_change = self._heard

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and document of a call about subscriptions; a refusal is raised."""
        world = self._world()
        with world.lock, self._changed:
            now = self._catch_up(world)
            answered = self.subscriptions.answer(method, path, body, world, now)
            self.start()
            return answered

    def start_event(self, event_id: str) -> None:
        """The host starts an event now: its length stays. KeyError when there is none."""
        self._by_the_host(STARTED, event_id)

    def end_event(self, event_id: str) -> None:
        """The host ends an event now; for one that is over already another webhook is sent."""
        self._by_the_host(ENDED, event_id)

    def redeliver(self, numbers: Iterable[int]) -> None:
        """Send recorded deliveries once more, unchanged."""
        with self._changed:
            for delivery in [self.deliveries.find(number) for number in numbers]:
                self.deliveries.post(delivery, self._clock().now())
            self._changed.notify_all()

    def wait_until_sent(self, seconds: float = 60.0) -> None:
        """Wait until everything that is due by now was sent. TimeoutError if that takes longer."""
        with self._changed:
            if self._thread is None:
                return
            self._wanted += 1
            wanted = self._wanted
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._looked >= wanted or self._is_over, seconds):
                raise TimeoutError(f"deliveries that are due were not all sent within {seconds:g} s")

    def wake(self) -> None:
        """Check the clock now rather than a little later."""
        with self._changed:
            self._wanted += 1
            self._changed.notify_all()

    def start(self) -> None:
        """Begin to deliver, if there is a subscription; after a `stop` it continues with what happened meanwhile."""
        with self._changed:
            if self._thread is None and self.subscriptions.all():
                self._thread = threading.Thread(target=self._run, name="sequel-sandbox-webhooks", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread; what waits is kept for another `start`."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(2 * TIMEOUT_SECONDS)
        self._thread, self._is_over = None, False

    # ------------------------------------------------------------------ what happens

    def _by_the_host(self, event_type: str, event_id: str) -> None:
        world = self._world()
        with world.lock, self._changed:
            now = self._catch_up(world)
            event = world.start_event(event_id, now) if event_type == STARTED else world.end_event(event_id, now)
            self._happened(world, event_type, event, now)

    def _heard(self, world: World, event_type: str, event: Event, attendee: Person | None) -> None:
        """The world changed; it holds its lock."""
        if world is self._world() and event.event_type == STAGE:
            with self._changed:
                self._happened(world, event_type, event, self._catch_up(world), attendee)

    def _catch_up(self, world: World) -> datetime:
        """Deliver all starts and ends until now, and return now. After the clock is set back they happen once more."""
        now = self._clock().now()
        if self._caught_up_to is not None and self._caught_up_to < now and self.subscriptions.all():
            for at, event_type, event in begun_and_ended(world, self._caught_up_to, now):
                self._happened(world, event_type, event, at)
        self._caught_up_to = now
        return now

    def _happened(
        self, world: World, event_type: str, event: Event, at: datetime, attendee: Person | None = None
    ) -> None:
        subscribed = self.subscriptions.covering(world, event_type, event, at)
        if subscribed:
            what = webhook_event(world, event_type, event, at, self._batches, attendee)
            for subscription in subscribed:
                self._deliver(subscription, what)
            self._changed.notify_all()

    def _deliver(self, subscription: Subscription, what: WebhookEvent) -> None:
        number = self.deliveries.count + 1
        key = f"{subscription.number}/{what.event_type}/{what.event_id}/{what.at.isoformat()}"
        correlation_id = uid("correlation", key, str(number))
        several = what.pages > 1
        lost = self.faults.part(key, what.pages) if several and self.faults.applies("lost_batch", key) else 0
        is_wrong = what.event_type == ENDED and what.batches is not None and self.faults.applies("wrong_count", key)
        for page in range(1, what.pages + 1):
            posted = f"{key}/{page}"
            due_at, delays = self.faults.due(posted, what.at)
            once_more = self.faults.applies("duplicate", posted)
            applied = [*delays, *["wrong_count"] * is_wrong, *["duplicate"] * once_more]
            gone = "lost_batch" if page == lost else "drop" if self.faults.applies("drop", posted) else None
            number = self.deliveries.count + 1
            delivery = Delivery(
                number,
                subscription.id,
                what,
                page,
                uid("invocation", key, str(number)),
                correlation_id,
                due_at,
                (gone,) if gone else tuple(applied),
                state="dropped" if gone else "waiting",
            )
            self.deliveries.add(delivery)
            for times in range(0 if gone else 1 + once_more):
                self.deliveries.post(delivery, due_at + timedelta(seconds=times))

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        limits = httpx.Limits(max_connections=SENDERS, max_keepalive_connections=SENDERS)
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False) as http,
            ThreadPoolExecutor(SENDERS, "sequel-sandbox-sender") as senders,
        ):
            while not self._is_over:
                wanted, pause = self._wanted, self._look()
                while not self._is_over and (group := self._leaving()):
                    if len(group) == 1:
                        self._send(http, group[0])
                    else:
                        list(senders.map(partial(self._send, http), group))
                with self._changed:
                    self._looked = wanted
                    self._changed.notify_all()
                    self._changed.wait_for(partial(self._is_called, wanted), pause)

    def _is_called(self, seen: int) -> bool:
        return self._is_over or self._wanted > seen

    def _look(self) -> float:
        """Deliver what happened; return how many seconds from now something may be due."""
        world, clock = self._world(), self._clock()
        with world.lock, self._changed:
            now = self._catch_up(world)
            times = [next_after(world, now), self.deliveries.next_due()]
        ahead = min((time - now for time in times if time is not None), default=None)
        if clock.is_pinned or ahead is None:
            return LATEST_LOOK_SECONDS
        return min(max(ahead.total_seconds() / clock.speed, SOONEST_LOOK_SECONDS), LATEST_LOOK_SECONDS)

    def _leaving(self) -> list[Delivery]:
        with self._changed:
            return self.deliveries.due(self._clock().now())

    def _send(self, http: httpx.Client, delivery: Delivery) -> None:
        with self._changed:
            subscription = self.subscriptions.find(delivery.subscription_id)
            if self._is_over:
                return
            if subscription is None or subscription.expires_on <= delivery.due_at:
                delivery.state = "void"
                return
            key = self._key(subscription, delivery)
        status = sent(http, delivery, subscription, key)
        with self._changed:
            if (retry_at := delivery.note(status)) is not None:
                self.deliveries.post(delivery, retry_at)

    def _key(self, subscription: Subscription, delivery: Delivery) -> str:
        """The key, or, by a fault, still the old one for a while after a renewal."""
        renewed_at, old = subscription.renewed_at, subscription.old_key
        if renewed_at is None or old is None or self._clock().now() - renewed_at > self.faults.old_key:
            return subscription.key
        return old if self.faults.applies("old_key", str(delivery.number)) else subscription.key
