"""Another Sequel: ways in which the real API may answer otherwise than is documented or assumed.

For who tests that a client finds out by itself. Unlike a fault a variation is how this Sequel always is; unlike a quirk
a client that does not know it gets wrong numbers, or none. The world stays as it is, and so does the truth.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from typing import Any

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.truth import Event
from sequel_assets.sandbox.world.view import RefusalError, error
from sequel_assets.sandbox.world.world import World

WITH_DATES = frozenset({"participants", "usage", "usage_by_day"})
ANALYTICS_PATH, PUBLISHED_PREFIX = "/api/analytics/", "/api/v1"
SECONDS_OF_RATE = 1.0


def _variation(meaning: str, default: Any = None) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Variations:
    """How this Sequel differs. The defaults are the documented API; each field is an option of `--api`, with dashes."""

    exclusive_dates: bool = _variation("endDate is not included", False)
    ignored_dates: bool = _variation("startDate and endDate of participants are ignored", False)
    time_zone: int | None = _variation("days are those of a zone so many hours from UTC, such as -8")
    list_cap: int | None = _variation("lists of participants have at most so many rows, whatever limit is")
    listed_totals: bool = _variation("numberOfUsers and totalEngagedMinutes cover the listed rows alone", False)
    ignored_engagement_type: bool = _variation("engagementType is ignored", False)
    activity_seconds: bool = _variation("liveTime and onDemandTime are in seconds", False)
    activity_from_zero: bool = _variation("pages of the activity count from 0", False)
    activity_cap: int | None = _variation("pages of the activity have at most so many items, whatever count is")
    concurrency_from_midnight: bool = _variation("minutes of the concurrency count from midnight", False)
    published_path: bool = _variation("analytics are below /api/v1, as the published description lists them", False)
    analytics_host: str | None = _variation("analytics are answered at this host alone, such as data.sequel.io")
    no_named: bool = _variation("404 for all that is documented by name only", False)
    no_expiry: bool = _variation("tokens are opaque and do not say when they expire", False)
    no_access: int | None = _variation("the events of the last so many companies are refused (403)")
    sub_companies: bool = _variation("includeSubCompanies=false is ignored", False)
    clock_skew: int | None = _variation("the Date header is so many seconds off")
    rate_limit: int | None = _variation("more than so many requests in a second are answered with 429")
    no_webhooks: bool = _variation("calls about webhooks are refused (403)", False)

    @classmethod
    def parse(cls, text: str) -> Variations:
        """Read `exclusive-dates,list-cap=100`; a ValueError names what is unknown or no number."""
        known = {one.name.replace("_", "-"): one for one in fields(cls)}
        chosen: dict[str, Any] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, has_value, value = part.partition("=")
            if name not in known:
                raise ValueError(f"no such variation: {name!r}; there are {', '.join(sorted(known))}")
            chosen[known[name].name] = _value(name, str(known[name].type), value, is_given=bool(has_value))
        return cls(**chosen)

    @property
    def day_offset_minutes(self) -> int:
        """How far its days are shifted."""
        return 60 * (self.time_zone or 0)

    def path(self, path: str, host: str) -> str:
        """Return the documented path of a request; one of analytics that it does not answer there is a 404."""
        is_published = path.startswith(PUBLISHED_PREFIX + ANALYTICS_PATH)
        if is_published and self.published_path:
            path = path.removeprefix(PUBLISHED_PREFIX)
        elif is_published or (path.startswith(ANALYTICS_PATH) and self.published_path):
            raise error(404, "Not found")
        elsewhere = self.analytics_host is not None and host.partition(":")[0] != self.analytics_host
        if path.startswith(ANALYTICS_PATH) and elsewhere:
            raise error(404, "Not found")
        return path

    def query(self, shape: str, query: dict[str, str]) -> dict[str, str]:
        """Return the query as this Sequel reads it."""
        ignored = set()
        if self.sub_companies:
            ignored.add("includeSubCompanies")
        if self.ignored_engagement_type and shape == "participants":
            ignored.add("engagementType")
        if self.ignored_dates and shape in WITH_DATES:
            ignored |= {"startDate", "endDate"}
        query = {name: value for name, value in query.items() if name not in ignored}
        if self.exclusive_dates and shape in WITH_DATES and (last := _day(query.get("endDate"))):
            query["endDate"] = (last - timedelta(days=1)).isoformat()
        if shape == "activity":
            if self.activity_from_zero and query.get("page", "1").isdigit():
                query["page"] = str(int(query.get("page", "0")) + 1)
            if self.activity_cap and query.get("count", "100").isdigit():
                query["count"] = str(min(self.activity_cap, int(query.get("count", "100"))))
        return query

    def refuse(self, shape: str, ids: list[str], world: World) -> None:
        """Raise 403 for the events of a company that the account has no access to."""
        refused = world.companies[-self.no_access :] if self.no_access else ()
        if shape == "events" and ids[0] in {company.id for company in refused}:
            raise error(403, "No access to this company")

    def document(self, shape: str, document: Any, event: Event | None) -> Any:
        """Return a response as this Sequel sends it."""
        if shape == "participants":
            return self._participants(document)
        if shape == "activity" and self.activity_seconds:
            for item in document["items"]:
                item["liveTime"], item["onDemandTime"] = 60 * item["liveTime"], 60 * item["onDemandTime"]
        if shape == "concurrency" and self.concurrency_from_midnight and event is not None:
            start = spans.minute_of(event.starts_at) % spans.MINUTES_PER_DAY
            document["VideoViews"] = [[start + minute, users] for minute, users in document["VideoViews"]]
        return document

    def _participants(self, document: dict[str, Any]) -> dict[str, Any]:
        rows = document["topParticipants"]
        if self.list_cap is not None:
            rows = rows[: self.list_cap]
        document["topParticipants"] = rows
        if self.listed_totals:
            document["numberOfUsers"] = len(rows)
            document["totalEngagedMinutes"] = sum(row["engagedMinutes"] for row in rows)
        return document


class RateLimit:
    """Refuses what comes faster than so many requests in a second, by the machine's own clock."""

    def __init__(self, most: int | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._monotonic = most, monotonic
        self._lately: deque[float] = deque()

    def refuse(self) -> RefusalError | None:
        """Count a request; return the refusal where it is one too many."""
        if self._most is None:
            return None
        now = self._monotonic()
        while self._lately and self._lately[0] <= now - SECONDS_OF_RATE:
            self._lately.popleft()
        if len(self._lately) >= self._most:
            return error(429, "Too many requests")
        self._lately.append(now)
        return None


def _value(name: str, kind: str, value: str, *, is_given: bool) -> Any:
    if kind == "bool":
        if is_given:
            raise ValueError(f"{name} takes no value")
        return True
    if kind.startswith("int"):
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"{name} needs a number, such as {name}=100") from None
    if not value:
        raise ValueError(f"{name} needs a value, such as {name}=localhost")
    return value


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None  # the endpoint refuses it by itself
