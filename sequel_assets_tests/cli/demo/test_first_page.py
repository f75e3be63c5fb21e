"""Which page of Dagster the demo begins with, and when it opens it."""

from datetime import date

import pytest

from sequel_assets.cli.demo.first_page import can_show, first_page
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED, folder_of_refresh, stage
from sequel_assets_tests.support.small_world import ACME, BOLT, DAYS, NOW
from sequel_assets_tests.support.stage import Stage

__all__ = ["folder_of_refresh", "stage"]


@pytest.mark.slow
@ON_REFRESHED
def test_the_page_is_the_newest_day_that_is_over_of_the_company_with_most_minutes(stage: Stage) -> None:
    """That slice has a chart and figures; where no day is over yet, the page of all slices."""
    with stage.warehouse.read() as connection:
        shown = first_page(connection, NOW.date())
        none = first_page(connection, date(2026, 1, 1))
    keys = [f"{stage.key(company)}%7C{day}" for company in (ACME, BOLT) for day in DAYS[:-1]]
    assert none == "/assets/daily_usage?view=partitions"
    assert shown.removeprefix(f"{none}&partition=") in keys
    (dataset, day) = ("daily_usage", date.fromisoformat(shown[-10:]))
    company = next(one for one in (ACME, BOLT) if stage.key(one) in shown)
    assert stage.latest(dataset, company, day)["last_30_days"]


@pytest.mark.parametrize(
    ("environment", "platform", "is_terminal", "shown"),
    [
        ({"DISPLAY": ":0"}, "linux", True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, True),
        ({"DISPLAY": ":0"}, "linux", False, False),
        ({"DISPLAY": ""}, "linux", True, False),
        ({}, "linux", True, False),
        ({}, "darwin", True, True),
        ({}, "darwin", False, False),
    ],
)
def test_a_browser_is_opened_only_for_somebody_at_a_terminal_with_a_screen(
    environment: dict[str, str], platform: str, is_terminal: bool, shown: bool
) -> None:
    """Without a screen a browser of the terminal would take the terminal."""
    assert can_show(environment, platform, is_terminal=is_terminal) is shown
