"""Logs the progress of a run of slices from time to time."""

import time
from datetime import timedelta

import dagster as dg

from sequel_assets.refresh.core.progress import Progress

EVERY_SECONDS = 30.0


class ProgressLog:
    """Writes a line twice a minute at most: requests made, their rate, requests and time left."""

    def __init__(self, context: dg.AssetExecutionContext, progress: Progress) -> None:
        self._context, self._progress = context, progress
        self._began = self._logged_at = time.monotonic()

    def log_if_due(self) -> None:
        """Log how far the run is, if the last line is old enough."""
        now = time.monotonic()
        if now - self._logged_at < EVERY_SECONDS:
            return
        self._logged_at = now
        self._context.log.info(describe(self._progress, now - self._began))


def describe(progress: Progress, seconds: float) -> str:
    """Return how far a run is after so many seconds."""
    reading = progress.read()
    text = f"{reading.requests:,} requests so far, {reading.requests / seconds:,.0f} per second"
    if reading.left is None or not reading.requests:
        return text
    time_left = timedelta(seconds=round(reading.left * seconds / reading.requests))
    return f"{text}; of the companies that were begun about {reading.left:,} are left, which take {time_left}"
