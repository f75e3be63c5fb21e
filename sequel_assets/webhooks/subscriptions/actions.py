"""Reconciles the subscriptions of one company and event type: observe, decide, do a step, decide once more.

No transaction is open while Sequel is asked: a mark in the table goes before each request that must not be made
twice, and what Sequel answered is stored only where that mark still stands. So two processes at once make nothing
twice.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import sqlalchemy as sa

from sequel_assets.sequel import FATAL, BadRequest, HasError, NotFound, SequelError, Uncertain
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.warehouse.stores import subscriptions
from sequel_assets.warehouse.stores.receiver_subscriptions import hash_of
from sequel_assets.warehouse.stores.subscriptions import StoredSubscription
from sequel_assets.webhooks.subscriptions.decisions import (
    Action,
    DesiredSubscription,
    ObservedSubscription,
    RemoteState,
    Step,
    is_urgent,
    steps_for,
)
from sequel_assets.webhooks.subscriptions.observe import ReconcilerContext, observe

OVERLAP = timedelta(days=1)
"""How long the former key is accepted after a renewal, and a subscription that was replaced: Sequel may still repeat
deliveries that were answered with 429 or 500."""
CAPABILITY_BYTES = 32
MAX_STEPS = 12
"""Of one desired subscription in one reconciliation; the next one does the rest."""
REFUSED = (BadRequest, NotFound, HasError)
"""Answers that a repetition would not change."""
T = TypeVar("T")
MEANWHILE = "another process is working on it; nothing was lost; look again in a quarter of an hour"


class SubscriptionFailure(Exception):  # noqa: N818 - a state, not an error
    """Nothing more can be done about the desired subscription for now; the text is fit to be shown."""


class SubscriptionActions:
    """One desired subscription within one reconciliation: its rows, and what is done about them."""

    def __init__(
        self, context: ReconcilerContext, desired: DesiredSubscription, *, is_wanted: bool, new_keys: bool
    ) -> None:
        self._context, self._desired = context, desired
        self._is_wanted, self._new_keys = is_wanted, new_keys
        self._observed: list[ObservedSubscription] = []
        self.unanswered: list[str] = []
        """For each row that Sequel did not answer, why."""

    def observe_rows(self, rows: Sequence[StoredSubscription], *, stores: bool) -> None:
        """Fetch each row's state from Sequel; `stores` writes it down."""
        answers = [observe(self._context, row) for row in rows]
        self._observed = [one for one, _ in answers]
        self.unanswered = [reason for _, reason in answers if reason]
        present = [one for one in self._observed if one.remote in (RemoteState.PRESENT, RemoteState.MISDIRECTED)]
        if present and stores:
            now = self._context.clock()

            def saw(connection: sa.Connection) -> None:
                for one in present:
                    subscriptions.mark_seen(connection, one.row, one.row.expires_at, at=now)

            self._change(saw)

    def plan(self) -> list[Step]:
        """Return what is to be done, as things are known now."""
        now, length = self._context.clock(), self._context.length
        return steps_for(
            self._desired, self._observed, now, length, is_wanted=self._is_wanted, new_keys=self._new_keys
        )  # fmt: skip

    def do_all(self, done: Callable[[Step], None]) -> None:
        """Do what is to be done, step by step, and call `done` with each step; raises `SubscriptionFailure`."""
        has_created = False
        for _ in range(MAX_STEPS):
            steps = self.plan()
            if not steps or (steps[0].do is Action.CREATE and has_created):
                return
            step = steps[0]
            if step.do is Action.CREATE:
                self._create()
                has_created = True
            else:
                one = next(one for one in self._observed if one.row.capability_hash == step.capability_hash)
                is_done = self._do(step, one)
                if not is_done:
                    continue
            done(step)

    def _do(self, step: Step, one: ObservedSubscription) -> bool:
        """Do a step to a row; return False where Sequel refused and something else is to be done instead."""
        if step.do is Action.EXTEND:
            changed = self._extended(one, step.days)
        elif step.do is Action.RENEW:
            changed = self._renewed(one)
        else:
            self._remove(one)
            self._observed.remove(one)
            return True
        self._observed[self._observed.index(one)] = changed
        return changed.remote is RemoteState.PRESENT and not (changed.cannot_renew or changed.row == one.row)

    def _create(self) -> None:
        """Make one. Its row comes first, so that a crash leaves a mark.

        Where Sequel surely made none, the row is removed.
        """
        context, desired = self._context, self._desired
        capability = secrets.token_urlsafe(CAPABILITY_BYTES)

        def announce(connection: sa.Connection) -> StoredSubscription:
            self._refuse_meanwhile(connection)
            return subscriptions.announce(
                connection, desired.company_id, desired.event_type, hash_of(capability), at=context.clock()
            )

        row = self._change(announce, only_if_undone=True)
        try:
            made = context.client.create_subscription(
                desired.event_type,
                desired.company_id,
                context.address(capability),
                length_in_days=context.length_in_days,
            )
        except Uncertain as error:
            raise SubscriptionFailure(f"{error}; another is made after a quarter of an hour") from None
        except SequelError as error:
            self._change(lambda connection: subscriptions.withdraw(connection, row))
            if isinstance(error, FATAL):
                raise
            raise SubscriptionFailure(f"it could not be made: {error}") from None
        try:
            now, new_key = context.clock(), context.sealed(made)
            stored = self._change(
                lambda connection: subscriptions.store_created(connection, row, new_key, at=now), only_if_undone=True
            )
        except WarehouseError:
            self._take_back(made.subscription_id)
            raise
        if stored is None:
            self._take_back(made.subscription_id)
            raise SubscriptionFailure(f"Sequel took so long that it was given up; {MEANWHILE}")
        self._observed.append(ObservedSubscription(stored, remote=RemoteState.PRESENT, has_new_key=True))

    def _extended(self, one: ObservedSubscription, days: int) -> ObservedSubscription:
        """Extend it. Where Sequel refuses or gives too few days, or where it is urgent, it is renewed next."""
        context, row = self._context, one.row
        subscription_id, before = row.subscription_id or "", row.expires_at or context.clock()
        try:
            context.client.update_subscription(subscription_id, extend_by_days=days)
            expires_at = context.client.subscription(subscription_id).expires_on or before + timedelta(days=days)
        except SequelError as error:
            if isinstance(error, FATAL):
                raise
            if isinstance(error, REFUSED) or is_urgent(row.expires_at, context.clock(), context.length):
                return replace(one, cannot_extend=True)
            raise SubscriptionFailure(
                f"it could not be extended: {error}; it is valid until {before:%Y-%m-%d}"
            ) from None
        if expires_at > before:
            self._change(
                lambda connection: subscriptions.mark_seen(connection, one.row, expires_at, at=context.clock())
            )
            row = replace(row, expires_at=expires_at)
        return replace(one, row=row, remote=RemoteState.PRESENT, cannot_extend=True)

    def _renewed(self, one: ObservedSubscription) -> ObservedSubscription:
        """Renew it: first the mark that its key is in doubt, then the request.

        A key that stays in doubt is replaced next.
        """
        context = self._context

        def begin(connection: sa.Connection) -> StoredSubscription | None:
            self._refuse_meanwhile(connection)
            return subscriptions.begin_renewal(connection, one.row, at=context.clock())

        marked = self._change(begin, only_if_undone=True)
        if marked is None:
            raise SubscriptionFailure(MEANWHILE)
        try:
            made = context.client.renew_subscription(
                marked.subscription_id or "", length_in_days=context.length_in_days
            )
        except Uncertain:
            return replace(one, row=marked, cannot_renew=True)
        except SequelError as error:
            self._change(lambda connection: subscriptions.cancel_renewal(connection, marked))
            if isinstance(error, FATAL):
                raise
            if isinstance(error, REFUSED):
                return replace(one, cannot_renew=True)
            raise SubscriptionFailure(f"it could not be renewed: {error}; its key is the one before") from None
        now, previous = context.clock(), one.row.sealed_secret if one.is_readable else None
        new_key, until = context.sealed(made), now + OVERLAP

        def store(connection: sa.Connection) -> StoredSubscription | None:
            return subscriptions.store_renewed(
                connection, marked, new_key, sealed_previous_secret=previous, previous_until=until, at=now
            )

        stored = self._change(store, only_if_undone=True)
        if stored is None:
            raise SubscriptionFailure(f"Sequel took so long that it was given up; {MEANWHILE}")
        return ObservedSubscription(stored, remote=RemoteState.PRESENT, has_new_key=True)

    def _remove(self, one: ObservedSubscription) -> None:
        """Delete it at Sequel, if it is known there, then end it here."""
        try:
            if one.row.subscription_id is not None:
                self._context.client.delete_subscription(one.row.subscription_id)
        except NotFound:
            pass  # it is gone already
        except SequelError as error:
            if isinstance(error, FATAL):
                raise
            raise SubscriptionFailure(
                f"it could not be deleted: {error}; the next reconciliation tries again"
            ) from None
        now = self._context.clock()
        until = now + OVERLAP if self._is_wanted else None
        self._change(lambda connection: subscriptions.end(connection, one.row, at=now, answered_until=until))

    def _change(self, work: Callable[[sa.Connection], T], *, only_if_undone: bool = False) -> T:
        return self._context.warehouse.change(work, self._desired.company_id, only_if_undone=only_if_undone)

    def _refuse_meanwhile(self, connection: sa.Connection) -> None:
        """Give up where the rows have changed since they were observed: another process is working on them."""
        rows = subscriptions.living(connection, [self._desired.company_id])
        now = {row.state for row in rows if row.event_type == self._desired.event_type}
        if now != {one.row.state for one in self._observed}:
            raise SubscriptionFailure(MEANWHILE)

    def _take_back(self, subscription_id: str) -> None:
        with suppress(SequelError):  # if that fails too, it delivers to an address that answers 404 until it lapses
            self._context.client.delete_subscription(subscription_id)
