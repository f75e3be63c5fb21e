"""Which tests run: marks that follow from what a test uses, and the combinations of parameters that wait for a campaign.

- `light`: needs no database, no process and no Dagster; `make check` runs these.
- `campaign`: a property, or a test that takes more examples at the large scale; `make campaigns` runs these.
- `alternating`: its parameters take turns with the engines instead of running on each; of the tests without any, a third
  (by their names) runs on PostgreSQL. At the large scale all of them run on both. Whatever is neither in `warehouse/` nor
  `insights/`, which hold the SQL, is marked by itself.
- `sampled(n)`: of the combinations of its parameters each nth runs (each value of each parameter, while n is smaller than
  the number of values); at the large scale all of them do.
- `scenario`: takes seconds of CPU (worlds, real processes, a browser, a night of hours), and something smaller proves its
  kind in `make test`. `make scenarios` runs them, at the suite's scale; at the large scale they run too.
"""

from __future__ import annotations

import functools
import sys
import zlib
from collections.abc import Iterable, Iterator
from types import ModuleType

import pytest

from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.suite.scale import IS_CAMPAIGN, IS_OF_SCENARIOS

Case = tuple[tuple[str, int], ...]
"""A combination of parameters: each one's name and place among its values, without the engine."""
HEAVY_FIXTURES = {"postgres", "pgbouncer", "template", "new_database", "engine_kind"}
HEAVY_MODULES = ("dagster", "multiprocessing", "psutil", "selenium", "subprocess")
HEAVY_ORIGINS = (
    "sequel_assets.orchestration",
    "sequel_assets.definitions",
    "sequel_assets_tests.campaigns",
    "sequel_assets_tests.support.command_server",
    "sequel_assets_tests.support.commands",
    "sequel_assets_tests.support.pgbouncer",
    "sequel_assets_tests.support.postgres",
    "sequel_assets_tests.support.stage",
    "sequel_assets_tests.support.harness",
    "dagster",
)
"""What a light test's module does not import: whatever starts processes, servers, databases or Dagster."""


ROOMS_ON_BOTH_ENGINES = {"warehouse", "insights"}
ONE_OF = 3
"""Of the alternating tests without parameters one in three runs on the second engine, which is slower."""


def mark_light(items: Iterable[pytest.Item]) -> None:
    """Mark the tests that need no database, process or Dagster, by their fixtures and by what their modules import."""
    for item in items:
        assert isinstance(item, pytest.Function)
        if not _is_heavy(item.module.__name__) and HEAVY_FIXTURES.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.light)


@functools.cache
def _is_heavy(module: str) -> bool:
    """Say whether a module is heavy, imports one that is, or imports one of the tests that does."""
    if module.split(".")[0] in HEAVY_MODULES or module.startswith(HEAVY_ORIGINS):
        return True
    if not module.startswith("sequel_assets_tests.") or module not in sys.modules:
        return False
    values = vars(sys.modules[module]).values()
    used = {
        value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", "")) for value in values
    }
    return any(_is_heavy(one) for one in used - {module})


def mark_alternating(items: Iterable[pytest.Item]) -> None:
    """Let the tests of the rooms without SQL of their own take turns with the engines."""
    for item in items:
        room = item.path.relative_to(PROJECT / "sequel_assets_tests").parts[0]
        if room not in ROOMS_ON_BOTH_ENGINES and "engine_kind" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alternating)


def mark_campaign(items: Iterable[pytest.Item]) -> None:
    """Mark the properties, and the parametrized tests of which the small scale leaves some out."""
    for item in items:
        is_property = hasattr(getattr(item, "obj", None), "hypothesis")
        if is_property or item.get_closest_marker("alternating") or item.get_closest_marker("sampled"):
            item.add_marker(pytest.mark.campaign)


def left_out(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that are left out at the small scale: scenarios, and combinations of parameters.

    Counting over the places of all parameters lets each value of each stay, in combinations that differ.
    """
    if IS_CAMPAIGN:
        return []
    items = list(items)
    scenarios = [item for item in items if bool(item.get_closest_marker("scenario")) is not IS_OF_SCENARIOS]
    tests: dict[str, list[pytest.Function]] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if isinstance(item, pytest.Function) and marks & {"alternating", "sampled"}:
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return scenarios + [item for functions in tests.values() for item in _without_a_turn(_cases(functions))]


def _cases(functions: Iterable[pytest.Function]) -> dict[Case, list[pytest.Function]]:
    """Return the functions of each combination: one, or one for each engine."""
    values: dict[str, list[int]] = {}
    cases: dict[Case, list[pytest.Function]] = {}
    for item in functions:
        case = []
        for name, value in item.callspec.params.items():
            if name != "engine_kind":
                known = values.setdefault(name, [])
                if id(value) not in known:
                    known.append(id(value))
                case.append((name, known.index(id(value))))
        cases.setdefault(tuple(sorted(case)), []).append(item)
    return cases


def _without_a_turn(cases: dict[Case, list[pytest.Function]]) -> Iterator[pytest.Item]:
    for case, engines in cases.items():
        sampled, alternating = (engines[0].get_closest_marker(name) for name in ("sampled", "alternating"))
        number, every = sum(at for _, at in case), sampled.args[0] if sampled else 1
        if len(cases) == 1:
            number, every = int(zlib.crc32(engines[0].nodeid.partition("[")[0].encode()) % ONE_OF == 0), 1
        turn = number // every % len(engines) if alternating else None
        yield from (item for at, item in enumerate(engines) if number % every or turn not in {None, at})
