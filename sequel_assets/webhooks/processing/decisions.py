"""What is to be done about each waiting notification: pure decisions over inbox, slice coverage and hour.

A notification is a reason to refresh and never data. *Ended* has its event refreshed at once, and is closed by the
first refresh that covers the event's end. As a rule that is the hourly one; where it is ten minutes overdue, the
company's day is refreshed. The other types have the company's events listed once more, and any listing that began
after they arrived closes them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from sequel_assets.refresh.core.time import days_between, top_of_hour
from sequel_assets.warehouse.stores.notifications import UNDELIVERED, UNKNOWN_COMPANY, Waiting
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.processing.actions import (
    REASON_OF,
    CompanyState,
    NotificationAction,
    NotificationStep,
    State,
)

PATIENCE = timedelta(minutes=10)
"""How long after the hourly refresh is due a notification waits for it."""
SAME_END = timedelta(hours=1)
"""Batches of one end name times that lie no further apart."""
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""How long after a first, second, ... run without a result the next one is requested; later ones wait as after the
last."""
AFTER_END = timedelta(days=1)
"""An event is refreshed for its own days and for so much after its end."""
MAX_DAYS = 31
"""An event that is longer is refreshed for the last of them alone."""


def plan(notifications: Sequence[Waiting], state: State, *, has_walked: bool = False) -> list[NotificationStep]:
    """Return a step for each group of notifications.

    `has_walked`: a company that is not known now is not one of ours.
    """
    together: dict[tuple[str, str, str | None], list[Waiting]] = {}
    for notification in notifications:
        known = state.events.get(notification.event_id or "")
        of_event = notification.event_type in (WebhookType.ENDED, WebhookType.STARTED, WebhookType.REGISTERED)
        about = (
            (notification.event_type, notification.event_id) if of_event else (REASON_OF[notification.event_type], None)
        )
        together.setdefault((known.company_id if known else notification.company_id, *about), []).append(notification)
    return [
        step
        for (company_id, *_), alike in together.items()
        for step in _NotificationGroup(state, company_id, alike, has_walked=has_walked).steps()
    ]


def due_at(ended_at: datetime, settle: timedelta) -> datetime:
    """Return when the refresh that covers an end should have been recorded: from then on it is requested."""
    top = top_of_hour(ended_at)
    return (top if top == ended_at else top + timedelta(hours=1)) + settle + PATIENCE


def day_of_end(ended_at: datetime) -> date:
    """Return the day whose slice holds an event's last minute."""
    return (ended_at.astimezone(UTC) - timedelta(microseconds=1)).date()


