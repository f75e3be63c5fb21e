"""Print the tables of all benchmarks, or of those named on the command line."""

import importlib
import sys

from sequel_assets.cli.support.terminal import table

MODULES = (
    "orchestration.startup",
    "refresh.requests",
    "refresh.fetch",
    "refresh.landed",
    "refresh.lean",
    "refresh.hour",
    "refresh.limit",
    "refresh.year",
    "warehouse.growth",
    "warehouse.history",
    "orchestration.overhead",
    "refresh.company_hierarchy",
    "warehouse.write",
    "refresh.big_event",
    "orchestration.many",
    "orchestration.event_log",
    "orchestration.pages",
    "webhooks.receiver",
    "warehouse.query",
    "warehouse.people",
    "warehouse.lake",
    "warehouse.insights",
    "warehouse.plans",
    "webhooks.webhooks",
)
"""Every benchmark, in the order in which all of them run."""
BENCHMARKS = {module.rpartition(".")[2]: module for module in MODULES}


def main(names: list[str]) -> None:
    """Run benchmarks one after the other; an unknown name is refused before the first one starts."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        module = importlib.import_module(f"bench.{BENCHMARKS[name]}")
        table((module.__doc__ or name).splitlines()[0], module.HEADINGS, list(module.run()))


if __name__ == "__main__":
    main(sys.argv[1:])
