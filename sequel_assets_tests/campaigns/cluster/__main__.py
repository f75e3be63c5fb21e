"""`make cluster`: an hour of 200 companies over several hosts, and what goes wrong in it; prints a line for each fault."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

import typer

from sequel_assets_tests.campaigns.cluster.faults import FAULTS, Fault
from sequel_assets_tests.campaigns.cluster.network import why_not
from sequel_assets_tests.campaigns.cluster.servers import redis_is_missing
from sequel_assets_tests.campaigns.cluster.stage import Cluster
from sequel_assets_tests.campaigns.cluster.world import ClusterSize
from sequel_assets_tests.campaigns.soak.fast_clock import why_not as no_clock

COLUMNS = "{:<26} {:>9} {:>10} {:>10} {:<52} {:>9} {:<9}"


def main(companies: int = 200, rounds: int = 1, keep: str = "", only: str = "") -> None:
    """Run every fault, `rounds` times; `only` names some of them, separated by commas."""
    missing = [reason for reason in (why_not(), redis_is_missing(), no_clock()) if reason]
    if missing:
        sys.exit(f"the cluster cannot run: {'; '.join(missing)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the cluster was ended"))
    wrong: list[str] = []
    chosen = {name: fault for name, fault in FAULTS.items() if not only or name in only.split(",")}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as made:
            folder = (Path(keep) / f"{number + 1}" if keep else Path(made)).absolute()
            folder.mkdir(parents=True, exist_ok=True)
            with Cluster(folder, ClusterSize(companies=companies)) as cluster:  # its world has one afternoon
                say(COLUMNS.format("fault", "hour", "in seconds", "next hour", "runs", "requests", "truth"))
                for name, fault in chosen.items():
                    wrong += [f"round {number + 1}, {name}: {text}" for text in one_hour(cluster, name, fault)]
    say(f"{rounds} rounds of {len(chosen)} faults, {companies} companies: {len(wrong)} wrong")
    sys.exit("\n".join(wrong) if wrong else 0)


def one_hour(cluster: Cluster, name: str, fault: Fault) -> list[str]:
    """Let an hour begin, let something go wrong, and look whether the hour is made good within the next one."""
    before, requests, top = cluster.runs(), cluster.sandbox.requests.count, cluster.next_hour()
    behind = cluster.behind(top)
    deadline = time.monotonic() + 120
    while cluster.behind(top) >= behind and time.monotonic() < deadline:
        time.sleep(0.5)
    began = time.monotonic()
    fault(cluster)
    is_good, next_seconds = cluster.wait_until_made_good(top, cluster.size.hour_seconds / 2), "-"
    seconds = time.monotonic() - began
    if not is_good:
        top = cluster.next_hour()
        again = time.monotonic()
        is_good = cluster.wait_until_made_good(top, cluster.size.hour_seconds)
        next_seconds = f"{time.monotonic() - again:.0f}"
    problems = [] if is_good else [f"{cluster.behind(top)} slices do not cover {top:%H:%M}"]
    difference = cluster.difference(top) if is_good else "not compared"
    problems += [f"the tables are not the truth: {difference}"] if is_good and difference else []
    runs = cluster.counts(before)
    shown = ", ".join(
        f"{count} {job}{'' if status == 'SUCCESS' else ' ' + status.lower()}"
        for (job, status), count in sorted(runs.items())
    )
    made = f"{seconds:.0f}" if next_seconds == "-" else "no"
    asked = cluster.sandbox.requests.count - requests
    say(COLUMNS.format(name, f"{top:%H:%M}", made, next_seconds, shown[:100], asked, "yes" if not problems else "NO"))
    cluster.restore()
    return problems


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
