"""How many requests a backfill still has to make, and how long that takes: a guess from what it has cost so far."""

from collections.abc import Mapping

from sequel_assets.cli.backfill.company_run import CompanyResult, Tick


class Estimate:
    """A company that was not begun costs, for each of its events and its list of them, what the others did."""

    def __init__(self, events: Mapping[str, int]) -> None:
        """`events` is how many each company has."""
        self._weights = {company_id: count + 1 for company_id, count in events.items()}
        self._requests: dict[str, int] = {}
        self._left: dict[str, int | None] = {}

    def hear(self, news: Tick | CompanyResult) -> None:
        """Take in how far a company is, or that it is done."""
        company_id = news.task.company.company_id if isinstance(news, CompanyResult) else news.company_id
        self._requests[company_id] = news.requests
        self._left[company_id] = 0 if isinstance(news, CompanyResult) else news.left

    @property
    def requests(self) -> int:
        """Requests made."""
        return sum(self._requests.values())

    @property
    def left(self) -> int | None:
        """Requests still to be made; None while there is nothing to guess from."""
        known = {company_id: left for company_id, left in self._left.items() if left is not None}
        if not known:
            return None
        cost = sum(self._requests[company_id] + left for company_id, left in known.items())
        each = cost / sum(self._weights.get(company_id, 1) for company_id in known)
        others = self._weights.keys() - known.keys()
        not_begun = sum(self._weights[company_id] * each - self._requests.get(company_id, 0) for company_id in others)
        return sum(known.values()) + max(0, round(not_begun))

    def seconds_left(self, seconds: float) -> float | None:
        """Return how long the rest takes at the pace of the `seconds` so far."""
        left = self.left
        return None if left is None or not self.requests else left * seconds / self.requests
