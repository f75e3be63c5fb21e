"""A stage on which the sensors of the inbox are evaluated and their runs executed, on a clock that the test moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from sequel_assets import settings
from sequel_assets.orchestration.sensors.webhook_job import webhooks_job
from sequel_assets.orchestration.sensors.webhooks import webhook_sensors
from sequel_assets.webhooks.processing.actions import REASONS
from sequel_assets_tests.support.reference import assert_equal_tables, expected_tables, read_tables
from sequel_assets_tests.support.stage import Stage


class WebhookStage:
    """`ask` evaluates a sensor once and executes what it asks for, as the daemon does."""

    def __init__(self, stage: Stage, patch: pytest.MonkeyPatch) -> None:
        self.stage, self.patch = stage, patch
        self.cursors: dict[str, str | None] = {}
        self.run_keys: set[str] = set()
        self.runs: list[dg.ExecuteInProcessResult] = []
        patch.setenv("SEQUEL_WEBHOOK_URL", "http://127.0.0.1:8750/sequel")

    @property
    def now(self) -> datetime:
        """It is this moment, here and at Sequel."""
        return self.stage.sandbox.clock.now()

    def at(self, moment: datetime) -> None:
        """Move the clock."""
        self.stage.sandbox.clock.set(moment)
        self.patch.setenv("SEQUEL_NOW", moment.isoformat())
        self.stage.definitions = self.stage._load()

    def later(self, **span: float) -> None:
        """Move the clock on."""
        self.at(self.now + timedelta(**span))

    def look(self, reason: str = "ended", *, keeps_cursor: bool = True) -> Any:
        """Evaluate a sensor; what it returned."""
        (sensor,) = [one for one in webhook_sensors(settings.load()) if one.name == f"webhook_{reason}"]
        ticked = self.stage.sense(sensor, self.cursors.get(reason))
        for request in ticked.dynamic_partitions_requests or []:
            self.stage.instance.add_dynamic_partitions("company", list(request.partition_keys))
        if keeps_cursor:
            self.cursors[reason] = ticked.cursor
        return ticked

    def ask(self, reason: str = "ended") -> str:
        """Evaluate a sensor and execute what it asks for; why it asks for nothing, or "" when it ran something."""
        ticked = self.look(reason)
        for request in ticked.run_requests or []:
            if request.run_key in self.run_keys:
                return f"{request.run_key} was there already"
            self.run_keys.add(request.run_key)
            self.execute(request.tags)
        return str(ticked.skip_message or "")

    def execute(self, tags: Any) -> dg.ExecuteInProcessResult:
        """Execute a run about hints."""
        repository = dg.Definitions(jobs=[webhooks_job()], resources=self.stage.definitions.resources)
        result = repository.resolve_job_def(webhooks_job().name).execute_in_process(
            instance=self.stage.instance, tags=dict(tags), raise_on_error=False
        )
        self.runs.append(result)
        return result

    def ask_all(self) -> None:
        """Let every sensor look once."""
        for reason in REASONS:
            self.ask(reason)

    def hourly(self) -> None:
        """Execute the hourly run, if it has anything to do."""
        assert all(result.success for result in self.stage.hour(self.now))

    def assert_true(self, *days: Any) -> None:
        """Fail unless every table is the truth as Sequel tells it now."""
        world = self.stage.sandbox.world
        assert_equal_tables(
            read_tables(self.stage.warehouse), expected_tables(world, days, start=days[0], now=self.now)
        )
