"""Start-up: the time to load the definitions on top of `import dagster` (goal < 1 s), median of 5."""

import statistics
import subprocess
import sys
from collections.abc import Iterator

HEADINGS = ("what", "seconds")
PROGRAM = """
import time; a = time.perf_counter()
import dagster; b = time.perf_counter()
import sequel_assets.definitions; c = time.perf_counter()
print(b - a, c - b)
"""


def run() -> Iterator[tuple[str, float]]:
    """Yield the medians over fresh interpreters."""
    measured = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(5)
    ]
    yield "import dagster", statistics.median(float(first) for first, _ in measured)
    yield "definitions beyond it", statistics.median(float(second) for _, second in measured)
