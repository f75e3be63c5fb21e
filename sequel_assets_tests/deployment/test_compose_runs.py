"""The Compose file's services as real processes: a database, the migration, Dagster, the receiver, until an hour is green."""

from __future__ import annotations

import json
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from sequel_assets.sandbox import Clock, Sandbox, WorldSpec, build_world
from sequel_assets_tests.deployment.compose import DEPLOY, ComposeService, compose_text, named_variables, services
from sequel_assets_tests.deployment.processes import ComposeProcesses
from sequel_assets_tests.support.commands.calls import environment
from sequel_assets_tests.support.postgres import PostgresServer
from sequel_assets_tests.support.served_demo import ask_dagster, free_port
from sequel_assets_tests.webhooks.receiver.harness import SEAL_KEY

GREEN_SECONDS = 400
HOURLY = """{ runsOrError(filter: {tags: [{key: "dagster/schedule_name", value: "hourly_refresh"}]}) {
    ... on Runs { results { status } } } }"""
PASSWORD = "0123456789abcdef"
SECONDS_UNTIL_THE_HOUR = 140
"""Until the schedule fires; Dagster is up before that."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PostgresServer, int]]:
    """A PostgreSQL that listens as the image does, with its user, its database and what its folder of scripts holds."""
    port = free_port()
    monkeypatch.setenv("PGPORT", str(port))  # its socket is named by the port, too
    server = PostgresServer.start(listen_addresses="127.0.0.1", port=str(port))
    try:
        with (server.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all sequel 127.0.0.1/32 scram-sha-256\n")
        server.run("SELECT pg_reload_conf()")
        server.run(f"CREATE ROLE sequel LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        server.run("CREATE DATABASE sequel OWNER sequel ENCODING 'UTF8' TEMPLATE template0")
        made = f"postgresql://sequel:{PASSWORD}@127.0.0.1:{port}/sequel"
        with psycopg.connect(made, autocommit=True) as connection:
            for statement in (DEPLOY / "postgres-init.sql").read_bytes().split(b";\n"):
                connection.execute(statement)
        yield server, port
    finally:
        server.stop()


def settings_of(sandbox: Sandbox, receiver_port: str, now: datetime) -> dict[str, dict[str, str]]:
    """What a user fills into sequel.env and webhooks.env; the hour begins soon, at a minute that is still to come."""
    fires = now + timedelta(seconds=SECONDS_UNTIL_THE_HOUR)
    account = environment(sandbox) | {"SEQUEL_START_DATE": f"{now - timedelta(days=1):%Y-%m-%d}"}
    account["SEQUEL_SETTLE_MINUTES"] = str(fires.minute)
    shared = {
        "SEQUEL_COMPANY_ID": account.pop("SEQUEL_COMPANY_ID"),
        "SEQUEL_WEBHOOK_URL": f"http://127.0.0.1:{receiver_port}/sequel",
        "SEQUEL_WEBHOOK_SECRET_KEY": SEAL_KEY,
    }
    return {"sequel.env": account, "webhooks.env": shared}


@pytest.mark.scenario
@pytest.mark.timeout(900)
def test_an_hour_is_green(tmp_path: Path, server: tuple[PostgresServer, int]) -> None:
    """From an empty database to a green hourly refresh and a webhook that has its effect, by the file's own commands."""
    now = datetime.now(UTC)
    variables = dict.fromkeys(named_variables(compose_text()), "x") | {"POSTGRES_PASSWORD": PASSWORD}
    variables["RECEIVER_WAREHOUSE_URL"] = ""
    by_name = services(variables)
    processes = ComposeProcesses(tmp_path, server[1])
    (processes.home / "dagster").mkdir(mode=0o700)
    shutil.copyfile(DEPLOY / "dagster.yaml", processes.home / "dagster" / "dagster.yaml")
    spec = WorldSpec(seed=7, companies=2, days=2, people=4, hub_every=0, now=now)
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(build_world(spec), clock=Clock(now)))
        for name, told in settings_of(sandbox, processes.ports["receiver"], now).items():
            (tmp_path / name).write_text("".join(f"{key}={value}\n" for key, value in told.items()))
        stack.callback(processes.stop)
        up(processes, by_name)
        webserver = f"http://127.0.0.1:{processes.ports['webserver']}"
        wait_until_green(processes, by_name["code"], webserver)
        assert data_are_there(processes, by_name["code"]) == {"late": 0, "problems": 0, "companies": 2}
        assert a_webhook_arrives(processes, by_name["code"], sandbox) == "accepted"
        receiver = f"http://127.0.0.1:{processes.ports['receiver']}"
        counted = httpx.get(f"{receiver}/metrics", trust_env=False).text
        assert re.search(r'deliveries_total\{result="accepted",status="200"\} [1-9]', counted)
        readable = [path for path in processes.home.rglob("*") if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
        assert [path for path in readable if path.name != "dagster.yaml"] == []
        codes = processes.stop()
    assert codes["receiver"] == 0
    assert codes.keys() == {"migrate", "code", "daemon", "webserver", "receiver"}


def up(processes: ComposeProcesses, by_name: dict[str, ComposeService]) -> None:
    """Start every service of this project as soon as what it waits for is as far as it says."""
    left = [service for service in by_name.values() if service.is_ours]
    done: set[tuple[str, str]] = {("postgres", "service_healthy")}
    while left:
        service = next(one for one in left if set(one.waits_for.items()) <= done)
        left.remove(service)
        processes.start(service)
        if service.healthcheck:
            processes.wait_until_healthy(service)
            done.add((service.name, "service_healthy"))
        else:
            assert processes.running[service.name].wait(120) == 0, processes.log(service.name).read_text()
            done.add((service.name, "service_completed_successfully"))


def wait_until_green(processes: ComposeProcesses, code: ComposeService, webserver: str) -> None:
    """Wait for a run of the hour's schedule that has succeeded, and for a `status` that finds nothing late."""
    until = time.monotonic() + GREEN_SECONDS
    while True:
        runs = ask_dagster(webserver, HOURLY)["runsOrError"]["results"]
        states = [run["status"] for run in runs]
        assert "FAILURE" not in states, processes.log("code").read_text()[-3000:]
        if "SUCCESS" in states and processes.call(code, ["sequel-assets", "status"]).returncode == 0:
            return
        assert time.monotonic() < until, (states, processes.log("daemon").read_text()[-3000:])
        time.sleep(3)


def data_are_there(processes: ComposeProcesses, code: ComposeService) -> dict[str, int]:
    """What `status` says, called as `docker compose exec code` does."""
    told: dict[str, Any] = json.loads(processes.call(code, ["sequel-assets", "status", "--json"]).stdout)
    return {"late": len(told["late"]), "problems": len(told["problems"]), "companies": len(told["companies"])}


def a_webhook_arrives(processes: ComposeProcesses, code: ComposeService, sandbox: Sandbox) -> str:
    """Subscribe, let an event end at the sandbox, and return the verdict that the inbox has of it."""
    done = processes.call(code, ["sequel-assets", "webhooks", "ensure"])
    assert done.returncode == 0, done.stdout + done.stderr
    now = sandbox.clock.now()
    sandbox.end_event(
        next(event.id for event in sandbox.world.events if event.starts_at < now and not event.is_cancelled)
    )
    until = time.monotonic() + 60
    while True:
        found = json.loads(processes.call(code, ["sequel-assets", "inbox", "--json"]).stdout)["hints"]
        if found:
            return str(found[0]["verdict"])
        assert time.monotonic() < until, processes.log("receiver").read_text()
        time.sleep(1)
