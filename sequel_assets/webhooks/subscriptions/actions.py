"""One company and event type under the guardian: look, decide, do a step, decide again.

No transaction is open while Sequel is asked: a mark in the table goes before each request that must not be made twice, and
what Sequel answered is stored only where that mark still stands. So two guardians at once make nothing twice.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
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
    Heard,
    Kept,
    Step,
    is_urgent,
    steps_for,
)
from sequel_assets.webhooks.subscriptions.observe import Tools, look_at

OVERLAP = timedelta(days=1)
"""How long the key before is accepted after a renewal, and a subscription that was replaced: deliveries that were told to come
again may still do so."""
CAPABILITY_BYTES = 32
MAX_STEPS = 12
"""Of one slot in one look; what is left is for the next."""
REFUSED = (BadRequest, NotFound, HasError)
"""Answers that asking again would not change."""
T = TypeVar("T")
MEANWHILE = "another process is at it; nothing was lost; look again in a quarter of an hour"


class SubscriptionFailure(Exception):  # noqa: N818 - a state, not an error
    """Nothing more can be done about the slot in this look; the text is fit to be shown."""


class SubscriptionActions:
    """A slot within one look."""

    def __init__(self, tools: Tools, slot: DesiredSubscription, *, is_wanted: bool, new_keys: bool) -> None:
        self._tools, self._slot = tools, slot
        self._is_wanted, self._new_keys = is_wanted, new_keys
        self._kept: list[Kept] = []
        self.unanswered: list[str] = []
        """Why Sequel said nothing of a row."""

    def look(self, rows: Sequence[StoredSubscription], *, stores: bool) -> None:
        """Ask Sequel about each row; `stores` keeps what it says."""
        looked = [look_at(self._tools, row) for row in rows]
        self._kept = [one for one, _ in looked]
        self.unanswered = [reason for _, reason in looked if reason]
        present = [one for one in self._kept if one.heard in (Heard.PRESENT, Heard.ASTRAY)]
        if present and stores:
            now = self._tools.clock()

            def saw(connection: sa.Connection) -> None:
                for one in present:
                    subscriptions.mark_seen(connection, one.row, one.row.expires_at, at=now)

            self._change(saw)

    def plan(self) -> list[Step]:
        """Return what is to be done, as things are known now."""
        now, length = self._tools.clock(), self._tools.length
        return steps_for(
            self._slot, self._kept, now, length, is_wanted=self._is_wanted, new_keys=self._new_keys
        )  # fmt: skip

    def do_all(self, done: Callable[[Step], None]) -> None:
        """Do what is to be done, step by step, and tell each that was done; raises `SlotFailure`."""
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
                one = next(one for one in self._kept if one.row.capability_hash == step.capability_hash)
                is_done = self._do(step, one)
                if not is_done:
                    continue
            done(step)

    def _do(self, step: Step, one: Kept) -> bool:
        """Do a step to a row; False: Sequel refused, and something else is to be done instead."""
        if step.do is Action.EXTEND:
            changed = self._extended(one, step.days)
        elif step.do is Action.RENEW:
            changed = self._renewed(one)
        else:
            self._away(one)
            self._kept.remove(one)
            return True
        self._kept[self._kept.index(one)] = changed
        return changed.heard is Heard.PRESENT and not (changed.cannot_renew or changed.row == one.row)

    def _create(self) -> None:
        """Make one: its row first, so that a crash leaves its mark; where Sequel surely made none, the row goes again."""
        tools, slot = self._tools, self._slot
        capability = secrets.token_urlsafe(CAPABILITY_BYTES)

        def announce(connection: sa.Connection) -> StoredSubscription:
            self._refuse_meanwhile(connection)
            return subscriptions.announce(
                connection, slot.company_id, slot.event_type, hash_of(capability), at=tools.clock()
            )

        row = self._change(announce, only_if_undone=True)
        try:
            made = tools.client.create_subscription(
                slot.event_type, slot.company_id, tools.address(capability), length_in_days=tools.length_in_days
            )
        except Uncertain as error:
            raise SubscriptionFailure(f"{error}; a look after a quarter of an hour makes another") from None
        except SequelError as error:
            self._change(lambda connection: subscriptions.withdraw(connection, row))
            if isinstance(error, FATAL):
                raise
            raise SubscriptionFailure(f"it could not be made: {error}") from None
        try:
            now, told = tools.clock(), tools.sealed(made)
            stored = self._change(
                lambda connection: subscriptions.store_created(connection, row, told, at=now), only_if_undone=True
            )
        except WarehouseError:
            self._take_back(made.subscription_id)
            raise
        if stored is None:
            self._take_back(made.subscription_id)
            raise SubscriptionFailure(f"Sequel took so long that it was given up; {MEANWHILE}")
        self._kept.append(Kept(stored, heard=Heard.PRESENT, has_new_key=True))

    def _extended(self, one: Kept, days: int) -> Kept:
        """Ask for more days. Where Sequel refuses, gives too few, or where it is urgent: it is renewed next."""
        tools, row = self._tools, one.row
        subscription_id, before = row.subscription_id or "", row.expires_at or tools.clock()
        try:
            tools.client.update_subscription(subscription_id, extend_by_days=days)
            expires_at = tools.client.subscription(subscription_id).expires_on or before + timedelta(days=days)
        except SequelError as error:
            if isinstance(error, FATAL):
                raise
            if isinstance(error, REFUSED) or is_urgent(row.expires_at, tools.clock(), tools.length):
                return replace(one, cannot_extend=True)
            raise SubscriptionFailure(
                f"it could not be extended: {error}; it is valid until {before:%Y-%m-%d}"
            ) from None
        if expires_at > before:
            self._change(lambda connection: subscriptions.mark_seen(connection, one.row, expires_at, at=tools.clock()))
            row = replace(row, expires_at=expires_at)
        return replace(one, row=row, heard=Heard.PRESENT, cannot_extend=True)

    def _renewed(self, one: Kept) -> Kept:
        """Ask for a new key, the mark that it is in doubt first. Where that stays so, it is replaced next."""
        tools = self._tools

        def begin(connection: sa.Connection) -> StoredSubscription | None:
            self._refuse_meanwhile(connection)
            return subscriptions.begin_renewal(connection, one.row, at=tools.clock())

        marked = self._change(begin, only_if_undone=True)
        if marked is None:
            raise SubscriptionFailure(MEANWHILE)
        try:
            made = tools.client.renew_subscription(marked.subscription_id or "", length_in_days=tools.length_in_days)
        except Uncertain:
            return replace(one, row=marked, cannot_renew=True)
        except SequelError as error:
            self._change(lambda connection: subscriptions.cancel_renewal(connection, marked))
            if isinstance(error, FATAL):
                raise
            if isinstance(error, REFUSED):
                return replace(one, cannot_renew=True)
            raise SubscriptionFailure(f"it could not be renewed: {error}; its key is the one before") from None
        now, previous = tools.clock(), one.row.sealed_secret if one.is_readable else None
        store = partial(
            subscriptions.store_renewed, row=marked, new_key=tools.sealed(made), sealed_previous_secret=previous, previous_until=now + OVERLAP, at=now
        )  # fmt: skip
        stored = self._change(store, only_if_undone=True)
        if stored is None:
            raise SubscriptionFailure(f"Sequel took so long that it was given up; {MEANWHILE}")
        return Kept(stored, heard=Heard.PRESENT, has_new_key=True)

    def _away(self, one: Kept) -> None:
        """Delete it at Sequel, if it is known there, then end it here."""
        try:
            if one.row.subscription_id is not None:
                self._tools.client.delete_subscription(one.row.subscription_id)
        except NotFound:
            pass  # that is what was wanted
        except SequelError as error:
            if isinstance(error, FATAL):
                raise
            raise SubscriptionFailure(f"it could not be deleted: {error}; the next look tries again") from None
        now = self._tools.clock()
        until = now + OVERLAP if self._is_wanted else None
        self._change(lambda connection: subscriptions.end(connection, one.row, at=now, answered_until=until))

    def _change(self, work: Callable[[sa.Connection], T], *, only_if_undone: bool = False) -> T:
        return self._tools.warehouse.change(work, self._slot.company_id, only_if_undone=only_if_undone)

    def _refuse_meanwhile(self, connection: sa.Connection) -> None:
        """Give up where the slot is not as it was looked at: another guardian is at work."""
        rows = subscriptions.living(connection, [self._slot.company_id])
        now = {row.state for row in rows if row.event_type == self._slot.event_type}
        if now != {one.row.state for one in self._kept}:
            raise SubscriptionFailure(MEANWHILE)

    def _take_back(self, subscription_id: str) -> None:
        with suppress(SequelError):  # else it delivers to an address that nobody answers, until it lapses
            self._tools.client.delete_subscription(subscription_id)
