"""Backfills as processes, killed; and what the next call may ask for."""

from __future__ import annotations

import multiprocessing
import re
import signal
import threading
import time
from dataclasses import dataclass
from datetime import date
from multiprocessing.context import ForkServerProcess

from sequel_assets.refresh.core.time import days_between
from sequel_assets.sandbox import Sandbox
from sequel_assets_tests.support.backfill_processes import (
    arguments_of,
    bookkept,
)
from sequel_assets_tests.support.backfill_worker import main as work
from sequel_assets_tests.support.harness import PlatformUnderTest
from sequel_assets_tests.support.reference import Tables, owners_of


@dataclass(frozen=True)
class MinutesRequest:
    """What was asked of an event."""

    event_id: str
    kind: str
    first: date
    last: date

    @property
    def days(self) -> set[date]:
        """The days that it is about."""
        return set(days_between(self.first, self.last))


@dataclass(frozen=True)
class Undisturbed:
    """What an undisturbed backfill of a world leaves, and what it asks."""

    tables: Tables
    requests: int
    questions: list[MinutesRequest]

    def left(self, owners: dict[str, str], done: dict[str, set[date]]) -> int:
        """Return how many of its requests are left where these days of each company are done.

        All but its questions about nothing else than such days. What a killed process had in flight is among them: a
        question about days of which only some are done is asked again about the others. And one more for each event: of
        a range that is shorter by what is done, or known to be empty, the halves are others.
        """
        spared = sum(one.days <= done.get(owners[one.event_id], set()) for one in self.questions)
        return self.requests - spared + len({one.event_id for one in self.questions})


def questions(server: Sandbox, since: int) -> list[MinutesRequest]:
    """Return the questions about minutes that were asked, from the `since`th request on."""
    found = []
    for request in list(server.requests)[since:]:
        if "/top-participants" in request.path:
            event_id = re.search(r"/([^/]+)/top-participants", request.path)
            told = dict(re.findall(r"(startDate|endDate|engagementType)=([^&]+)", f"{request.path}&{request.query}"))
            assert event_id is not None
            first, last = (date.fromisoformat(told[name]) for name in ("startDate", "endDate"))
            found.append(MinutesRequest(event_id[1], told["engagementType"], first, last))
    return found


def start(it: PlatformUnderTest, days: list[date], *how: str) -> ForkServerProcess:
    """Start a backfill as a process; importing is done once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sequel_assets_tests.support.backfill_worker"])
    process = context.Process(target=work, args=(arguments_of(it, days, "asks-what-is-left", *how),))
    process.start()
    return process


def kill_at(it: PlatformUnderTest, process: ForkServerProcess, requests: int, later: float) -> bool:
    """Kill a process a moment after it has made so many requests; say whether it was still alive."""
    reached, count = threading.Event(), [0]

    def on_request(_: object) -> None:
        count[0] += 1
        if count[0] >= requests:
            reached.set()

    it.sandbox.api.on_request = on_request
    while not reached.wait(0.005) and process.is_alive():
        pass
    time.sleep(later)
    was_alive = process.is_alive()
    process.kill()
    process.join()
    it.sandbox.api.on_request = None
    return was_alive and process.exitcode == -signal.SIGKILL


def committed(it: PlatformUnderTest) -> dict[str, set[date]]:
    """Return, by company, the days whose landed slices are both there."""
    days: dict[str, dict[str, set[date]]] = {}
    for company, dataset, day in bookkept(it):
        days.setdefault(company, {}).setdefault(dataset, set()).add(day)
    return {
        company: theirs.get("event_participants", set()) & theirs.get("event_concurrency", set())
        for company, theirs in days.items()
    }


def assert_only_the_rest_was_requested(
    it: PlatformUnderTest, since: int, done: dict[str, set[date]], days: list[date]
) -> None:
    """No question of these requests was about a day that its company had when they began."""
    owners = owners_of(it.world)
    for question in questions(it.sandbox, since):
        company = owners.get(question.event_id)
        if company is not None:
            assert question.days & done.get(company, set()) == set(), question
            assert question.days <= set(days)
