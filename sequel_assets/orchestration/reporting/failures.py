"""Why a run of Dagster failed, as its events say it."""

from collections.abc import Iterable

import dagster as dg

UNKNOWN = "the run failed; look at it in Dagster's UI"


def lines_of_failed_step(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Return the lines of the first step that failed: what it says of itself, else its error's; none where no step failed."""
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data.user_failure_data
            if failure is not None and failure.description:
                return failure.description.splitlines()
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            return (cause.message.strip().splitlines() if cause else []) or ["the run failed"]
    return []
