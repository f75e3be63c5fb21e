"""What a run of slices does beyond covering its range, told by tags that people see on the run.

Without any of them a run asks for every slice of its range that is neither final nor wholly asked within this hour.
"""

from collections.abc import Mapping

HOURLY = "sequel_assets/hourly"
"""Ask for what is due this hour alone: today, days that close, days that turn final."""
FORCE = "sequel_assets/force"
"""Ask for everything in the range, final days too."""
ACCEPT = "sequel_assets/accept"
"""As force, and let final slices through that lost most of their minutes."""


def is_on(tags: Mapping[str, str], mode: str) -> bool:
    """Say whether a run's tags ask for a mode."""
    return tags.get(mode) == "true"


def asks_anew(tags: Mapping[str, str]) -> bool:
    """Say whether a run asks also for what is remembered to be empty."""
    return is_on(tags, FORCE) or is_on(tags, ACCEPT)
