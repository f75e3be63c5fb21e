"""Landed: every landed dataset of 100 events x 200 people, sandbox at 20 ms, against a plain sequential client.

The plain client fetches three of the datasets (events, registrants, user activity) as a simple script would: one
connection, one request after the other, pages of 100, everything each time. The next hour is an active hour: today, for
the events that may have minutes now. `bench hour` times a full hour too.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bench.support.world import LATE_WINDOW, LATENCY_MS, PERSON_KEY, SETTLE, Bench, bench, days_to, in_a_process, move
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.refresh.run.refresher import Days, Refresher
from sequel_assets.sequel.paths import Paths

HEADINGS = ("what", "requests", "seconds", "requests x latency / concurrency, s", "plain client's wall / this")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
DAYS, EVENTS_PER_DAY, PEOPLE = 10, 10, 200
OPTIONS = ("--companies", "1", "--days", str(DAYS), "--events-per-day", str(EVENTS_PER_DAY), "--people", str(PEOPLE))
"""The sandbox's world."""
AT_ONCE = (8, 32)
PATHS = Paths()


def run() -> Iterator[tuple[str, int, float, float, float | str]]:
    """Yield a row for the plain client, and for a backfill and an hourly refresh at each concurrency."""
    with in_a_process(*OPTIONS, "--latency-ms", str(LATENCY_MS), "--now", NOW.isoformat()) as account:
        requests, plain = _plain(account)
        yield "plain client, three datasets", requests, plain, requests * LATENCY_MS / 1000, ""
        for at_once in AT_ONCE:
            with bench(account, NOW, DAYS, concurrency=at_once) as b:
                for what, later in (("backfill, all landed datasets", 0), ("the next hour, active", 1)):
                    before, now = b.requests, NOW + timedelta(hours=later)
                    move(account, now)
                    took = _refresh(b, now, at_once, is_hourly=bool(later))
                    requests = b.requests - before
                    bound = requests * LATENCY_MS / 1000 / at_once
                    yield f"{what}, {at_once} at once", requests, took, bound, plain / took


def _refresh(b: Bench, now: datetime, at_once: int, *, is_hourly: bool) -> float:
    companies = b.walk()
    rules = RefreshConfig(b.start, SETTLE, LATE_WINDOW, at_once, PERSON_KEY)
    refresher = Refresher(b.client, b.warehouse, lambda: now, rules)
    days: Days = {NOW.date(): DayCoverage.ACTIVE} if is_hourly else days_to(NOW, DAYS)
    began = time.perf_counter()
    outcomes = list(refresher.refresh({company.company_id: days for company in companies}))
    took = time.perf_counter() - began
    assert outcomes
    assert all(outcome.is_good for outcome in outcomes)
    return took


def _plain(account: dict[str, str]) -> tuple[int, float]:
    """Return the requests and the seconds of a script that fetches three datasets, one request after the other."""
    url, began, requests = account["SEQUEL_API_URL"], time.perf_counter(), 0
    names = ("client_id", "client_secret", "audience")
    grant = {name: account[f"SEQUEL_{name.upper()}"] for name in names} | {"grant_type": "client_credentials"}
    client = httpx.Client(base_url=url)
    token = client.post(PATHS.token, json=grant).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"

    def fetch(method: str, path: str, **params: int) -> Any:
        nonlocal requests
        requests += 1
        return client.request(method, path, params=params).raise_for_status().json()

    events = fetch("GET", PATHS.events.format(company_id=account["SEQUEL_COMPANY_ID"]))
    for event in events:
        fetch("GET", PATHS.registrants.format(event_id=event["uid"]))
        page, items = 0, 100
        while items == 100:
            page += 1
            activity = fetch("POST", PATHS.user_activity.format(event_id=event["uid"]), count=100, page=page)
            items = len(activity["items"])
    client.close()
    return requests + 1, time.perf_counter() - began
