"""Other Sequels over one small world: what the doctor finds at each, and the client that it then makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

from sequel_assets.doctor.examination import Examination, ExaminationOptions
from sequel_assets.doctor.judging.findings import Finding
from sequel_assets.refresh.core.config import stored_profile
from sequel_assets.refresh.core.outcomes import Outcome
from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Attendance, Company, Event, Person, Sandbox, Variations, World
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import api_profile
from sequel_assets_tests.support.harness import NOW, PlatformUnderTest, at
from sequel_assets_tests.support.in_process import InProcessTransport

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 6)
DAYS = days_between(FIRST, LAST)
CROWD = [Person(f"P{number:02}", f"p{number:02}@example.org") for number in range(14)]
API, ANALYTICS = "https://api.introvoke.com", "https://analytics.introvoke.com"


def altered_world() -> World:
    """Return a world of three companies whose events show at which hours days begin, and have more than a few people."""
    return World(
        [Company("root", "Root"), Company("kid", "Kid", "root"), Company("far", "Far", "root")],
        [
            _event("early", "kid", at(2, 1), 5),
            _event("late", "kid", at(3, 20), 6),
            _event("big", "root", at(4, 14), 14, replays=[(at(5, 9), 11), (at(6, 9), 7)]),
            _event("far-one", "far", at(3, 10), 3),
        ],
        now=NOW,
    )


def small_world() -> World:
    """Return a company with an early event of one person, and a late one of three with a replay on the next day."""
    return World(
        [Company("root", "Root")],
        [_event("early", "root", at(2, 1), 1), _event("late", "root", at(3, 20), 3, replays=[(at(4, 10), 11)] * 2)],
        now=NOW,
    )


def _event(
    event_id: str, company_id: str, starts: datetime, people: int, replays: Sequence[tuple[datetime, int]] = ()
) -> Event:
    attendance = [
        Attendance(
            person,
            live=[(starts, 20 + number)],
            on_demand=[(start + timedelta(minutes=number), minutes) for start, minutes in replays[: number % 3]],
        )
        for number, person in enumerate(CROWD[:people])
    ]
    return Event(
        event_id, company_id, f"Event {event_id}", starts, starts + timedelta(hours=1), attendance=tuple(attendance)
    )


def config_of(server: Sandbox) -> SequelConfig:
    """Return the configuration of Sequel's own addresses, which the sandbox answers in this process."""
    return SequelConfig(API, ANALYTICS, server.client_id, server.client_secret, server.audience)


def client_at(server: Sandbox, config: SequelConfig, sleep: Callable[[float], None] = lambda _: None) -> SequelClient:
    """Return a client that hardly repeats and never sleeps."""
    config = replace(config, retry_budget_seconds=2)
    return SequelClient(
        config,
        transport=InProcessTransport(server, 2 * config.max_concurrency),
        sleep=sleep,
        wall_clock=lambda: server.clock.now().timestamp(),
    )


def examined(server: Sandbox, **options: object) -> tuple[dict[str, Finding], Examination]:
    """Return what the doctor finds, by check."""

    def open_client(analytics_url: str, max_requests: int, is_load: bool) -> SequelClient:
        attempts = 1 if is_load else 2
        return client_at(
            server,
            replace(config_of(server), analytics_url=analytics_url, max_requests=max_requests, max_attempts=attempts),
        )

    examination = Examination(
        open_client,
        API,
        ANALYTICS,
        "root",
        server.clock.now,
        ExaminationOptions(**options),  # type: ignore[arg-type]
    )
    return {finding.check: finding for finding in examination.run()}, examination


@contextmanager
def backfilled(variations: str, warehouse: Warehouse) -> Iterator[tuple[PlatformUnderTest, list[Outcome]]]:
    """Examine another Sequel, keep what is learned, and refresh all days by it."""
    with Sandbox(altered_world(), variations=Variations.parse(variations)) as server:
        found, _ = examined(server)
        learned = {fact: value for one in found.values() for fact, value in one.learned.items()}
        now = server.clock.now()
        warehouse.change(lambda connection: api_profile.replace(connection, "root", learned, at=now, by="a test"))
        profile = warehouse.ask(stored_profile)
        told = config_of(server)
        config = replace(
            told,
            analytics_url=profile.analytics_url or told.analytics_url,
            end_date_is_included=profile.end_date_is_included,
            activity_unit_seconds=profile.activity_unit_seconds,
        )
        with closing(client_at(server, config)) as client:
            it = PlatformUnderTest(server.world, server, client, warehouse, FIRST)
            yield it, it.refresh(DAYS)
