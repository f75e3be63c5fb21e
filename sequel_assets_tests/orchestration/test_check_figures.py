"""What a check says beside right or wrong: how much it looked at, how far that goes, and the worst by name."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.orchestration.conftest import ON_REFRESHED
from sequel_assets_tests.support.small_world import ACME, DAYS, ROOT
from sequel_assets_tests.support.stage import Stage

pytestmark = pytest.mark.slow


def figures(stage: Stage) -> dict[tuple[str, str], dict[str, Any]]:
    """The metadata of each check that the checks' job ran."""
    return {
        (event.asset_key.to_user_string(), event.check_name): {
            name: value.value for name, value in event.metadata.items()
        }
        for event in stage.run("run_checks").get_asset_check_evaluations()
    }


@ON_REFRESHED
def test_each_check_says_how_much_it_looked_at_also_when_it_is_right(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices, companies, how far they go; what is late is named with the worst of it."""
    told = figures(stage)
    through = datetime(2026, 3, 3, 15, tzinfo=UTC).timestamp()
    keys = sorted((stage.key(company), company) for company in stage.ordered)
    table = "\n".join(
        [
            "| company | slices | final | data through |",
            "| --- | --- | --- | --- |",
            *(f"| {key} | 3 | 0 | 2026-03-03 15:00 |" for key, _ in sorted(keys, key=lambda one: one[1])),
        ]
    )
    looked_at = {"slices": 9, "data_through": through, "by_company": table}
    assert told["event_participants", "control_totals"] == {**looked_at, "wrong": 0}
    assert told["daily_usage", "derived_from_current_facts"] == {**looked_at, "wrong": 0}
    assert {
        name: told["daily_usage", "fresh_by_the_hour"][name] for name in (*looked_at, "late_slices", "companies")
    } == {
        **looked_at,
        "late_slices": 0,
        "companies": 3,
    }
    monkeypatch.setenv("SEQUEL_NOW", "2026-03-03T18:40:00Z")
    with stage.warehouse.write() as connection:
        connection.execute(
            event_participants.update().where(event_participants.c.day == DAYS[0]).values(live_minutes=1)
        )
    later = figures(stage)
    assert later["daily_usage", "fresh_by_the_hour"]["worst"] == (
        f"{stage.key(stage.ordered[0])} 2026-03-03: owes 2026-03-03 18:00, covers 2026-03-03 15:00, 3 hours behind"
    )
    assert later["event_participants", "control_totals"]["wrong"] == 1
    assert {ACME, ROOT} <= set(stage.ordered)
