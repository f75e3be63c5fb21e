"""Caches the responses of this hour by their request, as long as nothing has changed that they depend on.

A response depends on the world, on the hour, on how the sandbox counts and forgets, and some on the minute: who has
registered by now, which event is live. Each of these is compared before a cached response is used. A response with a
quirk or a fault is never cached, nor one about an event with fields set by hand (`extra`, `talk`).
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

RequestKey = tuple[str, tuple[str, ...], frozenset[tuple[str, str]]]


class CachedAnswer(NamedTuple):
    """A response, and the time during which it is right."""

    body: bytes
    at: datetime
    until: datetime


class AnswerCache:
    """Bounded; the oldest responses are dropped first. Not thread-safe: the caller has the world's lock."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self._state: tuple[object, ...] = ()
        self._given: dict[RequestKey, CachedAnswer] = {}

    def recall(self, key: RequestKey, view: View) -> bytes | None:
        """What was answered to this, if that is still right."""
        self._forget_the_past(view)
        given = self._given.get(key)
        return given.body if given and given.at <= view.now < given.until else None

    def keep(self, key: RequestKey, view: View, body: bytes) -> None:
        """Keep an answer, as long as it is right."""
        self._forget_the_past(view)
        self._drop(key)
        if (until := right_until(key, view)) > view.now and len(body) <= self.max_bytes:
            self._given[key] = CachedAnswer(body, view.now, until)
            self.size_bytes += len(body)
        while self.size_bytes > self.max_bytes:
            self._drop(next(iter(self._given)))

    def _forget_the_past(self, view: View) -> None:
        state = (view.world, Changing.changes, view.top, view.now.date(), view.since, view.count_by)
        if state != self._state:
            self._state, self.size_bytes = state, 0
            self._given.clear()

    def _drop(self, key: RequestKey) -> None:
        if given := self._given.pop(key, None):
            self.size_bytes -= len(given.body)


def request_key(shape: str, ids: Iterable[str], query: Mapping[str, str]) -> RequestKey:
    """The key of a request, whatever the order of its parameters."""
    return shape, tuple(ids), frozenset(query.items())


def right_until(key: RequestKey, view: View) -> datetime:
    """When a response of now changes by the clock alone; now, if it must not be cached."""
    shape, ids, query = key
    if shape == "events":
        about = view.world.events_of(ids[0], include_sub_companies=True)
    else:
        about = [event for event in (view.world.event(ids[0]),) if event]
    if any(event.extra or not (event.talk is None or callable(event.talk)) for event in about):
        return view.now
    if shape == "events" and any(name in PRESETS for name, _ in query):
        return view.now
    times = (time for event in about for time in _change_times(shape, event) if time > view.now)
    return min(times, default=NEVER)


def _change_times(shape: str, event: Event) -> Iterable[datetime]:
    """The times at which an answer about an event becomes another, beside the tops of the hours."""
    if shape in ("events", "event", "replays"):
        return event.starts_at, event.ends_at
    if shape == "activity":
        people = [row.person for row in event.rows] + list(event.absentees)
        return filter(None, map(event.registered_at, people))
    return ()
