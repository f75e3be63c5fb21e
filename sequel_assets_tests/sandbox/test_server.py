"""The server: quick up and down, concurrent, logged, steered from outside, and a good program in the foreground."""

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sequel_assets.sandbox import (
    Attendance,
    Clock,
    Company,
    Credentials,
    Event,
    Person,
    PortTakenError,
    Sandbox,
    World,
)
from sequel_assets_tests.sandbox.conftest import NOW, at, small_world

PROGRAM = """
import sys
from sequel_assets.sandbox import Sandbox, WorldSpec, build_world, serve_forever
serve_forever(Sandbox(build_world(WorldSpec(days=2)), port=int(sys.argv[1])), verbose=True)
"""


def test_the_environment_is_what_a_client_needs(serve):
    """SEQUEL_NOW only while the clock is pinned."""
    sandbox = serve(credentials=Credentials("id", "secret", "aud"))
    expected = {
        "SEQUEL_API_URL": f"http://127.0.0.1:{sandbox.port}",
        "SEQUEL_ANALYTICS_URL": f"http://127.0.0.1:{sandbox.port}",
        "SEQUEL_CLIENT_ID": "id",
        "SEQUEL_CLIENT_SECRET": "secret",
        "SEQUEL_AUDIENCE": "aud",
        "SEQUEL_COMPANY_ID": "root",
    }
    assert sandbox.environment() == {**expected, "SEQUEL_NOW": "2026-03-02T14:20:00Z"}
    sandbox.clock = Clock(NOW, speed=60)
    assert sandbox.environment() == expected


def test_every_request_is_logged_and_counted(client):
    """Method, path and query as sent, status, fault, the sandbox's time."""
    client.sandbox.requests.clear()
    client.participants("e 1", limit="1")
    (logged,) = client.sandbox.requests
    assert (logged.method, logged.path, logged.query, logged.status, logged.fault, logged.at) == (
        "GET",
        "/api/analytics/user-engagement/events/e%201/top-participants",
        "limit=1",
        404,
        None,
        NOW,
    )
    assert (client.sandbox.requests.count, len(client.sandbox.requests), client.sandbox.requests[-1]) == (1, 1, logged)


def test_a_sandbox_starts_and_stops_in_a_moment_and_leaves_nothing(serve):
    """No thread, no port; often enough to be cheap."""
    before = threading.active_count()
    for _ in range(5):
        with Sandbox(small_world()) as sandbox:
            port = sandbox.port
            httpx.get(f"{sandbox.url}/sandbox/state")
    assert threading.active_count() == before
    with socket.socket() as plug:
        assert plug.connect_ex(("127.0.0.1", port)) != 0


def test_latency_is_waited_side_by_side(serve, connect):
    """Ten requests at once take about as long as one, not as ten."""
    client = connect(serve(latency_ms=100))
    with ThreadPoolExecutor(10) as pool:
        began = time.perf_counter()
        answers = list(pool.map(lambda _: client.participants("e1").status_code, range(10)))
        took = time.perf_counter() - began
    assert (answers, 0.1 <= took < 0.9) == ([200] * 10, True)


def test_totals_that_were_asked_before_cost_little_however_many_people_there_are(serve, connect):
    """`limit=1` of 3,000 people again costs about what it costs of 3."""

    def crowd(people: int) -> list[Attendance]:
        return [Attendance(Person(f"P{i}", f"p{i}@x.org"), [(at(1, 9), 60)]) for i in range(people)]

    events = [Event(f"e{n}", "c", "E", at(1, 9), at(1, 10), attendance=crowd(n)) for n in (3, 3000)]
    client = connect(serve(World([Company("c", "C")], events, now=NOW)))

    def seconds(event_id: str) -> float:
        client.participants(event_id, limit="1")
        times = []  # the quickest of many: others may be at work on this machine
        for _ in range(40):
            began = time.perf_counter()
            client.participants(event_id, limit="1")
            times.append(time.perf_counter() - began)
        return min(times)

    assert seconds("e3000") < 6 * seconds("e3")


