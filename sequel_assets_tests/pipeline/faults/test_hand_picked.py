"""What can be wrong at once with everything: sign-in, the host, the token, a quota, the database."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.refresh.run import company_run
from sequel_assets.refresh.run.plan import PlanStep
from sequel_assets.sandbox import Fault, Sandbox
from sequel_assets.sequel import SequelClient, SignInRefused, Unreachable
from sequel_assets.warehouse.tables.core import NO_DAY
from sequel_assets_tests.pipeline.faults.busy import SLICES
from sequel_assets_tests.support.harness import (
    DAYS,
    PlatformUnderTest,
    client_of,
    day,
    failures,
)
from sequel_assets_tests.support.reference import assert_equal_tables, dump_of_slices, read_tables

OF_PARTICIPANTS = {insight.name for insight in INSIGHTS if "event_participants" in insight.sources}
"""What is derived from the minutes of people."""


def assert_all_failed_and_repaired(
    it: PlatformUnderTest, client: SequelClient, kind: type[Exception], words: str
) -> None:
    """Every slice fails with those words, a problem says so at each company, and a good client mends all."""
    good, it.client = it.client, client
    refresher = it.refresher()
    outcomes = list(refresher.refresh({"root": DAYS, "kid": DAYS}))
    assert len(outcomes) == SLICES
    assert {outcome.verdict for outcome in outcomes} == {SliceStatus.FAILED}
    assert all(words in outcome.reason for outcome in outcomes)
    assert isinstance(refresher.fatal, kind)
    assert [p[:4] for p in it.problems()] == [(c, "event_participants", NO_DAY, "") for c in ("kid", "root")]
    assert all(p[4].startswith("its refresh was broken off: ") and words in p[4] for p in it.problems())
    it.client = good
    assert failures(it.refresh()) == []
    it.assert_true()
    assert it.problems() == []


def test_a_sign_in_that_is_refused_ends_the_run_for_all(it: PlatformUnderTest) -> None:
    """One reason, for every slice of every company; nothing is written."""
    config = replace(it.client.config, client_secret="wrong")
    with SequelClient(config, sleep=lambda _: None) as client:
        assert_all_failed_and_repaired(it, client, SignInRefused, "refuses")


def test_a_host_that_is_not_there_ends_the_run_for_all(it: PlatformUnderTest) -> None:
    """Likewise, named by its address."""
    with Sandbox(it.world) as gone:
        client = client_of(gone, quick=True)
    with client:
        assert_all_failed_and_repaired(it, client, Unreachable, "127.0.0.1")


def test_a_host_that_goes_away_in_the_middle_leaves_nothing_half_written(it: PlatformUnderTest) -> None:
    """What was committed is the truth; the rest has its outcome."""
    with Sandbox(it.world) as second:
        good, it.client = it.client, client_of(second, quick=True)
        refresher = it.refresher()
        outcomes = []
        second.faults.script("*/top-participants", Fault("slow", seconds=0.01), 400)
        for outcome in refresher.refresh({"root": DAYS, "kid": DAYS}):
            outcomes.append(outcome)
            if len(outcomes) == 1:
                second.stop()
    it.client.close()
    it.client = good
    assert len({(o.company_id, o.dataset, o.day) for o in outcomes}) == SLICES
    assert failures(it.refresh()) == []
    it.assert_true()
    assert it.problems() == []


def test_a_token_that_dies_in_the_middle_costs_nothing(it: PlatformUnderTest) -> None:
    """Every token is revoked at once, while several requests are under way."""
    it.sandbox.faults.script("*/events/e/top-participants?*engagementType=onDemand*", "revoke_tokens")
    assert failures(it.refresh()) == []
    assert it.sandbox.faults.pending == 0
    it.assert_true()


def test_a_minute_of_429_is_waited_out(it: PlatformUnderTest) -> None:
    """A minute of the client's clock, which its sleeping moves; no slice fails."""
    lock, slept = threading.Lock(), [0.0]

    def sleep(seconds: float) -> None:
        with lock:
            slept[0] += seconds
            if slept[0] >= 60:
                it.sandbox.faults.clear()

    config = replace(it.client.config, retry_budget_seconds=120.0)
    it.sandbox.faults.always("*", "http_429_retry_after")
    with SequelClient(config, sleep=sleep, monotonic=lambda: slept[0]) as client:
        it.client = client
        assert failures(it.refresh(walk=True)) == []
    assert slept[0] >= 60
    it.assert_true()


def test_a_mistake_of_ours_fails_its_company_alone(it: PlatformUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names kind and place, and nothing of what it was about."""
    real = company_run.Extraction.days

    def broken(self: company_run.Extraction, step: PlanStep) -> object:
        if self._plan.events.company_id == "kid":
            raise KeyError("ada@example.org")
        return real(self, step)

    monkeypatch.setattr(company_run.Extraction, "days", broken)
    outcomes = list(it.refresher().refresh({"root": DAYS, "kid": DAYS}))
    assert {(o.company_id, o.dataset) for o in outcomes if not o.is_good} == {
        *(("kid", dataset.name) for dataset in SLICED),
        ("root", "company_rollup"),
    }
    assert {(o.verdict, o.reason) for o in outcomes if o.company_id == "root" and not o.is_good} == {
        (SliceStatus.WAITING, f"kid has no event_participants and event_concurrency of {n} yet") for n in DAYS
    }
    assert all(
        "an unexpected KeyError at test_hand_picked.py" in o.reason for o in outcomes if o.verdict is SliceStatus.FAILED
    )
    assert "ada@" not in str(outcomes) + str(it.problems())
    monkeypatch.undo()
    assert failures(it.refresh()) == []
    it.assert_true()


def test_a_capped_list_fails_its_slice_and_says_so(it: PlatformUnderTest) -> None:
    """The other days stand; older rows stay."""
    it.refresh()
    before = dump_of_slices(it.warehouse)
    it.sandbox.faults.always(
        "*/events/e/top-participants?*startDate=2026-03-03&endDate=2026-03-03*", Fault("capped", rows=1)
    )
    bad = failures(it.refresh())
    assert {(company, dataset, when) for company, dataset, when, _ in bad} == {
        ("kid", dataset, day(3)) for dataset in ("event_participants", *OF_PARTICIPANTS)
    }
    assert (
        "the onDemand list does not add up: 1 people with 3 minutes listed, 2 with 6 expected: Sequel caps the list"
        in bad[0][3]
    )
    assert_equal_tables(dump_of_slices(it.warehouse), before)
    assert [p[:4] for p in it.problems()] == [("kid", "event_participants", day(3), "e")]


def test_an_event_whose_analytics_are_404_though_it_is_listed_fails_by_name(it: PlatformUnderTest) -> None:
    """Every day of it that was asked, and of no other company but what counts over both."""
    it.sandbox.faults.always("*/events/e/top-participants*", "http_404")
    bad = failures(it.refresh())
    assert {(company, dataset) for company, dataset, *_ in bad} == {
        *(("kid", dataset) for dataset in ("event_participants", *OF_PARTICIPANTS)),
        ("root", "company_rollup"),
    }
    assert {p[1:] for p in it.problems() if p[1] == "event_participants"} == {
        ("event_participants", n, "e", "Sequel answers 404 for its analytics, though it still knows the event")
        for n in DAYS
    }
    assert read_tables(it.warehouse)["events"] == [
        ("kid", "e", "virtualStageEvent"),
        ("root", "f", "virtualStageEvent"),
    ]
