"""What is to be done about each hint that waits: a pure decision over the inbox, the books and the hour.

A hint is never data. *Ended* has its event refreshed at once, and is closed by the first refresh that covers the event's
end: as a rule the hourly one; where that has not happened ten minutes after it should have, the company's day is asked
for. The others have the company's events listed anew, and are closed by any listing that began after they came.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sequel_assets.refresh.core.time import days_between, top_of_hour
from sequel_assets.warehouse.stores.notifications import UNDELIVERED, UNKNOWN_COMPANY, Waiting
from sequel_assets.warehouse.tables.webhook_types import WebhookType
from sequel_assets.webhooks.processing.state import CompanyState, State

REASONS: Mapping[str, tuple[str, ...]] = {
    "ended": (WebhookType.ENDED,),
    "started": (WebhookType.STARTED,),
    "changed": (WebhookType.CREATED, WebhookType.UPDATED, WebhookType.DELETED),
    "registered": (WebhookType.REGISTERED,),
}
"""The reasons to act, each with the types of webhook that are one."""
REASON_OF = {event_type: reason for reason, event_types in REASONS.items() for event_type in event_types}
PATIENCE = timedelta(minutes=10)
"""How long after the hourly refresh is due a hint waits for it."""
SAME_END = timedelta(hours=1)
"""Batches of one end tell times that lie no further apart."""
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""How long after a first, second, ... run that came to nothing the next one is asked for; from then on as after the last."""
A_LITTLE = timedelta(days=1)
"""An event is refreshed for its own days and for so much after its end."""
MAX_DAYS = 31
"""An event that is longer is refreshed for the last of them alone."""


class NotificationAction(StrEnum):
    """What is to be done about hints."""

    CLOSE = "close"
    WAIT = "wait"
    WALK = "walk"
    """Their company is not known: the tree is to be walked."""
    LIST = "list"
    """Their company's events are to be listed anew."""
    FIND = "find"
    """Their event is to be looked up, and the events of the company whose it is to be listed anew."""
    EVENT = "event"
    """Their event's days are to be refreshed."""
    HOT = "hot"
    """Their company's day is to be refreshed, so that it covers the end."""


ASKING = frozenset({NotificationAction.LIST, NotificationAction.FIND, NotificationAction.EVENT, NotificationAction.HOT})


@dataclass(frozen=True)
class NotificationStep:
    """What is to be done about one group of hints, and why."""

    hint: Waiting
    do: NotificationAction
    words: str
    company_id: str
    """The event's company here; Sequel may have told it by another one's subscription."""
    days: tuple[date, ...] = ()


def plan(hints: Sequence[Waiting], now_is: State, *, has_walked: bool = False) -> list[NotificationStep]:
    """Return a step for each group of hints. `has_walked`: who is not known now is none of ours."""
    together: dict[tuple[str, str, str | None], list[Waiting]] = {}
    for hint in hints:
        known = now_is.events.get(hint.event_id or "")
        of_event = hint.event_type in (WebhookType.ENDED, WebhookType.STARTED, WebhookType.REGISTERED)
        about = (hint.event_type, hint.event_id) if of_event else (REASON_OF[hint.event_type], None)
        together.setdefault((known.company_id if known else hint.company_id, *about), []).append(hint)
    return [
        step
        for (company_id, *_), alike in together.items()
        for step in _About(now_is, company_id, alike, has_walked=has_walked).steps()
    ]


def due_at(ended_at: datetime, settle: timedelta) -> datetime:
    """Return when the refresh that covers an end should have been recorded: from then on it is asked for."""
    top = top_of_hour(ended_at)
    return (top if top == ended_at else top + timedelta(hours=1)) + settle + PATIENCE


def day_of_end(ended_at: datetime) -> date:
    """Return the day whose slice holds an event's last minute."""
    return (ended_at.astimezone(UTC) - timedelta(microseconds=1)).date()


