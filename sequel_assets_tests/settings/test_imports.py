"""Importing any module reads nothing, opens nothing and asks no clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sequel_assets_tests.settings.wrong_settings import _nothing_set
from sequel_assets_tests.support.paths import PROJECT

__all__ = ["_nothing_set"]
IMPORT_AND_WATCH = r"""
import importlib, json, os, pkgutil, sys, time
import dagster, httpx, pandas, pydantic_settings, rich, sqlalchemy, starlette, typer, uvicorn  # not ours to judge

HERE = os.path.join(os.path.dirname(importlib.util.find_spec("sequel_assets").origin), "")
seen = []

def whose():
    # the module being imported is the innermost one: ours, or one of somebody else's that it imports
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return frame.f_globals.get("__name__") if frame.f_code.co_filename.startswith(HERE) else None
        frame = frame.f_back

# switches that pydantic and Dagster look up whenever a class or a job is made
THEIRS = ("PYDANTIC_DISABLE_PLUGINS", "DAGSTER_RECORD_DEFENSIVE_CHECKS")
def note(what):
    module = whose()
    if module and not any(name in what for name in THEIRS):
        seen.append([module, what])

CODE = (".py", ".pyc", ".so", ".zip")
def audited(event, arguments):
    at = arguments[0] if arguments else ""
    if "__pycache__" in str(at) or isinstance(at, int):
        return  # importlib writes a module that it has compiled, to a descriptor in a folder of its own
    if event == "open" and not str(at).endswith(CODE):
        note(f"opens {arguments[0]}")
    elif event.startswith(("socket.", "subprocess.", "sqlite3.", "os.mkdir", "os.system")):
        note(event)

class Watched(type(os.environ)):
    def __getitem__(self, name):
        note(f"reads {name} of the environment")
        return super().__getitem__(name)
    def __contains__(self, name):
        note(f"looks for {name} in the environment")
        return super().__contains__(name)
    def __iter__(self):
        note("reads the environment")
        return super().__iter__()

CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "now", "utcnow", "today"}
def profiled(frame, event, function):
    if event == "c_call" and function.__name__ in CLOCKS and frame.f_code.co_filename.startswith(HERE):
        note(f"asks the clock: {function.__name__}")

def names(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            yield found.name
            if found.ispkg and found.name != "sequel_assets.warehouse.migrations":
                yield from names(importlib.import_module(found.name))

import importlib.util
sys.addaudithook(audited)
os.environ.__class__ = Watched
sys.setprofile(profiled)
import sequel_assets
modules = list(names(sequel_assets))
for name in modules:
    importlib.import_module(name)
sys.setprofile(None)
print(json.dumps([len(modules), seen]))
"""


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    """No environment, file, socket, process, database or clock, in a fresh interpreter, `definitions` too."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_WATCH],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules, seen = json.loads(done.stdout.splitlines()[-1])
    assert sorted(set(map(tuple, seen))) == []
    assert modules > 40
    assert list(tmp_path.iterdir()) == []
