"""Answers that were given in this hour, by what was asked: given again while nothing has changed that they depend on.

An answer depends on the world, on the hour, on how the sandbox counts and forgets, and some on the minute: who has
registered by now, which event is live. Each of these is compared before an answer is believed; one that was bent by a quirk
or a fault is never kept, nor is one about an event that was told something by hand (`extra`, `talk`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sequel_assets.sandbox.api.directory import PRESETS
from sequel_assets.sandbox.world.changes import Changing
from sequel_assets.sandbox.world.truth import Event
from sequel_assets.sandbox.world.view import View

MAX_BYTES = 64 << 20
NEVER = datetime.max.replace(tzinfo=UTC)

Asked = tuple[str, tuple[str, ...], frozenset[tuple[str, str]]]


class Given(NamedTuple):
    """An answer, and from when until when it is right."""

    body: bytes
    at: datetime
    until: datetime


class AnswerCache:
    """Bounded; the oldest answers go first. Not thread-safe: whoever asks holds the world's lock."""

    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        self.most_bytes = most_bytes
        self.size_bytes = 0
        self._state: tuple[object, ...] = ()
        self._given: dict[Asked, Given] = {}

    def recall(self, asked: Asked, view: View) -> bytes | None:
        """What was answered to this, if that is still right."""
        self._forget_the_past(view)
        given = self._given.get(asked)
        return given.body if given and given.at <= view.now < given.until else None

    def keep(self, asked: Asked, view: View, body: bytes) -> None:
        """Keep an answer, as long as it is right."""
        self._forget_the_past(view)
        self._drop(asked)
        if (until := right_until(asked, view)) > view.now and len(body) <= self.most_bytes:
            self._given[asked] = Given(body, view.now, until)
            self.size_bytes += len(body)
        while self.size_bytes > self.most_bytes:
            self._drop(next(iter(self._given)))

    def _forget_the_past(self, view: View) -> None:
        state = (view.world, Changing.changes, view.top, view.now.date(), view.since, view.count_by)
        if state != self._state:
            self._state, self.size_bytes = state, 0
            self._given.clear()

    def _drop(self, asked: Asked) -> None:
        if given := self._given.pop(asked, None):
            self.size_bytes -= len(given.body)


def asked_for(shape: str, ids: Iterable[str], query: Mapping[str, str]) -> Asked:
    """What a request asks for, whatever the order of its parameters."""
    return shape, tuple(ids), frozenset(query.items())


def right_until(asked: Asked, view: View) -> datetime:
    """When an answer of now will be another by the clock alone; now, if it is not to be kept at all."""
    shape, ids, query = asked
    if shape == "events":
        about = view.world.events_of(ids[0], include_sub_companies=True)
    else:
        about = [event for event in (view.world.event(ids[0]),) if event]
    if any(event.extra or not (event.talk is None or callable(event.talk)) for event in about):
        return view.now
    if shape == "events" and any(name in PRESETS for name, _ in query):
        return view.now
    moments = (moment for event in about for moment in _moments(shape, event) if moment > view.now)
    return min(moments, default=NEVER)


def _moments(shape: str, event: Event) -> Iterable[datetime]:
    """The moments at which an answer about an event becomes another, beside the tops of the hours."""
    if shape in ("events", "event", "replays"):
        return event.starts_at, event.ends_at
    if shape == "activity":
        people = [row.person for row in event.rows] + list(event.absentees)
        return filter(None, map(event.registered_at, people))
    return ()
