"""What is true of a company, for the oracle of the insights about events and people: plans, minutes, registrations, talk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = tuple[Any, ...]
STAGE, HUB = "virtualStageEvent", "networkingHub"
WINDOW = timedelta(days=30)
OF_EVENTS = (
    "event_activity",
    "polls",
    "poll_options",
    "poll_answers",
    "questions",
    "chat_messages",
    "reactions",
    "replays",
)


@dataclass(frozen=True)
class Plan:
    """An event as it is planned; a hub has none of its own."""

    event_id: str
    event_type: str = STAGE
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    hub_id: str | None = None
    is_cancelled: bool = False

    @property
    def day(self) -> date | None:
        """The UTC day on which it starts."""
        return None if self.starts_at is None else self.starts_at.astimezone(UTC).date()

    @property
    def minutes(self) -> int | None:
        """How long it is planned to be, in whole minutes of the clock."""
        if self.starts_at is None or self.ends_at is None:
            return None
        first, end = (int(at.timestamp()) // 60 for at in (self.starts_at, self.ends_at))
        return end - first if end > first else None


@dataclass(frozen=True)
class Seen:
    """One person in one minute of one event."""

    event_id: str
    person: str
    at: datetime
    live: bool
    on_demand: bool


@dataclass(frozen=True)
class StoryPerson:
    """What the activity endpoint says of somebody in an event."""

    registered: bool = False
    comments: int | None = 0
    polls: int | None = 0
    questions: int | None = 0
    messages_reactions: int | None = 0
    circles: int | None = 0
    registered_on: date | None = None
    """The day on which they did, where that is after the event's start day."""


@dataclass
class CompanyStory:
    """Everything that is true of one company."""

    plans: dict[str, Plan]
    seen: list[Seen] = field(default_factory=list)
    activity: dict[tuple[str, str], StoryPerson] = field(default_factory=dict)
    polls: list[tuple[str, str]] = field(default_factory=list)
    """(event, poll)."""
    answers: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(event, poll, person)."""
    questions: list[tuple[str, str | None, bool]] = field(default_factory=list)
    """(event, person, whether it was answered)."""
    chat: list[tuple[str, str | None]] = field(default_factory=list)
    """(event, person)."""
    reactions: list[tuple[str, int]] = field(default_factory=list)
    """(event, how many)."""
    untold: set[tuple[str, date]] = field(default_factory=set)
    """(dataset, start day): Sequel told nothing of the events of that day."""
    open_days: set[date] = field(default_factory=set)
    """Days that have not been asked about in full since they ended."""
    company_id: str = "acme"

    def is_answered(self, dataset: str, plan: Plan) -> bool:
        """Whether Sequel told this dataset of the event."""
        return plan.day is not None and (dataset, plan.day) not in self.untold

    def until(self, event_id: str, start: date, day: date) -> list[Seen]:
        """Return the minutes of an event from the start of history to the end of a day."""
        return [m for m in self.seen if m.event_id == event_id and start <= m.at.date() <= day]

    def entries(self, event_id: str) -> dict[str, StoryPerson]:
        """Return who is listed in an event."""
        return {who: entry for (event, who), entry in self.activity.items() if event == event_id}

    def registered(self, plan: Plan, day: date) -> set[str] | None:
        """Return who had registered by the end of a day; None where that is not told of the event, or of nobody in it."""
        listed = self.entries(plan.event_id)
        who = {person for person, entry in listed.items() if entry.registered}
        if not self.is_answered("event_activity", plan) or (listed and not who):
            return None
        return {person for person in who if (listed[person].registered_on or day) <= day}

    def open_on(self, day: date) -> list[Plan]:
        """Return the stage events whose replay window has this day."""
        plans = [p for p in self.plans.values() if p.event_type == STAGE and p.day is not None]
        return [p for p in plans if p.day is not None and p.day <= day <= p.day + WINDOW]
