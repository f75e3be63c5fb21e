"""`make soak`: five hours of a real `dagster dev` on a clock that runs fast, unattended, then a schedule that is stopped.

Nothing is refreshed by hand: companies find themselves, the hour's runs come from the real schedules, midnight and the
patrol go by, Sequel changes minutes of today and of a final day. After each hour the command `sequel-assets status` must
be green and the tables must be the truth; when `hourly_refresh` is stopped the freshness checks must turn red by themselves.
"""

import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer

from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Clock, Sandbox, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.tables.core import restatements
from sequel_assets_tests.campaigns.soak import night
from sequel_assets_tests.campaigns.soak.dagster_dev import Check, DagsterDev
from sequel_assets_tests.campaigns.soak.fast_clock import FastClock, compile_clock, whole_hour, why_not
from sequel_assets_tests.support.reference import KEY, Tables, assert_equal_tables, expected_tables, read_tables

START = datetime(2024, 2, 28, 23, 45, tzinfo=UTC)
"""The midnight that goes by is the one into a leap day."""
HOURS = 5
FRESH_AT, LOOK, LATEST = timedelta(minutes=35), timedelta(minutes=45), timedelta(minutes=64)
"""After the hour: when its checks are due, when it is looked at, and at the latest, before the next refresh is due."""
FRESH = "fresh_by_the_hour"
A_DAY_BEHIND = ("hub_participants",)
"""Who is in a hub is asked with the events of today, at a day's close, when it turns final and when the replay window closes:
those of yesterday's may lag till then."""
OWE_TODAY = len(SLICED) - len(AT_CLOSE_NAMES)
"""The datasets that are late when no hour comes; what is derived at a day's close owes nothing of an open day."""
COLUMNS = "{:<12} {:<64} {:<26} {:>6} {:>6} {:>9} {:>8}"


class Soak:
    """What the hours are looked at with, and what was found wrong."""

    def __init__(self, clock: FastClock, sandbox: Sandbox, dev: DagsterDev, warehouse: Warehouse, first: date) -> None:
        self.clock, self.sandbox, self.dev, self.warehouse, self.first = clock, sandbox, dev, warehouse, first
        self.wrong: list[str] = []
        self._looked, self._requests, self._began = clock.start, 0, time.monotonic()

    def wait_until(self, moment: datetime) -> None:
        """Let time go by; nobody touches anything."""
        while (seconds := self.clock.seconds_until(moment)) > 0:
            self.dev.assert_alive()
            time.sleep(min(1, seconds))

    def wait_for_checks(self, top: datetime) -> dict[Check, dict[str, Any]]:
        """Let time go by until the hour's checks have been executed, if they are; return them."""
        self.wait_until(top + LOOK)
        while True:
            checks = self.dev.checks()
            done = {
                check
                for check, told in checks.items()
                if told["evaluation"] and told["timestamp"] >= (top + FRESH_AT).timestamp()
            }
            is_done = done == checks.keys() and {(dataset.name, FRESH) for dataset in SLICED} <= done
            if is_done or self.clock.seconds_until(top + LATEST) <= 0:
                return checks
            time.sleep(1)

    def look(self, top: datetime, *, is_green: bool) -> dict[Check, str]:
        """Print a row on the hour that has gone by, note what is not as it should be; return the checks that are red."""
        checks = self.wait_for_checks(top)
        now = self.clock.now()
        status = self.dev.command("status", "--json")
        late = status.stdout.count('"rule":')
        runs, since = self.dev.runs(self._looked), self._looked
        self._looked = now
        red = {
            check: told["evaluation"]["description"] if told["evaluation"] else told["status"]
            for check, told in checks.items()
            if told["status"] != "SUCCEEDED"
        }
        truth = self._against_truth(top) if is_green else ""
        fresh = [check for check in checks if check[1] == FRESH]
        stale = [check for check in fresh if checks[check]["timestamp"] < (top + FRESH_AT).timestamp()]
        reds = [check for check in red if check[1] == FRESH]
        asked, self._requests = self.sandbox.requests.count - self._requests, self.sandbox.requests.count
        states = f"{len(fresh) - len(reds)} fresh, {len(reds)} late, {len(red) - len(reds)} other red"
        say(COLUMNS.format(f"{now:%d %b %H:%M}", _runs(runs), states, late, asked,
                           "" if not is_green else "no" if truth else "yes", f"{time.monotonic() - self._began:.0f}"))  # fmt: skip
        hour = f"{now:%H:%M}"
        self.expect(not truth, f"{hour}: the tables are not the truth: {truth}")
        self.expect(
            len(fresh) == len(SLICED) and not stale,
            f"{hour}: freshness checks that were not executed this hour: {stale}",
        )
        self.expect(not any(status_ == "FAILURE" for _, status_ in runs), f"{hour}: runs failed since {since:%H:%M}")
        expected = (0, 0, 0) if is_green else (1, late or -1, OWE_TODAY)
        told = (status.returncode, late, len(reds))
        self.expect(told == expected, f"{hour}: (exit of status, late slices, late checks) are {told}, not {expected}")
        return red

    def _against_truth(self, top: datetime) -> str:
        days = days_between(self.first, top.date())
        try:
            expected = expected_tables(self.sandbox.world, days, start=self.first, now=top)
            found = read_tables(self.warehouse)
            _leave_out_later_registrants(found, expected, top)
            assert_equal_tables(found, expected, but=A_DAY_BEHIND)
        except AssertionError as error:
            return str(error)
        return ""

    def expect(self, is_so: bool, otherwise: str) -> None:
        """Note what is not so."""
        if not is_so:
            self.wrong.append(otherwise)
            say(f"  WRONG {otherwise}")

    def restated_days(self) -> int:
        """How many final days have changed."""
        with self.warehouse.read() as connection:
            return len(set(connection.scalars(sa.select(restatements.c.day))))