def test_a_taken_port_is_one_clear_line(serve):
    """Also as a program of its own."""
    taken = serve().port
    with pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1:{taken}: Address already in use; choose"):
        Sandbox(small_world(), port=taken).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_says_what_to_export_and_ends_cleanly(number):
    """Address, variables, a line per request; exit code 0 on SIGINT and SIGTERM."""
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = [program.stdout.readline().strip() for _ in range(9)]
    exports = dict(line.removeprefix("export ").split("=", 1) for line in said[2:])
    assert said[0].startswith("Sandbox of 4 companies, ")
    assert sorted(exports) == [
        "SEQUEL_ANALYTICS_URL",
        "SEQUEL_API_URL",
        "SEQUEL_AUDIENCE",
        "SEQUEL_CLIENT_ID",
        "SEQUEL_CLIENT_SECRET",
        "SEQUEL_COMPANY_ID",
        "SEQUEL_NOW",
    ]
    assert httpx.get(f"{exports['SEQUEL_API_URL']}/api/v1/company/x?a=b", timeout=60).status_code == 401
    program.send_signal(number)
    out, errors = program.communicate(timeout=10)
    assert (out.split()[1:4], errors, program.returncode) == (["401", "GET", "/api/v1/company/x?a=b"], "", 0)


def test_it_is_steered_from_outside(client):
    """State, clock, faults, restatement, requests: without signing in, and not in the log."""
    http = client.http
    del http.headers["Authorization"]
    state = http.get("/sandbox/state").json()
    assert state == {
        "now": "2026-03-02T14:20:00.000Z",
        "analyticsBefore": "2026-03-02T14:00:00.000Z",
        "speed": 0.0,
        "rootCompanyId": "root",
        "companies": 3,
        "events": 3,
        "requests": 1,
        "scriptedFaultsLeft": 0,
    }
    assert http.post("/sandbox/clock", json={"set": "2026-03-03T10:00:00Z", "advance": 3600}).json() == {
        **state,
        "now": "2026-03-03T11:00:00.000Z",
        "analyticsBefore": "2026-03-03T11:00:00.000Z",
    }
    script = [{"path": "*/company/*", "fault": "http_503", "times": 1}, {"path": "*/event/*", "fault": "http_502"}]
    assert http.post("/sandbox/faults", json={"script": script}).json()["scriptedFaultsLeft"] == 1
    assert [http.get(f"/api/v1/{path}/x").status_code for path in ("company", "company", "event", "event")] == [
        503,
        401,
        502,
        502,
    ]
    assert http.post("/sandbox/faults", json={"clear": True, "rates": {"http_500": 1}}).status_code == 200
    assert http.get("/api/v1/event/x").status_code == 500
    http.post("/sandbox/faults", json={"clear": True})
    assert http.post("/sandbox/restate", json={"eventId": "h1", "minutes": -2}).status_code == 200
    assert len(list(client.sandbox.world.minutes("h1"))) == 10
    log = http.get("/sandbox/requests?last=2").json()
    assert (log["count"], [entry["status"] for entry in log["requests"]]) == (6, [502, 500])
    assert http.post("/sandbox/clock", json={"speed": 60}).json()["speed"] == 60


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"set": "noon"}),
        ("clock", {"speed": -1}),
        ("faults", {"rates": {"oops": 1}}),
        ("faults", {"script": [{"path": "*", "fault": "oops"}]}),
        ("restate", {"eventId": "nobody", "minutes": 1}),
        ("restate", []),
    ],
)
def test_steering_wrongly_is_a_400_that_says_why(client, path, body):
    """And changes nothing."""
    answer = client.http.post(f"/sandbox/{path}", json=body)
    assert (answer.status_code, answer.json()["hasError"]) == (400, True)
    assert client.participants("e1").status_code == 200


def test_a_world_can_be_exchanged_under_a_running_server(client):
    """Quicker than another sandbox."""
    world = small_world()
    world.rename_event("e1", "Other")
    client.sandbox.world = world
    assert client.participants("e1").json()["eventName"] == "Other"
