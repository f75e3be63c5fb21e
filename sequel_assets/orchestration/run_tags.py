"""Tags of runs: those that say what a run of slices does beyond covering its range, and those that describe a run to people.

Without any of the first a run fetches every slice of its range that is neither final nor completely fetched within this
hour. The others change nothing; they name companies by their partition keys, and nobody.
"""

from collections.abc import Collection, Mapping
from datetime import date

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
SUBMITTED = "sequel_assets/submitted"
"""Which `sequel-assets backfill` put a run into the queue of several hosts; `dagster.yaml` limits how many are under way at once."""
FIRST_REFRESH = "sequel_assets/first_refresh"
"""A new company's first refresh, of any instance: `dagster.yaml` limits how many are under way at once."""
WEBHOOK = "sequel_assets/webhook"
"""Which kind of notification a run takes up."""
COMPANIES, DAYS, MODE, WHY = "companies", "days", "requests", "why"
"""What people read in Dagster's list of runs: of which companies and days a run is, what it requests of them, what asked for it.
The list has room for some 30 characters, so these alone have short names."""
NAMED_AT_MOST = 3
"""Companies that a run's tag names; of more it has the number."""
LAUNCHED_BY_HAND = "launched by hand"
OF_ALL_COMPANIES = {COMPANIES: "all companies", WHY: LAUNCHED_BY_HAND}
"""Tags of a job whose runs have no days; what asks for one of its runs says so instead (`because`)."""
OF_EVERYTHING = OF_ALL_COMPANIES | {DAYS: "all days"}
"""Tags of a job whose runs look at every slice."""
CAUSES = {
    WEBHOOK: "webhook",
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    "dagster/backfill": "backfill",
}
"""The tags that say what asked for a run; the first of them that it has counts."""
MAX_RUNTIME = "dagster/max_runtime"
"""Seconds after which Dagster's run monitoring ends a run, such as one whose host is gone: each job has a bound of its own."""
WITHIN_THE_HOUR = 3300
"""The bound of runs that must be over, or given up, before the next hour's begin."""
URGENT = {"dagster/priority": "10", MAX_RUNTIME: str(WITHIN_THE_HOUR)}
"""Tags of runs that go before backfills in the queue, and are over within the hour."""
BOUNDED = {MAX_RUNTIME: str(WITHIN_THE_HOUR)}
"""Tag of every other run that ends within the hour."""
LONG = {MAX_RUNTIME: "14400"}
"""Tag of runs that may take hours: ranges of slices, the reconciliation."""


def is_on(tags: Mapping[str, str], mode: str) -> bool:
    """Return whether a run's tags request a mode."""
    return tags.get(mode) == ON


def is_hourly(tags: Mapping[str, str]) -> bool:
    """Return whether a run fetches only what is due: the hour's own run, or one for older days beside it."""
    return tags.get(HOURLY) in (ON, OLDER)


def is_forced(tags: Mapping[str, str]) -> bool:
    """Return whether a run also fetches what is known to be empty."""
    return is_on(tags, FORCE) or is_on(tags, ACCEPT)


def because(cause: str) -> dict[str, str]:
    """Return the tag that says what asked for a run, such as `schedule hourly_checks`."""
    return {WHY: cause}


def of_slices(company_keys: Collection[str], days: Collection[date]) -> dict[str, str]:
    """Return the tags that say of which companies (up to three by name) and days a run is."""
    keys = sorted(company_keys)
    named = {COMPANIES: ", ".join(keys) if len(keys) <= NAMED_AT_MOST else f"{len(keys)} companies"}
    return named | ({DAYS: span(days)} if days else {})


def why(tags: Mapping[str, str]) -> str:
    """Return what asked for a run, by its other tags."""
    cause = next((f"{word} {tags[tag]}" for tag, word in CAUSES.items() if tag in tags), "")
    return cause or ("command" if COMMAND in tags else LAUNCHED_BY_HAND)


def mode(tags: Mapping[str, str], *, asks_sequel: bool) -> str:
    """Return in words which slices of its range a run requests."""
    if not asks_sequel:
        return "derive only"
    if is_forced(tags):
        return "accept" if is_on(tags, ACCEPT) else "force"
    return {ON: "due this hour", OLDER: "older days that are due"}.get(tags.get(HOURLY, ""), "missing or incomplete")


def span(days: Collection[date]) -> str:
    """Return the first and the last of days, or the only one."""
    first, last = min(days), max(days)
    return str(first) if first == last else f"{first} to {last}"
