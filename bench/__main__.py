"""Print the tables of all benchmarks, or of those named."""

import importlib
import sys

from sequel_assets.cli.support.terminal import table

NAMES = (
    "startup",
    "requests",
    "fetch",
    "landed",
    "hour",
    "year",
    "growth",
    "overhead",
    "tree",
    "write",
    "big_event",
    "event_log",
    "receiver",
    "query",
    "insights",
    "webhooks",
)


def main() -> None:
    """Run benchmarks one after the other."""
    for name in sys.argv[1:] or NAMES:
        module = importlib.import_module(f"bench.{name}")
        table(module.__doc__.splitlines()[0], module.HEADINGS, list(module.run()))


if __name__ == "__main__":
    main()
