"""A company that does not answer delays and fails no other."""

from __future__ import annotations

import threading

import httpx
import pytest

from sequel_assets.refresh.core import bounded_wait
from sequel_assets.refresh.coverage.due_days import DayCoverage
from sequel_assets.sandbox import Attendance, Company
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.pipeline.discovery.listed import SQLITE, TWO, Answers, hide, minutes, said, several
from sequel_assets_tests.support.harness import ADA, at, day, event, failures, platform, world_of


@pytest.mark.scenario
@SQLITE
def test_a_403_on_the_events_of_a_company_is_asked_once_more_and_named(warehouse: Warehouse) -> None:
    """No budget of retries is spent; the others are done, and the next hour asks again."""
    with platform(world_of(*several(1), *several(1, "root")), warehouse, start=day(7)) as it:
        it.sandbox.faults.script("/api/v1/company/kid/events*", "http_403")
        assert failures(it.refresh(TWO)) == []
        it.sandbox.faults.always("/api/v1/company/kid/events*", "http_403")
        it.sandbox.requests.clear()
        bad = failures(it.refresh(TWO))
        asked = [one.path for one in it.sandbox.requests if one.path == "/api/v1/company/kid/events"]
        assert (len(asked), it.client.stats.retries) == (2, 0)
        assert {one[0] for one in bad} == {"kid"}
        assert said(it)["kid", "events", ""].startswith("its events cannot be listed: access is forbidden (403)")
        it.sandbox.faults.clear()
        assert failures(it.refresh(TWO)) == []
        assert it.problems() == []


class HangingTransport(httpx.BaseTransport):
    """A wire on which requests for some paths wait until they are let go."""

    def __init__(self, paths: list[str]) -> None:
        self.paths, self.go, self.waiting = paths, threading.Event(), 0
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, now or later; nobody waits for ever."""
        if request.url.path in self.paths and not self.go.is_set():
            self.waiting += 1
            if not self.go.wait(20):
                raise httpx.ReadTimeout("held for too long")
        return self._real.handle_request(request)

    def close(self) -> None:
        """Give the connections back."""
        self._real.close()


@pytest.mark.parametrize(("engine_kind", "what"), [("sqlite", "events"), ("postgresql", "events"), ("sqlite", "event")])
def test_companies_that_hang_delay_no_other(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, answers: Answers, what: str
) -> None:
    """Three whose list, or whose look-up of an unlisted event, does not come: the others have committed meanwhile."""
    monkeypatch.setattr(bounded_wait, "QUIET_SECONDS", 0.2)
    names = [f"c{n}" for n in range(5)]
    tree = [Company("root", "Root"), *(Company(name, name, "root") for name in names)]
    theirs = [event(f"e-{name}", name, at(8), [Attendance(ADA, live=[(at(8), 5)])]) for name in names]
    with platform(world_of(*theirs, companies=tree), warehouse, start=day(8)) as it:
        if what == "event":
            it.refresh([day(8)])
            it.sandbox.clock.advance(hours=1)
        it.walk()
        hung = names[:3]
        if what == "event":
            hide(answers, *(f"e-{name}" for name in hung))
        lists = [f"/api/v1/company/{name}/events" for name in hung]
        held = HangingTransport(lists if what == "events" else [f"/api/v1/event/e-{name}" for name in hung])
        others = {"root", *names[3:]}
        with SequelClient(it.client.config, transport=held) as it.client:
            seen: set[str] = set()
            for outcome in it.refresher(8).refresh({name: {day(8): DayCoverage.ACTIVE} for name in ["root", *names]}):
                assert outcome.is_good or outcome.dataset == "company_rollup"
                if outcome.dataset == "daily_usage":
                    seen.add(outcome.company_id)
                    if seen == others:
                        assert held.waiting >= 3
                        held.go.set()
            assert seen == {"root", *names}
        it.assert_true([day(8)], but=["company_rollup"])


@SQLITE
def test_an_event_whose_owner_is_in_doubt_waits_alone(warehouse: Warehouse) -> None:
    """It names no company, and one beneath cannot be listed: it is named and left out, all else of its lister is done."""
    plain = several(2, "root")
    nobodys = event("nobody", "root", at(7), [Attendance(ADA, live=[(at(7), 4)])], shows_company=False)
    with platform(world_of(*plain, nobodys), warehouse, start=day(7), quick=True) as it:
        it.sandbox.faults.always("/api/v1/company/kid/events*", "http_500")
        assert {one[0] for one in failures(it.refresh(TWO)) if one[1] != "company_rollup"} == {"kid"}
        assert minutes(it) == {("root", "root1"): 8, ("root", "root2"): 8}
        why = said(it)["root", "events", "nobody"]
        assert why.startswith(
            "left out until it is known whose it is: it names no company, and the events of its sub-company kid"
        )
        it.sandbox.faults.clear()
        assert failures(it.refresh(TWO)) == []
        it.assert_true(TWO)
        assert it.problems() == []