def main(speed: float = 24, keep: str = "") -> None:
    """Run the soak; `keep` names a folder that is left to be looked at."""
    reason = why_not()
    if reason:
        sys.exit(f"the soak cannot run: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the soak was ended"))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(keep or made).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with _served(folder, speed) as soak:
            _hours(soak)
    say("processes: all ended")
    sys.exit("\n".join(["the soak found:", *soak.wrong]) if soak.wrong else 0)


@contextmanager
def _served(folder: Path, speed: float) -> Iterator[Soak]:
    library = compile_clock(folder)
    world: World = night.night_world(START)
    first = (START + timedelta(days=2 - night.DAYS)).date()
    warehouse = Warehouse(f"sqlite:///{folder / 'warehouse.db'}")
    clock = FastClock(START, speed)
    with Sandbox(world, clock=Clock(START, speed=speed)) as sandbox:
        environment = {
            **sandbox.environment(),
            **clock.environment(library),
            "SEQUEL_PERSON_KEY": KEY,
            "SEQUEL_START_DATE": first.isoformat(),
            "SEQUEL_WAREHOUSE_URL": f"sqlite:///{folder / 'warehouse.db'}",
        }
        dev = DagsterDev(folder, environment, speed)
        try:
            dev.wait_until_served()
            say(f"{len(world.companies)} companies, {len(world.events)} events; from {START:%Y-%m-%d %H:%M} UTC at {speed:g}x: an hour is {3600 / speed:.0f} s")  # fmt: skip
            yield Soak(clock, sandbox, dev, warehouse, first)
        finally:
            dev.end()
            warehouse.dispose()


def _hours(soak: Soak) -> None:
    """Let five hours go by, with a change of the past after each; then stop the schedule."""
    say(COLUMNS.format("simulated", "runs", "checks", "late", "asked", "is truth", "seconds"))
    top = whole_hour(START) + timedelta(hours=1)
    world, red = soak.sandbox.world, {}
    for number in range(HOURS):
        red = soak.look(top, is_green=True)
        if number == HOURS - 2:
            with world.lock:
                world.restate(night.oldest_event(world), minutes=-1)
        elif number % 2 == 0:
            night.add_latecomer(world, "night-0", top + timedelta(minutes=2))
        else:
            night.take_minutes(world, "night-1", top, top + timedelta(hours=1))
        top += timedelta(hours=1)
    restated = soak.restated_days()
    say(
        f"a final day was restated at Sequel; the patrol found it, days restated: {restated}; red besides: {sorted(red)}"
    )
    soak.expect(restated > 0 and set(red) == {("daily_usage", "restated")}, f"red after the patrol: {red}")
    soak.dev.stop_schedule("hourly_refresh")
    say("the schedule hourly_refresh is stopped")
    red = soak.look(top, is_green=False)
    say("the freshness check of daily_usage says: " + red.get(("daily_usage", FRESH), "nothing").replace("\n", "\n  "))


def _leave_out_later_registrants(found: Tables, expected: Tables, top: datetime) -> None:
    """Take out of both who registered for an event after its day was over, and the totals of these events.

    An event of a past day is asked about at the day's close, when it turns final and when its replay window closes:
    who registers for its replay meanwhile is told then.
    """
    later = {
        row
        for tables in (found, expected)
        for row in tables["event_activity"]
        if (registered_at := row[-1]) is not None and registered_at > min(day_end(row[1]), top)
    }
    events = {row[:3] for row in later}
    for tables in (found, expected):
        tables["event_activity"] = [row for row in tables["event_activity"] if row not in later]
        tables["activity_totals"] = [row for row in tables["activity_totals"] if row[:3] not in events]


def _runs(runs: Counter[tuple[str, str]]) -> str:
    return ", ".join(
        f"{count} {job}{'' if status == 'SUCCESS' else ' ' + status}" for (job, status), count in sorted(runs.items())
    )


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
