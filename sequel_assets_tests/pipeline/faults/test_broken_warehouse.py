"""A warehouse that fails in the middle: locked, full, disconnected."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.run import company_run
from sequel_assets.sandbox import Fault
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.faults.busy import SLICES
from sequel_assets_tests.support.harness import (
    DAYS,
    PlatformUnderTest,
    failures,
)

BUSY_SECONDS = 0.05


def run_with(it: PlatformUnderTest, monkeypatch: pytest.MonkeyPatch, spoil: object, repair: object) -> list[object]:
    """Refresh day by day, spoil the warehouse after the first slices, repair it at the end; return the outcomes."""
    monkeypatch.setattr("sequel_assets.refresh.usage.load.MAX_DAYS", 1)
    monkeypatch.setattr("sequel_assets.refresh.run.refresher.COMPANIES_AT_ONCE", 1)
    monkeypatch.setattr(company_run, "DAYS_AHEAD", 1)
    it.sandbox.faults.script("*/top-participants", Fault("slow", seconds=0.02), 500)
    outcomes = []
    for outcome in it.refresher().refresh({"root": DAYS, "kid": DAYS}):
        outcomes.append(outcome)
        if len(outcomes) == 2:
            spoil()  # type: ignore[operator]
    repair()  # type: ignore[operator]
    it.sandbox.faults.clear()
    return outcomes


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_warehouse_that_is_locked_in_the_middle_fails_the_slices_by_name(
    it: PlatformUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half-written, and the next refresh mends all.

    Each company waits for its days and for its note, the roll-ups once; on a busy machine one may be through before the lock.
    """
    patient, it.warehouse = it.warehouse, Warehouse(str(it.warehouse.url), busy_seconds=BUSY_SECONDS)
    other = Warehouse(str(it.warehouse.url))
    held = other.engine.connect().execution_options(write=True)
    refused = []

    @sa.event.listens_for(it.warehouse.engine, "handle_error")
    def _refused(_: sa.ExceptionContext) -> None:
        refused.append(1)

    outcomes = run_with(it, monkeypatch, held.begin, held.close)
    other.dispose()
    it.warehouse.dispose()
    it.warehouse = patient
    assert 1 < len(refused) <= 2 * len(it.world.companies) + 1
    assert_named(it, outcomes, "is locked by another process")


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_disk_that_is_full_in_the_middle_fails_the_slices_by_name(
    it: PlatformUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise."""
    limit = [2_000_000]

    def spoil() -> None:
        with it.warehouse.read() as connection:
            limit[0] = int(connection.scalar(sa.text("PRAGMA page_count")) or 0)

    @sa.event.listens_for(it.warehouse.engine, "begin")
    def _limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit[0]}")

    def repair() -> None:
        limit[0] = 2_000_000

    outcomes = run_with(it, monkeypatch, spoil, repair)
    assert_named(it, outcomes, "is on a full disk")


@pytest.mark.scenario
@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_server_that_drops_its_connections_fails_the_slices_by_name(
    it: PlatformUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise, for one transaction on PostgreSQL; later ones connect again."""

    def spoil() -> None:
        with it.warehouse.write() as connection:
            connection.execute(sa.text("ALTER TABLE event_participants RENAME TO away"))

    def repair() -> None:
        with it.warehouse.write() as connection:
            connection.execute(sa.text("ALTER TABLE away RENAME TO event_participants"))

    outcomes = run_with(it, monkeypatch, spoil, repair)
    assert_named(it, outcomes, "lacks a table (42P01, event_participants)")


def assert_named(it: PlatformUnderTest, outcomes: list[object], words: str) -> None:
    """Some slices failed with those words, what was written is the truth, and one refresh more mends the rest."""
    bad = [outcome for outcome in outcomes if outcome.verdict is SliceStatus.FAILED]  # type: ignore[attr-defined]
    assert bad
    assert any(words in outcome.reason for outcome in bad)
    assert len({(o.company_id, o.dataset, o.day) for o in outcomes}) == SLICES  # type: ignore[attr-defined]
    assert failures(it.refresh()) == []
    it.assert_true()
    assert it.problems() == []
