"""A platform whose checks and runs can fail, and an address that receives alerts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest

from sequel_assets.orchestration.alerts.sensor import alerts_sensor

SECRET = "s3cr3t-of-the-address"
HOUR = 3600.0


@dataclass
class AlertWorld:
    """What the tiny assets are to do."""

    is_right: bool = True
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    failure: Exception | None = None


@dataclass
class AlertInbox:
    """Where alerts arrive: a server that answers with `status`."""

    port: int = 0
    status: int = 200
    received: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}?+Token={SECRET}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.received]


@pytest.fixture
def inbox() -> Iterator[AlertInbox]:
    """A server on a port of its own."""
    inbox = AlertInbox()

    class InboxHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if inbox.status == 200:
                inbox.received.append(message)
            self.send_response(inbox.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), InboxHandler) as server:
        inbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield inbox
        server.shutdown()
        thread.join()


class AlertedPlatform:
    """A definition of one asset, its check and its job, on an instance; and the sensor, ticked by hand."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.world = AlertWorld()
        self.cursor: str | None = None
        self.later = 0.0
        world = self.world

        @dg.asset
        def daily_usage() -> None:
            if world.failure:
                raise world.failure

        @dg.asset_check(asset=daily_usage)
        def freshness() -> dg.AssetCheckResult:
            said = "all in time" if world.is_right else "1 slice is late:\nacme.3f9a1c07 2026-11-23 by 2 hours"
            return dg.AssetCheckResult(passed=world.is_right, severity=world.severity, description=said)

        self.sensor = alerts_sensor(lambda: time.time() + self.later)
        self.repository = dg.Definitions(
            assets=[daily_usage],
            asset_checks=[freshness],
            jobs=[
                dg.define_asset_job("refresh_slices", dg.AssetSelection.assets(daily_usage).without_checks()),
                dg.define_asset_job("run_checks", dg.AssetSelection.all_asset_checks()),
            ],
            sensors=[self.sensor],
            executor=dg.in_process_executor,
        ).get_repository_def()

    def run(self, job: str) -> str:
        result = self.repository.get_job(job).execute_in_process(instance=self.instance, raise_on_error=False)
        return result.run_id

    def tick(self, minutes: float = 0) -> str:
        """Let minutes go by and evaluate the sensor as the daemon does; return what it says of the tick."""
        self.later += 60 * minutes
        with dg.build_sensor_context(self.instance, self.cursor, repository_def=self.repository) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor
        assert not data.run_requests
        return data.skip_message or ""


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AlertedPlatform]:
    """On a fresh instance, with no setting of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEQUEL_ALERT_URLS", raising=False)
    with dg.instance_for_test() as instance:
        yield AlertedPlatform(instance)


@pytest.fixture
def alerting(platform: AlertedPlatform, inbox: AlertInbox, monkeypatch: pytest.MonkeyPatch) -> AlertedPlatform:
    """The same, with the inbox as the one address."""
    monkeypatch.setenv("SEQUEL_ALERT_URLS", inbox.url)
    return platform
