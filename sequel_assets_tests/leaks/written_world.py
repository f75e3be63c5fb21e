"""Everything that the platform writes about a planted world in which everything fails at times."""

from __future__ import annotations

import json
import logging
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from sequel_assets.sandbox import HUB, Attendance, Clock, Company, Event, Person, Room, Sandbox, World
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.leaks.front import Front, standing_before
from sequel_assets_tests.leaks.planting import ERRORS, EVENT_STEM, email, person, said
from sequel_assets_tests.support.commands.calls import call_in_process, environment, run_command, variables
from sequel_assets_tests.support.small_world import NOW, ROOT, at
from sequel_assets_tests.webhooks.receiver import harness

RANGE = ["--from", "2026-03-01", "--to", "2026-03-01"]
FAULTY_COMPANIES, EVENTS_EACH, COMPANIES = 3, 12, 6
OF_EVENTS = ("participants", "concurrency", "user_activity", "available_replays", "event_interactions", "registrants")
OF_COMPANIES = ("company", "sub_companies", "events")
KINDS = list(ERRORS)


def talk(number: int, name: str) -> dict[str, Any]:
    """Somebody's votes, questions and messages; the poll is called something."""
    who = {"userEmail": email(number), "name": person(number)}
    return {
        "polls": [
            {"pollId": "p", "question": f"{name}?", "options": [{"optionId": "o", "text": name}],
             "answers": [{**who, "optionId": "o", "answeredAt": "2026-03-01T09:10:00Z"}]}
        ],
        "questions": [{"questionId": "q", **who, "text": said(number), "askedAt": "2026-03-01T09:11:00Z", "upvotes": 1}],
        "chat": [{"messageId": "m", **who, "text": said(number), "sentAt": "2026-03-01T09:12:00Z"}],
        "reactions": [{"emoji": "x", "count": 2, "minute": 1}],
    }  # fmt: skip


def one_event(event_id: str, company_id: str, number: int, **more: Any) -> Event:
    """An event with four people of its own, called by a name that must stay within as well."""
    people = [Person(f"{person(number + n)} Öz", email(number + n)) for n in range(4)]
    rows = [Attendance(who, live=[(at(1, 9), 10 + n)]) for n, who in enumerate(people)]
    name = f"{EVENT_STEM}{number:04} by {person(number)}"
    return Event(event_id, company_id, name, at(1, 9), at(1, 10), attendance=rows, talk=talk(number, name), **more)


def planted_world() -> World:
    """The root, a company where all is well, three of whose events every call may fail, and some that fail as a whole."""
    companies = [Company(ROOT, "Root"), *(Company(f"c{n}", f"Company {n}", ROOT) for n in range(COMPANIES))]
    events, number = [one_event("well", "c0", 5000)], 6000
    for company in range(1, 1 + FAULTY_COMPANIES):
        for place in range(EVENTS_EACH):
            hub = {"hub_id": f"h{company}"} if place == 0 else {}
            events.append(one_event(f"e{company}-{place}", f"c{company}", number, **hub))
            number += 10
        name = f"{EVENT_STEM}{number:04}"
        rows = [Attendance(Person(person(number), email(number)), live=[(at(1, 11), 9)])]
        events.append(
            Event(f"h{company}", f"c{company}", name, at(1, 11), at(1, 12), HUB, rows, rooms=[Room(f"{name} room", 4)])
        )
        number += 10
    return World(companies=companies, events=events, now=NOW)


def chosen(endpoint: str, an_id: str) -> str | None:
    """Which error an endpoint gives: another one for each event, so that each endpoint gives all of them."""
    if an_id[:1] in "eh" and "-" in an_id and endpoint in OF_EVENTS:
        company, place = (int(part) for part in an_id[1:].split("-"))
        return KINDS[((company - 1) * EVENTS_EACH + place + 4 * OF_EVENTS.index(endpoint)) % len(KINDS)]
    if an_id.startswith("h") and endpoint in {"hub", "hub_participants"}:
        return KINDS[(3 * int(an_id[1:]) + (endpoint == "hub")) % len(KINDS)]
    if an_id.startswith("c") and endpoint in OF_COMPANIES and int(an_id[1:]) > FAULTY_COMPANIES:
        place = int(an_id[1:]) - FAULTY_COMPANIES
        return KINDS[(2 * place + 7 * OF_COMPANIES.index(endpoint)) % len(KINDS)] if endpoint != "company" else None
    return None


@dataclass
class Written:
    """All that a day of work has written, and what proves that people were told at all."""

    folder: Path
    front: Front
    texts: dict[str, str] = field(default_factory=dict)
    """What commands printed, alerts said, the receiver answered and logged."""
    debug_file: bytes = b""


@contextmanager
def alerts_arriving() -> Iterator[tuple[str, list[str]]]:
    """An address that alerts are sent to, and what arrives there."""
    received: list[str] = []

    class AlertHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), AlertHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"json://127.0.0.1:{server.server_address[1]}/", received
        server.shutdown()
        thread.join()


