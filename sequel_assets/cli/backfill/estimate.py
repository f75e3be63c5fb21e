"""Estimate the requests and the time that a backfill still needs, from what it has cost so far. No I/O, no clock."""

from collections.abc import Mapping

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate


class Estimate:
    """Requests made and left; a company that has not begun is assumed to cost as much per event as the others."""

    def __init__(self, events: Mapping[str, int]) -> None:
        """`events` is the number of events of each company."""
        self._weights = {company_id: count + 1 for company_id, count in events.items()}
        self._requests: dict[str, int] = {}
        self._left: dict[str, int | None] = {}

    def receive(self, message: ProgressUpdate | CompanyResult) -> None:
        """Take in the progress or the result of a company."""
        company_id = message.task.company.company_id if isinstance(message, CompanyResult) else message.company_id
        self._requests[company_id] = message.requests
        self._left[company_id] = 0 if isinstance(message, CompanyResult) else message.left

    @property
    def requests(self) -> int:
        """Requests made."""
        return sum(self._requests.values())

    @property
    def left(self) -> int | None:
        """Requests still to be made; None while there is nothing to estimate from."""
        known = {company_id: left for company_id, left in self._left.items() if left is not None}
        if not known:
            return None
        cost = sum(self._requests[company_id] + left for company_id, left in known.items())
        each = cost / sum(self._weights.get(company_id, 1) for company_id in known)
        others = self._weights.keys() - known.keys()
        not_begun = sum(self._weights[company_id] * each - self._requests.get(company_id, 0) for company_id in others)
        return sum(known.values()) + max(0, round(not_begun))

    def seconds_left(self, seconds: float) -> float | None:
        """Return how long the rest takes at the rate of the `seconds` so far."""
        left = self.left
        return None if left is None or not self.requests else left * seconds / self.requests