class _About:
    """The groups of hints of one type about one event (or, without one, about one company)."""

    def __init__(self, now_is: State, company_id: str, hints: Sequence[Waiting], *, has_walked: bool) -> None:
        self._is, self._company_id, self._hints, self._has_walked = now_is, company_id, hints, has_walked
        self._company = now_is.companies.get(company_id)
        self._event = now_is.events.get(hints[0].event_id or "")
        self._run = next((hint.run_id for hint in hints if hint.run_id in now_is.under_way), None)

    def steps(self) -> list[NotificationStep]:
        """Return a step for each of the groups."""
        deciders: Mapping[str, Callable[[Waiting], NotificationStep]] = {
            WebhookType.ENDED: self._ended,
            WebhookType.STARTED: self._started,
        }
        decide = deciders.get(self._hints[0].event_type, self._listing)
        return [self._decided(hint) or decide(hint) for hint in self._hints]

    def _step(self, hint: Waiting, do: NotificationAction, words: str, days: Sequence[date] = ()) -> NotificationStep:
        return NotificationStep(hint, do, words, self._company_id, tuple(days))

    def _decided(self, hint: Waiting) -> NotificationStep | None:
        """Decide what is the same for every type."""
        if self._company is None:
            words = "no such company beneath yours: not ours" if self._has_walked else "its company is to be looked up"
            return self._step(hint, NotificationAction.CLOSE if self._has_walked else NotificationAction.WALK, words)
        if hint.verdict == UNKNOWN_COMPANY and hint.company_id not in self._is.reach.get(
            hint.capability_hash or "", frozenset()
        ):
            return self._step(hint, NotificationAction.CLOSE, "its company is not beneath the subscription's: not ours")
        if self._company.is_gone:
            return self._step(hint, NotificationAction.CLOSE, "the company is gone at Sequel; its data stay")
        return None

    def _listing(self, hint: Waiting) -> NotificationStep:
        """Decide for what has the company's events listed anew; no other run asks for the registrants of an event."""
        assert self._company is not None  # noqa: S101 - _decided has seen to it
        since = hint.replayed_at or hint.received_at
        is_found = self._event is not None or hint.event_id is None or not self._company.is_parent
        do, listed_at = (
            NotificationAction.LIST if is_found else NotificationAction.FIND,
            self._company.listed_at if is_found else None,
        )
        if hint.event_type == WebhookType.REGISTERED:
            asked_at = [other.refreshed_at for other in self._hints if other.refreshed_at is not None]
            if hint.refreshed_at is not None or max(asked_at, default=since) > since:
                return self._step(hint, NotificationAction.CLOSE, "its event's registrants were asked for")
            return self._unless_busy(hint, do, "its event's registrants are to be asked for")
        if hint.refreshed_at is not None or (listed_at is not None and listed_at > since):
            return self._step(hint, NotificationAction.CLOSE, "its company's events were listed")
        return self._unless_busy(hint, do, "its company's events are to be listed")

    def _started(self, hint: Waiting) -> NotificationStep:
        if self._event is not None:
            return self._step(hint, NotificationAction.CLOSE, "its event is asked for every hour from now on")
        return self._unknown_event(hint)

    def _unknown_event(self, hint: Waiting) -> NotificationStep:
        if hint.event_id is None:
            return self._step(hint, NotificationAction.CLOSE, "it names no event")
        listing = self._listing(hint)
        if listing.do is not NotificationAction.CLOSE:
            return listing
        return self._step(hint, NotificationAction.CLOSE, "Sequel lists no such event of its company: not ours")

    def _ended(self, hint: Waiting) -> NotificationStep:
        """Decide for an end.

        What belongs to an event as a whole lies at the day of its start, which no hourly refresh asks for once it is over: an
        event that began on an earlier day is refreshed for its own sake, however late its end is told.
        """
        assert self._company is not None  # noqa: S101 - _decided has seen to it
        company, end = self._company, hint.happened_at
        last = day_of_end(end)
        if self._event is None:
            return self._unknown_event(hint)
        if self._event.is_excluded:
            return self._step(hint, NotificationAction.CLOSE, "its event is ruled out")
        if last < company.first_day:
            return self._step(
                hint, NotificationAction.CLOSE, f"{last} is not kept: Sequel has forgotten it, or history begins later"
            )
        if not company.slices:
            return self._step(hint, NotificationAction.WAIT, "its company is new, and its history comes first")
        held = company.slices.get(last)
        if held is None and last < min(company.slices):
            return self._step(
                hint, NotificationAction.CLOSE, f"{last} was never refreshed: a backfill of it brings the event too"
            )
        through = held.data_through if held else None
        is_covered, days = through is not None and through >= end, self._days(company, last)
        is_refreshed, is_overnight = not days or self._was_refreshed(hint), any(day < last for day in days)
        if through is not None and is_covered and (is_refreshed or not (hint.replayed_at or is_overnight)):
            missed = "no webhook told of its planned end; " if hint.verdict == UNDELIVERED else ""
            return self._step(
                hint, NotificationAction.CLOSE, f"{missed}the refresh through {through:%Y-%m-%d %H:%M} covers it"
            )
        due = due_at(end, self._is.settle)
        if self._is.now >= due and not is_covered:
            if self._is.hourly_under_way:
                return self._step(hint, NotificationAction.WAIT, "the hourly refresh is under way")
            return self._unless_busy(
                hint, NotificationAction.HOT, "the hourly refresh has not covered it", [last], since=due
            )
        if is_refreshed or (hint.verdict == UNDELIVERED and not (hint.replayed_at or is_overnight)):
            return self._step(
                hint, NotificationAction.WAIT, f"the hourly refresh closes it; else it is asked for at {due:%H:%M}"
            )
        return self._unless_busy(hint, NotificationAction.EVENT, "its event is to be refreshed at once", days)

    def _was_refreshed(self, hint: Waiting) -> bool:
        """Say whether the event was refreshed for this end: by this hint, or by another batch of the same end."""
        return any(
            other.refreshed_at is not None
            and (other.refreshed_at >= hint.happened_at or abs(other.happened_at - hint.happened_at) < SAME_END)
            and (hint.replayed_at is None or other.refreshed_at >= hint.replayed_at)
            for other in self._hints
        )

    def _days(self, company: CompanyState, last: date) -> list[date]:
        """Return the event's days, and the one after them, that have a slice; what has none is nobody's half."""
        until = min(last + A_LITTLE, self._is.now.astimezone(UTC).date())
        starts = self._event.starts_at.date() if self._event and self._event.starts_at else last
        first = max(min(starts, last), until - timedelta(days=MAX_DAYS - 1), company.first_day)
        return [day for day in days_between(first, until) if day in company.slices]

    def _unless_busy(
        self,
        hint: Waiting,
        do: NotificationAction,
        words: str,
        days: Sequence[date] = (),
        *,
        since: datetime | None = None,
    ) -> NotificationStep:
        """Ask, unless a run is at it, or came to nothing lately; what was tried before `since` was something else.

        A hint waits by its own tries, so that those which have come to nothing for hours hold up none that has just come;
        but of hints that ask for the same no two runs follow each other within the first of the waits.
        """
        if self._run is not None:
            return self._step(hint, NotificationAction.WAIT, f"run {self._run} is at it")
        waits = {
            one.tried_at + BACK_OFF[min(one.tries, len(BACK_OFF)) - 1 if one is hint else 0]: one
            for one in self._hints
            if one.tries and one.tried_at is not None and (since is None or one.tried_at >= since)
        }
        if self._is.now < (again := max(waits, default=self._is.now)):
            run = f"run {waits[again].run_id} (try {waits[again].tries})"
            return self._step(hint, NotificationAction.WAIT, f"{run} came to nothing; asked again at {again:%H:%M:%S}")
        return self._step(hint, do, words, days)