def both(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def checks_and_alerts(home: Path, env: dict[str, str]) -> str:
    """Execute the checks on what the backfill left in Dagster's home, tick the sensor `alerts`; what arrived."""
    from sequel_assets import settings
    from sequel_assets.orchestration import partitions
    from sequel_assets.orchestration.alerts import sensor as alert_sensor
    from sequel_assets.orchestration.assets.slices import refresh_asset
    from sequel_assets.orchestration.checks import availability, freshness, integrity
    from sequel_assets.orchestration.resources import Observer, Platform
    from sequel_assets.orchestration.schedules import schedules

    with (
        alerts_arriving() as (address, received),
        variables(env | {"SEQUEL_ALERT_URLS": address, "DAGSTER_HOME": str(home)}),
    ):
        sensor = alert_sensor.alerts_sensor()
        made = dg.Definitions(
            assets=[refresh_asset(partitions.slice_partitions(settings.load()))],
            asset_checks=[
                integrity.control_totals_check(), availability.completeness_check(), availability.availability_checks(),
                integrity.derivation_checks(), freshness.freshness_checks(),
            ],
            jobs=[schedules.slices_job(), schedules.checks_job()],
            sensors=[sensor],
            resources={"platform": Platform(), "observer": Observer()},
            executor=dg.in_process_executor,
        )  # fmt: skip
        with dg.DagsterInstance.from_config(str(home)) as instance:
            made.resolve_job_def("run_checks").execute_in_process(instance=instance, raise_on_error=False)
            with dg.build_sensor_context(instance=instance, definitions=made) as context:
                told = sensor.evaluate_tick(context)
        return "\n".join([*received, str(told)])


def deliveries(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Send the receiver what names people in every place, good and bad; its answers and its log."""
    warehouse = Warehouse(f"sqlite:///{folder / 'receiver.db'}")
    from sequel_assets.warehouse.schema import migrate

    migrate(warehouse)
    harness.settle_companies(warehouse)
    harness.subscribe(warehouse)
    people = [
        {"name": person(7000 + n), "email": email(7000 + n), "userId": f"{person(7000 + n)}|||e"} for n in range(20)
    ]
    good = harness.delivery(details={"users": people, "companyName": said(7030), "eventName": said(7031)})
    bodies = [
        json.dumps(good), json.dumps(good)[:-9], said(7040), json.dumps(said(7041)), json.dumps([good]),
        json.dumps(harness.delivery(f"{person(7042)}\u0000")), json.dumps(harness.delivery(details={"eventId": [said(7043)]})),
        json.dumps(harness.delivery(timestamp=said(7044))), json.dumps(harness.delivery(eventType=said(7045))),
        json.dumps({**good, "details": said(7046)}), f'{{"{person(7047)}": 1, "{person(7047)}": 2}}',
        json.dumps(harness.delivery(details={"companyId": said(7048)})), json.dumps({**good, "timestamp": {person(7049): 1}}),
    ]  # fmt: skip
    told = []
    with caplog.at_level(logging.DEBUG), harness.serving(harness.receiver(warehouse)) as port:
        for place, body in enumerate(bodies):
            for key in (harness.KEY, person(7050 + place)):
                url = f"http://127.0.0.1:{port}/hooks/{harness.CAPABILITY}"
                answer = httpx.post(
                    url,
                    content=body.encode(),
                    headers={harness.HEADER: key, "x-user": email(7070)},
                    trust_env=False,
                    timeout=60,
                )
                told.append(f"{answer.status_code} {answer.text}")
        told.append(httpx.post(f"http://127.0.0.1:{port}/hooks/{person(7080)}", trust_env=False, timeout=60).text)
    warehouse.dispose()
    ours = [
        one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))
    ]  # of this test
    return "\n".join([*told, *ours])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The world with everybody in it."""
    with Sandbox(planted_world(), clock=Clock.pinned(NOW)) as made:
        yield made


@pytest.fixture(scope="module")
def written(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """A backfill where everything fails that can, then what people do afterwards."""
    base = tmp_path_factory.mktemp("leaks")
    folder = base / "checkout"
    (base / "home").mkdir()
    folder.mkdir()
    with standing_before(sandbox.url, chosen) as front:
        url = f"http://127.0.0.1:{front.port}"
        env = environment(sandbox) | {
            "SEQUEL_API_URL": url, "SEQUEL_ANALYTICS_URL": url, "SEQUEL_RETRY_BUDGET_SECONDS": "0",
            "HOME": str(base / "home"), "NO_PROXY": "*", "SEQUEL_DEBUG_ANSWERS": str(base / "answers.jsonl"),
        }  # fmt: skip
        told = Written(folder, front)
        told.texts["backfill"] = both(run_command(["backfill", *RANGE], folder, env, timeout=300, is_fresh=True))
        for name, arguments in {
            "status": ["status"],
            "status --json": ["status", "--json"],
            "changes": ["changes", "--since", "2026-01-01", "--json"],
            "inbox": ["inbox", "--json"],
            "export csv": ["export", *RANGE, "--all", "--format", "csv", "--to-folder", str(folder / "csv")],
            "export parquet": [
                "export",
                *RANGE,
                "--all",
                "--format",
                "parquet",
                "--to-folder",
                str(folder / "parquet"),
            ],
            "exclude": ["exclude", "--company", "c1", "--event", person(9000), "--reason", "x"],
        }.items():
            told.texts[name] = both(call_in_process(arguments, folder, env))
        home = folder / ".sequel" / "dagster"
        told.texts["alerts"] = checks_and_alerts(
            home, env | {"SEQUEL_WAREHOUSE_URL": f"sqlite:///{folder / '.sequel' / 'warehouse.db'}"}
        )
        told.debug_file = (base / "answers.jsonl").read_bytes()
        yield told
