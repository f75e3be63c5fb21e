"""Big event: 10,000 people x 180 minutes, from Sequel to insights (goal < 60 s), in its own process."""

import subprocess
import sys
from collections.abc import Iterator

HEADINGS = ("what", "value")
PROGRAM = """
import resource
from datetime import UTC, datetime
from bench.support.world import bench, days_to
from sequel_assets.sandbox import Sandbox, WorldSpec, build_world
now = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
world = build_world(WorldSpec(companies=1, days=3, events_per_day=0, big_event_people=10_000, now=now))
with Sandbox(world, latency_ms=20) as sandbox, bench(sandbox.environment(), now, 3) as b:
    outcomes, seconds = b.refresh(days_to(now, 3))
    rows = sum(o.rows for o in outcomes if o.dataset.startswith("event_"))
    minutes = sum(o.engaged_minutes or 0 for o in outcomes if o.dataset == "event_participants")
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(seconds, rows, minutes, memory, sum(not o.is_good for o in outcomes))
"""


def run() -> Iterator[tuple[str, float]]:
    """Yield the cost of one refresh, sandbox included."""
    measured = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    names = ("wall seconds", "landed rows", "engaged minutes", "peak memory, MiB (sandbox included)", "slices not good")
    yield from zip(names, map(float, measured.split()), strict=True)
