"""Tags that say what a run of slices does beyond covering its range. People see them on the run.

Without any of them a run fetches every slice of its range that is neither final nor completely fetched within this
hour.
"""

from collections.abc import Mapping

HOURLY = "sequel_assets/hourly"
"""Fetch only what is due this hour: today, days that close, days that turn final. Its value is ON for the hour's own
run, and OLDER for one that catches up on older days beside it."""
ON, OLDER = "true", "older"
FORCE = "sequel_assets/force"
"""Fetch everything in the range, final days too."""
ACCEPT = "sequel_assets/accept"
"""As force, and accept final slices that lost most of their minutes."""
COMMAND = "sequel_assets/command"
"""Which process of a command executes the run: `host:process`."""
URGENT = {"dagster/priority": "10", "dagster/max_runtime": "3600"}
"""Tags of runs that go before backfills in the queue, and are over within the hour."""


def is_on(tags: Mapping[str, str], mode: str) -> bool:
    """Return whether a run's tags request a mode."""
    return tags.get(mode) == ON


def is_hourly(tags: Mapping[str, str]) -> bool:
    """Return whether a run fetches only what is due: the hour's own run, or one for older days beside it."""
    return tags.get(HOURLY) in (ON, OLDER)


def is_forced(tags: Mapping[str, str]) -> bool:
    """Return whether a run also fetches what is known to be empty."""
    return is_on(tags, FORCE) or is_on(tags, ACCEPT)
