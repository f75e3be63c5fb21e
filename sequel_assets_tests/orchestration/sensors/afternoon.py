"""An afternoon with an event under way, and the inbox's sensors."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import pytest

from sequel_assets.sandbox import Attendance, Company, Event, World
from sequel_assets_tests.orchestration.sensors.webhook_stage import WebhookStage
from sequel_assets_tests.support.reference import KEY
from sequel_assets_tests.support.small_world import ROOT, YVO, ZOE, at
from sequel_assets_tests.support.stage import Stage

TODAY = date(2026, 3, 3)


def afternoon() -> World:
    """Bolt's event goes from 13:30 to 14:20 today, with people who came at 13:30, 13:50 and 14:05."""
    talk = Event(
        "e-talk",
        "bolt",
        "Talk",
        at(3, 13, 30),
        at(3, 14, 20),
        attendance=[Attendance(ZOE, live=[(at(3, 13, 30), 40)]), Attendance(YVO, live=[(at(3, 13, 50), 30)])],
    )
    morning = Event("e-day", "bolt", "Day", at(3, 9), at(3, 9, 30), attendance=[Attendance(ZOE, live=[(at(3, 9), 20)])])
    return World(
        companies=[Company(ROOT, "Root"), Company("bolt", "Bolt", ROOT)], events=[talk, morning], now=at(3, 14, 7)
    )


@contextmanager
def staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World, warehouse_url: str | None = None
) -> Iterator[WebhookStage]:
    """It is 14:20; the hourly run of 14:05 has been."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        made = Stage(tmp_path, stack, world, warehouse_url=warehouse_url)
        monkeypatch.setenv("SEQUEL_PERSON_KEY", KEY)
        monkeypatch.setenv("SEQUEL_START_DATE", TODAY.isoformat())
        stage = WebhookStage(made, monkeypatch)
        stage.at(at(3, 14, 7))
        made.run("refresh_catalog")
        stage.hourly()
        stage.at(at(3, 14, 20))
        yield stage


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, new_database: Callable[..., str]
) -> Iterator[WebhookStage]:
    """That afternoon; on both databases where a test asks for `engine_kind`."""
    kind = request.getfixturevalue("engine_kind") if "engine_kind" in request.fixturenames else "sqlite"
    with staged(tmp_path, monkeypatch, afternoon(), new_database(kind, migrated=True)) as stage:
        yield stage
