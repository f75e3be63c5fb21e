"""Progress of a run of slices, told in its log now and then."""

import time
from datetime import timedelta

import dagster as dg

from sequel_assets.refresh.core.progress import Progress

EVERY_SECONDS = 30.0


class ProgressLog:
    """Writes a line twice a minute at most: requests made, their rate, requests and time left."""

    def __init__(self, context: dg.AssetExecutionContext, gauge: Progress) -> None:
        self._context, self._gauge = context, gauge
        self._began = self._told = time.monotonic()

    def tell(self) -> None:
        """Tell how far the run is, if it is time to."""
        now = time.monotonic()
        if now - self._told < EVERY_SECONDS:
            return
        self._told = now
        self._context.log.info(words(self._gauge, now - self._began))


def words(gauge: Progress, seconds: float) -> str:
    """Return how far a run is after so many seconds."""
    reading = gauge.read()
    said = f"{reading.requests:,} requests so far, {reading.requests / seconds:,.0f} per second"
    if reading.left is None or not reading.requests:
        return said
    time_left = timedelta(seconds=round(reading.left * seconds / reading.requests))
    return f"{said}; of the companies that were begun about {reading.left:,} are left, which take {time_left}"