class _NotificationGroup:
    """The groups of notifications of one type about one event (or, without one, about one company)."""

    def __init__(self, state: State, company_id: str, notifications: Sequence[Waiting], *, has_walked: bool) -> None:
        self._state, self._company_id, self._notifications, self._has_walked = (
            state,
            company_id,
            notifications,
            has_walked,
        )
        self._company = state.companies.get(company_id)
        self._event = state.events.get(notifications[0].event_id or "")
        self._run = next(
            (notification.run_id for notification in notifications if notification.run_id in state.under_way), None
        )

    def steps(self) -> list[NotificationStep]:
        """Return a step for each of the groups."""
        deciders: Mapping[str, Callable[[Waiting], NotificationStep]] = {
            WebhookType.ENDED: self._ended,
            WebhookType.STARTED: self._started,
        }
        decide = deciders.get(self._notifications[0].event_type, self._listing)
        return [self._decided(notification) or decide(notification) for notification in self._notifications]

    def _step(
        self, notification: Waiting, do: NotificationAction, reason: str, days: Sequence[date] = ()
    ) -> NotificationStep:
        return NotificationStep(notification, do, reason, self._company_id, tuple(days))

    def _decided(self, notification: Waiting) -> NotificationStep | None:
        """Decide what is the same for every type."""
        if self._company is None:
            reason = "no such company among yours: not ours" if self._has_walked else "its company is to be looked up"
            return self._step(
                notification, NotificationAction.CLOSE if self._has_walked else NotificationAction.WALK, reason
            )
        if notification.verdict == UNKNOWN_COMPANY and notification.company_id not in self._state.reach.get(
            notification.capability_hash or "", frozenset()
        ):
            return self._step(
                notification,
                NotificationAction.CLOSE,
                "its company is not the subscription's or one of its sub-companies: not ours",
            )
        if self._company.is_gone:
            return self._step(notification, NotificationAction.CLOSE, "the company is gone at Sequel; its data stay")
        return None

    def _listing(self, notification: Waiting) -> NotificationStep:
        """Decide for what has the company's events listed; no other run fetches the registrants of an event."""
        assert self._company is not None  # noqa: S101 - _decided has seen to it
        since = notification.replayed_at or notification.received_at
        is_found = self._event is not None or notification.event_id is None or not self._company.is_parent
        do, listed_at = (
            NotificationAction.LIST if is_found else NotificationAction.FIND,
            self._company.listed_at if is_found else None,
        )
        if notification.event_type == WebhookType.REGISTERED:
            fetched_at = [other.refreshed_at for other in self._notifications if other.refreshed_at is not None]
            if notification.refreshed_at is not None or max(fetched_at, default=since) > since:
                return self._step(notification, NotificationAction.CLOSE, "its event's registrants were fetched")
            return self._unless_busy(notification, do, "its event's registrants are to be fetched")
        if notification.refreshed_at is not None or (listed_at is not None and listed_at > since):
            return self._step(notification, NotificationAction.CLOSE, "its company's events were listed")
        return self._unless_busy(notification, do, "its company's events are to be listed")

    def _started(self, notification: Waiting) -> NotificationStep:
        if self._event is not None:
            return self._step(notification, NotificationAction.CLOSE, "its event is fetched every hour from now on")
        return self._unknown_event(notification)

    def _unknown_event(self, notification: Waiting) -> NotificationStep:
        if notification.event_id is None:
            return self._step(notification, NotificationAction.CLOSE, "it names no event")
        listing = self._listing(notification)
        if listing.do is not NotificationAction.CLOSE:
            return listing
        return self._step(notification, NotificationAction.CLOSE, "Sequel lists no such event of its company: not ours")

    def _ended(self, notification: Waiting) -> NotificationStep:
        """Decide for an end.

        Event details lie at the day of the event's start, which no hourly refresh fetches once it is over. So an
        event that began on an earlier day is refreshed by itself, however late its end is reported.
        """
        assert self._company is not None  # noqa: S101 - _decided has seen to it
        company, end = self._company, notification.happened_at
        last = day_of_end(end)
        if self._event is None:
            return self._unknown_event(notification)
        if self._event.is_excluded:
            return self._step(notification, NotificationAction.CLOSE, "its event is ruled out")
        if last < company.first_day:
            return self._step(
                notification,
                NotificationAction.CLOSE,
                f"{last} is not kept: Sequel has forgotten it, or history begins later",
            )
        if not company.slices:
            return self._step(notification, NotificationAction.WAIT, "its company is new, and its history comes first")
        kept = company.slices.get(last)
        if kept is None and last < min(company.slices):
            return self._step(
                notification,
                NotificationAction.CLOSE,
                f"{last} was never refreshed: a backfill of it brings the event too",
            )
        through = kept.data_through if kept else None
        is_covered, days = through is not None and through >= end, self._days(company, last)
        is_refreshed, is_overnight = not days or self._was_refreshed(notification), any(day < last for day in days)
        if through is not None and is_covered and (is_refreshed or not (notification.replayed_at or is_overnight)):
            unreported = "no webhook reported its planned end; " if notification.verdict == UNDELIVERED else ""
            return self._step(
                notification,
                NotificationAction.CLOSE,
                f"{unreported}the refresh through {through:%Y-%m-%d %H:%M} covers it",
            )
        due = due_at(end, self._state.settle)
        if self._state.now >= due and not is_covered:
            if self._state.hourly_under_way:
                return self._step(notification, NotificationAction.WAIT, "the hourly refresh is under way")
            return self._unless_busy(
                notification, NotificationAction.DAY, "the hourly refresh has not covered it", [last], since=due
            )
        if is_refreshed or (notification.verdict == UNDELIVERED and not (notification.replayed_at or is_overnight)):
            return self._step(
                notification,
                NotificationAction.WAIT,
                f"the hourly refresh closes it; else it is requested at {due:%H:%M}",
            )
        return self._unless_busy(notification, NotificationAction.EVENT, "its event is to be refreshed at once", days)

    def _was_refreshed(self, notification: Waiting) -> bool:
        """Return whether this notification, or another batch of the same end, has had the event refreshed."""
        return any(
            other.refreshed_at is not None
            and (
                other.refreshed_at >= notification.happened_at
                or abs(other.happened_at - notification.happened_at) < SAME_END
            )
            and (notification.replayed_at is None or other.refreshed_at >= notification.replayed_at)
            for other in self._notifications
        )

    def _days(self, company: CompanyState, last: date) -> list[date]:
        """Return the event's days, and the one after them, that have a slice.

        A day without one would be half a slice.
        """
        until = min(last + AFTER_END, self._state.now.astimezone(UTC).date())
        starts = self._event.starts_at.date() if self._event and self._event.starts_at else last
        first = max(min(starts, last), until - timedelta(days=MAX_DAYS - 1), company.first_day)
        return [day for day in days_between(first, until) if day in company.slices]

    def _unless_busy(
        self,
        notification: Waiting,
        do: NotificationAction,
        reason: str,
        days: Sequence[date] = (),
        *,
        since: datetime | None = None,
    ) -> NotificationStep:
        """Request a run, unless one is working on it or ended lately without a result.

        Tries before `since` do not count.

        A notification waits by its own tries, so that those which failed for hours do not delay one that has just
        arrived. But among notifications about the same thing no two runs follow each other within the first back-off.
        """
        if self._run is not None:
            return self._step(notification, NotificationAction.WAIT, f"run {self._run} is working on it")
        waits = {
            one.tried_at + BACK_OFF[min(one.tries, len(BACK_OFF)) - 1 if one is notification else 0]: one
            for one in self._notifications
            if one.tries and one.tried_at is not None and (since is None or one.tried_at >= since)
        }
        if self._state.now < (next_try := max(waits, default=self._state.now)):
            run = f"run {waits[next_try].run_id} (try {waits[next_try].tries})"
            return self._step(
                notification, NotificationAction.WAIT, f"{run} had no result; next try at {next_try:%H:%M:%S}"
            )
        return self._step(notification, do, reason, days)
