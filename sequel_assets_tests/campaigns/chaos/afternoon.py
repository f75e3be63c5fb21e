"""An afternoon of chaos: events end, webhooks go wrong in every way, processes are killed; then all must be right."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from cryptography.fernet import Fernet

from sequel_assets import settings
from sequel_assets.cli.support.dagster_home import dagster_instance
from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.sandbox import Clock, DeliveryFaults, Sandbox
from sequel_assets.sandbox.webhooks import dispatcher
from sequel_assets.sandbox.webhooks.deliveries import Delivery
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets.webhooks.subscriptions import reconciler
from sequel_assets_tests.campaigns.chaos.processes import NO_SCHEDULE
from sequel_assets_tests.campaigns.chaos.size import NOON, STEP, TODAY, YESTERDAY, Account, Size, world_of
from sequel_assets_tests.support.commands.calls import clean_environment, variables
from sequel_assets_tests.support.inboxes import rows
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.reference import KEY, assert_equal_tables, expected_tables, read_tables

OK = httpx.codes.OK
BURSTS = 4
"""In which what is sent again comes, in each step."""


class Afternoon:
    """Everything that it takes; used as a context."""

    def __init__(self, folder: Path, warehouse_url: str, size: Size) -> None:
        self.folder, self.size, self.dice = folder, size, random.Random(size.seed)
        self.clock_file = folder / "clock"
        self.url = warehouse_url
        self.kills = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.answers: list[tuple[str, int, int]] = []
        """Invocation, page and status of every POST that was made."""
        self._stack = ExitStack()

    def __enter__(self) -> Afternoon:
        """Set the stage: tables as they are at noon, six subscriptions, both processes at work."""
        stack = self._stack
        self.sandbox = stack.enter_context(Sandbox(world_of(self.size), clock=Clock.pinned(NOON)))
        self.sandbox.webhooks.batches = 10
        self.sandbox.webhooks.faults = DeliveryFaults(self.size.rates, seed=self.size.seed)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        home = self.folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        self.variables = {
            **self.sandbox.environment(),
            "SEQUEL_PERSON_KEY": KEY,
            "SEQUEL_START_DATE": YESTERDAY.isoformat(),
            "SEQUEL_WAREHOUSE_URL": self.url,
            "SEQUEL_WEBHOOK_URL": f"http://127.0.0.1:{self.port}/sequel",
            "SEQUEL_WEBHOOK_SECRET_KEY": Fernet.generate_key().decode(),
            "SEQUEL_RETRY_BUDGET_SECONDS": "5",
            "DAGSTER_HOME": str(home),
            "PYTHONPATH": str(PROJECT),
        }
        stack.enter_context(variables(self.variables))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(dispatcher, "sent", self._noted(dispatcher.sent))
        self.warehouse = Warehouse(self.url)
        stack.callback(self.warehouse.dispose)
        migrate(self.warehouse)
        self._move(NOON)
        self._history()
        stack.callback(self._end_all)
        self._start("receive")
        self._start("tend")
        return self

    def __exit__(self, *error: object) -> None:
        """End everything."""
        self._stack.close()

    def run(self) -> Account:
        """Let the afternoon go by, then an evening without chaos, and hold everything against the truth."""
        began, now = time.monotonic(), NOON
        for step in range(self.size.steps):
            now += STEP
            if self.dice.random() < 1 / self.size.kill_every:
                self._kill(self.dice.choice(["receive", "tend"]))
            self._move(now)
            self._again(step)
            if self.dice.random() < 0.5:
                self._wait_for_round(now)
            self._revive()
        self._quiet(now)
        return self._account(time.monotonic() - began)

    def _again(self, step: int) -> None:
        """Send many deliveries again, in any order, so that there are as many as wanted in the end; kill in the middle."""
        self.sandbox.webhooks.wait_until_sent(300)
        record = [one.number for one in self.sandbox.webhooks.deliveries if one.state not in ("dropped", "void")]
        missing = self.size.deliveries * (step + 1) // self.size.steps - len(self.answers)
        for _ in range(BURSTS if record and missing > 0 else 0):
            self.sandbox.webhooks.redeliver(self.dice.choices(record, k=-(-missing // BURSTS)))
            if self.dice.random() < 1 / self.size.kill_every:
                self._kill("receive")
            self.sandbox.webhooks.wait_until_sent(300)
            self._revive()

    def _quiet(self, now: datetime) -> None:
        """Nothing goes wrong any more, and everybody is awake, until nothing waits."""
        self.sandbox.webhooks.faults = DeliveryFaults()
        self._revive()
        for moment in [now + timedelta(minutes=20 * n) for n in range(1, 10)]:
            self._move(moment)
            self.sandbox.webhooks.wait_until_sent(300)
            self._revive()
            self._wait_for_round(moment, is_needed=True)
        self.now = moment

    def _account(self, seconds: float) -> Account:
        acknowledged = {(invocation_id, page) for invocation_id, page, status in self.answers if status == OK}
        kept = rows(self.warehouse)
        stored = {(row["invocation_id"], row["page"] or 1) for row in kept}
        assert acknowledged <= stored, f"{len(acknowledged - stored)} acknowledged deliveries are not in the inbox"
        assert len([row for row in kept if row["verdict"] == "accepted"]) == len(stored - {(None, 1)})
        waiting = [(row["event_type"], row["event_id"], row["tries"]) for row in kept if row["handled_at"] is None]
        assert not waiting, f"{len(waiting)} hints wait still: {waiting[:5]}; {self._last_words()}"
        days = [YESTERDAY, TODAY]
        expected = expected_tables(self.sandbox.world, days, start=YESTERDAY, now=self.now)
        assert_equal_tables(read_tables(self.warehouse), expected)
        runs, effects = self._effects()
        assert effects.total() == len(effects), f"refreshed at once more than once: {effects.most_common(5)}"
        answered = Counter(status for *_, status in self.answers)
        return Account(answered, len(acknowledged), self.kills, runs, len(effects), seconds)

    def _effects(self) -> tuple[int, Counter[str]]:
        """How many runs about hints there were, and how many of them refreshed each event for its own sake, as they told Dagster."""
        effects = Counter[str]()
        with dg.DagsterInstance.get() as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name="refresh_after_webhooks"))
            for run in runs:
                for logged in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT):
                    assert logged.dagster_event is not None
                    effects.update(logged.dagster_event.step_output_data.metadata["refreshed"].value)  # type: ignore[arg-type]
        return len(runs), effects

    def _noted(self, sent: Callable[..., int]) -> Callable[..., int]:
        """Return the sandbox's POST, its answers noted."""

        def noted(http: httpx.Client, delivery: Delivery, *more: Any) -> int:
            status = sent(http, delivery, *more)
            self.answers.append((delivery.invocation_id, delivery.page, status))
            return status

        return noted

    def _history(self) -> None:
        """Walk, backfill, add the partitions, subscribe."""
        known = settings.load()
        with closing(config.open_client(known)) as client, ThreadPoolExecutor(4) as pool:
            found = refresh_companies(client, self.warehouse, "root", pool, clock=known.clock, known_keys=[])
            refresher = Refresher(client, self.warehouse, known.clock, config.rules(known), RefreshOptions("noon"))
            days = {company.company_id: [YESTERDAY, TODAY] for company in found}
            failed = [outcome for outcome in refresher.refresh(days) if not outcome.is_good]
            assert not failed, failed[:3]
            tools = reconciler.context_of(known, client, self.warehouse)
            with self.warehouse.read() as connection:
                wanted = reconciler.desired_by_settings(known, connection)
            assert not reconciler.reconcile(tools, wanted).failures
        with dagster_instance() as instance:
            instance.add_dynamic_partitions(COMPANY, [company.partition_key for company in found])

    def _move(self, moment: datetime) -> None:
        whole = self.clock_file.with_suffix(".new")
        whole.write_text(moment.isoformat())
        whole.replace(self.clock_file)
        os.environ["SEQUEL_NOW"] = moment.isoformat()
        self.sandbox.clock.set(moment)

    def _start(self, role: str) -> None:
        more = {"receive": [str(self.port)], "tend": [] if self.size.has_schedule else [NO_SCHEDULE]}[role]
        command = [sys.executable, "-W", "ignore", "-m", "sequel_assets_tests.campaigns.chaos.processes", role]
        with (self.folder / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [*command, str(self.clock_file), *more], env=clean_environment(**self.variables), stdout=log, stderr=log
            )
        if role == "receive":
            self._wait_for_receiver()

    def _wait_for_receiver(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=5, trust_env=False)
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("the receiver does not answer")

    def _wait_for_round(self, moment: datetime, *, is_needed: bool = False) -> None:
        """Wait until the daemon has nothing left to do at a moment (or is dead)."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and self.processes["tend"].poll() is None:
            place = self.folder / "rounded"
            if place.exists() and place.read_text() == moment.isoformat():
                return
            time.sleep(0.05)
        if is_needed:
            raise TimeoutError(f"the daemon did not come to rest at {moment}: {self._last_words()}")

    def _last_words(self) -> str:
        """What the daemon said last: why its sensors skipped, or how it fell."""
        return (self.folder / "tend.log").read_text()[-2000:]

    def _kill(self, role: str) -> None:
        self.processes[role].send_signal(signal.SIGKILL)
        self.processes[role].wait()
        self.kills += 1

    def _revive(self) -> None:
        for role, process in list(self.processes.items()):
            if process.poll() is not None:
                self._start(role)

    def _end_all(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
