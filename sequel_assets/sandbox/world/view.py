"""The world as one request sees it, and the error responses that it can raise."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.tally import EventTally, Tallies
from sequel_assets.sandbox.world.truth import HUB, Company, Event
from sequel_assets.sandbox.world.world import World

Query = Mapping[str, str]


class RefusalError(Exception):
    """An answer that is no success: a status with JSON, or with text."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def error(status: int, message: str) -> RefusalError:
    """The API's documented error: `{"hasError": true, "errorMessage": ...}`."""
    return RefusalError(status, {"hasError": True, "errorMessage": message})


@dataclass(frozen=True)
class View:
    """The world as one request sees it: at `now`, with analytics before `top`, the last top of the hour."""

    world: World
    tallies: Tallies
    now: datetime
    top: datetime
    count_by: Literal["spelling", "person"] = "spelling"
    keeps_days: int | None = None

    @property
    def since(self) -> date | None:
        """The first day that is kept: analytics of a day are dropped once it ended longer ago than `keeps_days`."""
        if self.keeps_days is None:
            return None
        return (self.now - timedelta(days=self.keeps_days, microseconds=1)).date()

    @property
    def since_minute(self) -> int | None:
        """The same as a minute since 1970."""
        return None if self.since is None else (self.since - spans.EPOCH_DAY).days * spans.MINUTES_PER_DAY

    def company(self, company_id: str) -> Company:
        """A company, or 404 as JSON."""
        found = self.world.company(company_id)
        if found is None:
            raise error(404, "Company not found")
        return found

    def event(self, event_id: str) -> Event:
        """A stage event or hub, or 404 as text."""
        found = self.world.event(event_id)
        if found is None:
            raise RefusalError(404, "Event not found")
        return found

    def stage(self, event_id: str) -> Event:
        """A stage event, or 404 as text: a hub is no event here."""
        found = self.event(event_id)
        if found.event_type == HUB:
            raise RefusalError(404, "Event not found")
        return found

    def hub(self, hub_id: str) -> Event:
        """A hub, or 404 as JSON."""
        found = self.world.event(hub_id)
        if found is None or found.event_type != HUB:
            raise error(404, "Networking hub not found")
        return found

    def tally(self, event: Event) -> EventTally:
        """An event's minutes, as far as they can be seen."""
        return self.tallies.of(event, spans.minute_of(self.top))


@lru_cache(10_000)
def iso(time: datetime) -> str:
    """A time as the API writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


@lru_cache(50_000)
def uid(*parts: str) -> str:
    """A stable id for something that has none of its own."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\0".join(parts)))
