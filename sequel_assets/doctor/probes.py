"""The doctor's requests: each one answered or failed, none repeated for the same question, and all of them counted.

It never raises for what Sequel answers: a failure is an answer too.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeVar

from sequel_assets.doctor.judging.lists import ListAnswer
from sequel_assets.sequel import EngagementType, Participants, SequelClient, SequelError

T = TypeVar("T")
Question = tuple[str, EngagementType, date | None, date | None, int]
OpenClient = Callable[[str, int, bool], SequelClient]
"""Open a client for an address of the analytics and at most so many requests, which takes dates as they are.

With True it repeats nothing and sends many requests at once.
"""


class Probes:
    """The client of one examination; another one takes its place where the analytics are elsewhere."""

    def __init__(self, open_client: OpenClient, analytics_url: str, max_requests: int) -> None:
        self._open_client, self._max_requests = open_client, max_requests
        self._before = self._throttled_before = 0
        self._retry_after_seconds: float | None = None
        self._lists: dict[Question, Participants | SequelError] = {}
        self.client = open_client(analytics_url, max_requests, False)
        self.end_shift = timedelta()
        """What is added to the last day of a range, once it is known that its end is excluded."""

    @property
    def requests(self) -> int:
        """Return how many requests were sent in all."""
        return self._before + self.client.stats.requests

    @property
    def throttled(self) -> int:
        """Return how many answers were 429."""
        return self._throttled_before + self.client.stats.throttled

    @property
    def retry_after_seconds(self) -> float | None:
        """Return the `Retry-After` of the last 429 that had one."""
        seconds = self.client.stats.retry_after_seconds
        return self._retry_after_seconds if seconds is None else seconds

    def move_to(self, analytics_url: str, *, is_load: bool = False) -> None:
        """Ask at another address of the analytics from now on; with `is_load` many at once, without repeating."""
        self._before, self._throttled_before = self.requests, self.throttled
        self._retry_after_seconds = self.retry_after_seconds
        self.client.close()
        self._lists.clear()
        self.client = self._open_client(analytics_url, max(0, self._max_requests - self._before), is_load)

    def allow_more(self, requests: int) -> None:
        """Let an opt-in check have requests of its own, beside those that were sent."""
        self._max_requests = self.requests + requests
        self.move_to(self.client.config.analytics_url, is_load=True)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def ask(self, call: Callable[[SequelClient], T]) -> T | SequelError:
        """Return what a call answers, or the error."""
        try:
            return call(self.client)
        except SequelError as error:
            return error

    def participants(
        self,
        event_id: str,
        engagement_type: EngagementType = "all",
        first: date | None = None,
        last: date | None = None,
        limit: int = 1,
    ) -> Participants | SequelError:
        """Return a list of participants with its totals; the same question is asked once."""
        last = last and last + self.end_shift
        question = (event_id, engagement_type, first, last, limit)
        if question not in self._lists:
            self._lists[question] = self.ask(
                lambda client: client.participants(
                    event_id, start=first, end=last, engagement_type=engagement_type, limit=limit
                )
            )
        return self._lists[question]

    def minutes(
        self, event_id: str, engagement_type: EngagementType, first: date | None = None, last: date | None = None
    ) -> int:
        """Return the minutes of a range of days; an error is raised."""
        found = self.participants(event_id, engagement_type, first, last)
        if isinstance(found, SequelError):
            raise found
        return found.total_engaged_minutes

    def listed(self, event_id: str, limit: int) -> ListAnswer:
        """Return the totals of all time and how many rows a limit gives; an error is raised."""
        found = self.participants(event_id, limit=limit)
        if isinstance(found, SequelError):
            raise found
        return ListAnswer(found.number_of_users, found.total_engaged_minutes, len(found.participants), limit)
