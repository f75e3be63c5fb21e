"""Lean: CPU of a backfill of 100 events x 200 people beside that of commit f87eb6a in the same world (goal: 0.6 of it).

Both run in turn, each in a process of its own, against one sandbox of this tree with 20 ms of latency. It needs a clone with
its history. LEAN_TIMES (runs of each) makes it shorter.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.refresh.landed import NOW, OPTIONS
from bench.support.world import LATENCY_MS, in_a_process

HEADINGS = ("what", "runs", "CPU, s: median", "least", "median / that of f87eb6a")
BEFORE = "f87eb6a"
_ROOT = Path(__file__).parents[2]
_ONE = """
import importlib, json, sys, time
landed = importlib.import_module(sys.argv[1])
with landed.bench(json.load(sys.stdin), landed.NOW, landed.DAYS, concurrency=8) as b:
    began = time.process_time()
    landed._refresh(b, landed.NOW, 8, is_hourly=False)
    print(time.process_time() - began)
"""
"""Run in a tree of either commit; it prints the CPU seconds of its process."""


def run() -> Iterator[tuple[str, int, float, float, float | str]]:
    """Yield a row for the commit and one for this tree."""
    times: dict[str, list[float]] = {BEFORE: [], "this tree": []}
    with tempfile.TemporaryDirectory() as folder:
        _git("clone", "--quiet", "--shared", "--no-checkout", str(_ROOT), folder)
        _git("-C", folder, "checkout", "--quiet", BEFORE)
        with in_a_process(*OPTIONS, "--latency-ms", str(LATENCY_MS), "--now", NOW.isoformat()) as account:
            for _ in range(int(os.environ.get("LEAN_TIMES", "3"))):
                times[BEFORE].append(_cpu(Path(folder), "bench.landed", account))
                times["this tree"].append(_cpu(_ROOT, "bench.refresh.landed", account))
    median = {what: sorted(each)[len(each) // 2] for what, each in times.items()}
    for what, each in times.items():
        yield what, len(each), median[what], min(each), median[what] / median[BEFORE]


def _git(*arguments: str) -> None:
    if subprocess.run(["git", *arguments], check=False).returncode:
        sys.exit(f"bench lean needs a clone with its history: commit {BEFORE} could not be checked out")


def _cpu(tree: Path, module: str, account: dict[str, str]) -> float:
    """Return the CPU seconds of a backfill by the code of a tree."""
    done = subprocess.run(
        [sys.executable, "-c", _ONE, module],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        input=json.dumps(account),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the backfill of {tree} failed: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout)
