"""What a run of slices does beyond covering its range, told by tags that people see on the run.

Without any of them a run asks for every slice of its range that is neither final nor wholly asked within this hour.
"""

from collections.abc import Mapping

HOURLY = "sequel_assets/hourly"
"""Ask for what is due this hour alone: today, days that close, days that turn final. Its value is ON for the hour's own
run, and OLDER for one that makes good older days beside it."""
ON, OLDER = "true", "older"
FORCE = "sequel_assets/force"
"""Ask for everything in the range, final days too."""
ACCEPT = "sequel_assets/accept"
"""As force, and let final slices through that lost most of their minutes."""
URGENT = {"dagster/priority": "10", "dagster/max_runtime": "3600"}
"""Tags of runs that go before backfills in the queue, and are over within the hour."""


def is_on(tags: Mapping[str, str], mode: str) -> bool:
    """Say whether a run's tags ask for a mode."""
    return tags.get(mode) == ON


def is_hourly(tags: Mapping[str, str]) -> bool:
    """Say whether a run asks for what is due alone: the hour's own, or one for older days beside it."""
    return tags.get(HOURLY) in (ON, OLDER)


def is_forced(tags: Mapping[str, str]) -> bool:
    """Say whether a run asks also for what is remembered to be empty."""
    return is_on(tags, FORCE) or is_on(tags, ACCEPT)
