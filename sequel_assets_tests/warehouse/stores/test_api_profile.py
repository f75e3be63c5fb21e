"""What was learned about how Sequel answers: kept with when and by whom, replaced by what is found, dropped on request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sequel_assets.refresh.core.api_profile import ApiProfile, Fact, profile_of
from sequel_assets.refresh.core.config import stored_profile
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import SliceUpdate
from sequel_assets.warehouse.slices.replacement import replace_slices
from sequel_assets.warehouse.stores import api_profile
from sequel_assets.warehouse.stores.api_profile import LearnedFact
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.support.rows import ACME, DAY, LATE, hour, settle_in

AT = datetime(2026, 3, 3, 15, tzinfo=UTC)
LATER = AT + timedelta(days=1)


def learn(warehouse: Warehouse, found: dict[str, str | None], at: datetime = AT) -> list[LearnedFact]:
    """Write what was found; return what is known then."""
    warehouse.change(lambda connection: api_profile.replace(connection, "root", found, at=at, by="a test"))
    return warehouse.ask(api_profile.learned)


def test_a_fact_keeps_its_time_while_it_stays_and_goes_when_it_is_as_documented(warehouse: Warehouse) -> None:
    """One that was not looked into stays as it was."""
    first = learn(warehouse, {"list_cap": "100", "end_date": "excluded", "days": None})
    assert first == [
        LearnedFact("end_date", "excluded", AT, "a test"),
        LearnedFact("list_cap", "100", AT, "a test"),
    ]
    assert learn(warehouse, {"list_cap": "100"}, LATER) == first
    assert learn(warehouse, {"list_cap": "50", "end_date": None}, LATER) == [
        LearnedFact("list_cap", "50", LATER, "a test")
    ]
    assert warehouse.change(api_profile.forget) == 1
    assert warehouse.ask(api_profile.learned) == []


def test_days_that_were_requested_by_other_facts_are_known_by_the_first(warehouse: Warehouse) -> None:
    """So that whoever learns something is reminded of what is stored."""
    assert warehouse.ask(api_profile.first_refreshed_day) is None
    settle_in(warehouse, {})
    update = SliceUpdate(event_participants, DAY, [], None, hour(1), hour(1))
    with warehouse.write(ACME) as connection:
        replace_slices(connection, ACME, [update], at=AT, late_window=LATE, run_id=None)
        assert api_profile.replace(connection, "root", {"list_cap": "9", "days": None}, at=AT, by="a test")
        assert not api_profile.replace(connection, "root", {"list_cap": "9", "days": None}, at=AT, by="a test")
    assert warehouse.ask(api_profile.first_refreshed_day) == DAY


def test_a_refresh_reads_it_as_plain_values(warehouse: Warehouse) -> None:
    """And nothing of it where nothing was learned."""
    nothing = warehouse.ask(stored_profile)
    assert nothing == ApiProfile()
    assert (nothing.analytics_url, nothing.end_date_is_included, nothing.list_cap) == (None, True, None)
    assert (nothing.why_no_usage, nothing.why_no_concurrency) == ("", "")
    url = "https://api.introvoke.com/api/v1"
    known = profile_of(learn(warehouse, {"analytics_url": url, "end_date": "excluded", "list_cap": "100"}))
    assert known == warehouse.ask(stored_profile)
    assert (known.analytics_url, known.end_date_is_included, known.list_cap) == (url, False, 100)


def test_each_reason_why_numbers_cannot_be_had_is_named_with_what_to_do() -> None:
    both = ApiProfile({Fact.DATES: "ignored", Fact.DAYS: "the day before", Fact.CONCURRENCY: "not from the start"})
    assert both.why_no_usage == (
        "Sequel ignores the dates of a range, so minutes have no day; Sequel's days are not UTC days, so minutes would "
        "stand on another day than they belong to (found by sequel-assets doctor; ask Sequel, then run it once more; "
        "doctor --forget drops what was learned)"
    )
    assert both.why_no_concurrency.startswith("Sequel does not count the minutes of the concurrency")
