"""The doctor against other Sequels: each is told apart by its verdicts, within the requests that it may send."""

from __future__ import annotations

import pytest

from sequel_assets.doctor.examination import MAX_REQUESTS
from sequel_assets.doctor.judging.findings import Verdict
from sequel_assets.doctor.judging.opt_in import LOAD_STEPS
from sequel_assets.refresh.core.api_profile import Fact
from sequel_assets.sandbox import Sandbox, Variations
from sequel_assets_tests.doctor.altered import altered_world, examined

DIFFERENT, NOT_ANSWERED, NOT_ALLOWED = Verdict.DIFFERENT, Verdict.NOT_ANSWERED, Verdict.NOT_ALLOWED
DAY_BEFORE, DAY_AFTER = {Fact.DAYS: "the day before"}, {Fact.DAYS: "the day after"}
OTHER_PATH = {Fact.ANALYTICS_URL: "https://api.introvoke.com/api/v1"}
OTHER_HOST = {Fact.ANALYTICS_URL: "https://data.sequel.io"}
SEQUELS = {
    "": ({}, {}),
    "exclusive-dates": ({"dates": DIFFERENT}, {Fact.END_DATE: "excluded"}),
    "ignored-dates": (
        {"dates": DIFFERENT, "days": NOT_ANSWERED, "sums of days": DIFFERENT},
        {Fact.DATES: "ignored"},
    ),
    "time-zone=-8": ({"days": DIFFERENT}, DAY_BEFORE),
    "time-zone=5": ({"days": DIFFERENT}, DAY_AFTER),
    "list-cap=4": ({"list cap": DIFFERENT}, {Fact.LIST_CAP: "4"}),
    "listed-totals": (
        {"totals": DIFFERENT, "list cap": NOT_ANSWERED, "activity times": NOT_ANSWERED},
        {Fact.TOTALS: "of the listed"},
    ),
    "ignored-engagement-type": ({"engagement types": DIFFERENT}, {Fact.ENGAGEMENT_TYPE: "ignored"}),
    "activity-seconds": ({"activity times": DIFFERENT}, {Fact.ACTIVITY_UNIT: "seconds"}),
    "activity-from-zero": ({"activity times": NOT_ANSWERED, "activity pages": DIFFERENT}, {}),
    "activity-cap=2": ({"activity pages": DIFFERENT}, {}),
    "concurrency-from-midnight": ({"concurrency": DIFFERENT}, {Fact.CONCURRENCY: "not from the start"}),
    "published-path": ({"analytics host": DIFFERENT}, OTHER_PATH),
    "analytics-host=data.sequel.io": ({"analytics host": DIFFERENT}, OTHER_HOST),
    "no-named": ({"named endpoints": NOT_ANSWERED}, {}),
    "no-expiry": ({"sign-in": NOT_ANSWERED}, {}),
    "no-access=1": ({"access": NOT_ALLOWED}, {}),
    "sub-companies": ({"sub-companies": DIFFERENT}, {}),
    "clock-skew=300": ({"clock": DIFFERENT}, {}),
    "no-webhooks": ({"webhooks": NOT_ALLOWED}, {}),
    "exclusive-dates,list-cap=4,time-zone=-8": (
        {"dates": DIFFERENT, "days": DIFFERENT, "list cap": DIFFERENT},
        {Fact.END_DATE: "excluded", Fact.LIST_CAP: "4", **DAY_BEFORE},
    ),
}
"""How a Sequel differs -> the verdicts that are not `as documented`, and what is learned."""


@pytest.mark.parametrize("variations", SEQUELS)
def test_each_sequel_is_recognized_by_its_verdicts(variations: str) -> None:
    """And by no other: whatever is as documented is found to be so."""
    expected_verdicts, expected_facts = SEQUELS[variations]
    with Sandbox(altered_world(), variations=Variations.parse(variations)) as server:
        found, examination = examined(server, has_webhooks=True)
    verdicts = {check: one.verdict for check, one in found.items() if one.verdict is not Verdict.AS_DOCUMENTED}
    learned = {fact: value for one in found.values() for fact, value in one.learned.items() if value is not None}
    assert verdicts == {"request rate": NOT_ANSWERED} | expected_verdicts
    assert learned == expected_facts
    assert len(found) == 18
    assert 0 < examination.probes.requests <= MAX_REQUESTS
    assert server.webhooks.subscriptions.all() == []


def test_no_two_of_these_sequels_look_alike() -> None:
    """So that the verdicts name the difference."""
    looks = {repr((sorted(verdicts.items()), sorted(facts.items()))) for verdicts, facts in SEQUELS.values()}
    assert len(looks) == len(SEQUELS)


def test_a_rate_limit_is_found_with_the_requests_that_may_be_sent_for_it() -> None:
    """Four and eight at once go through, sixteen do not."""
    with Sandbox(altered_world(), variations=Variations(rate_limit=70)) as server:
        found, examination = examined(server, has_load=True)
    assert found["request rate"].verdict is DIFFERENT
    assert "with Retry-After: 1 s" in found["request rate"].found
    assert examination.probes.requests <= MAX_REQUESTS + sum(LOAD_STEPS) + 2


def test_requests_are_bounded_whatever_sequel_answers() -> None:
    """Where every request is refused for a while, the checks that come last have none left."""
    with Sandbox(altered_world(), variations=Variations(rate_limit=8)) as server:
        found, examination = examined(server)
    assert examination.probes.requests <= MAX_REQUESTS
    assert found["request rate"].verdict is DIFFERENT
    assert found["list cap"].verdict is NOT_ANSWERED


def test_an_account_without_events_has_findings_and_no_guesses() -> None:
    """Nothing is learned of what cannot be seen."""
    world = altered_world()
    for event in list(world.events):
        world.vanish(event.id)
    with Sandbox(world) as server:
        found, _ = examined(server)
    assert [fact for one in found.values() for fact in one.learned] == []
    assert found["analytics host"].verdict is found["dates"].verdict is found["list cap"].verdict is NOT_ANSWERED
