"""Companies that are gone, forbidden or silent while a refresh runs."""

from __future__ import annotations

from datetime import date

import pytest

from sequel_assets.sandbox import Company, World
from sequel_assets.sequel import ServerError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import known_companies
from sequel_assets_tests.pipeline.crowd import CROWD, PLAIN
from sequel_assets_tests.support.harness import at, day, event, failures, platform, world_of
from sequel_assets_tests.support.reference import read_tables


def test_a_company_that_is_gone_keeps_its_data_and_is_not_asked(warehouse: Warehouse) -> None:
    """404 for the company; the others go on. It may come back."""
    companies = [Company("root", "Root"), Company("kid", "Kid", "root"), Company("other", "Other", "root")]
    world = world_of(event("e", "other", at(3), CROWD), event("plain", "kid", at(2), PLAIN), companies=companies)
    with platform(world, warehouse) as it:
        it.refresh()
        before = read_tables(warehouse)
        world.remove_company("other")
        assert it.walk() == ["root", "kid"]
        assert failures(it.refresh()) == []
        assert read_tables(warehouse) == before
        gone = it.refresh([day(3)], ["other"], walk=False)
        assert {outcome.reason for outcome in gone} == {"the company is gone at Sequel (404)"}
        world.add_company(companies[2])
        world.add_event(event("e", "other", at(3), CROWD))
        assert it.walk() == ["root", "kid", "other"]
        assert failures(it.refresh()) == []
        it.assert_true()
        assert it.problems() == []


@pytest.mark.scenario
def test_where_the_licence_is_invalid_the_companies_that_are_known_stay(warehouse: Warehouse) -> None:
    """403 on `list`: a problem at the parent; what is beneath goes on being refreshed."""
    world = world_of(event("e", "kid", at(3), CROWD))
    with platform(world, warehouse) as it:
        it.refresh()
        world.companies[0].licence_is_valid = False
        assert it.walk() == ["root", "kid"]
        assert failures(it.refresh()) == []
        it.assert_true()
        assert [problem[:4] for problem in it.problems()] == [("root", "companies", date(1, 1, 1), "")]
        world.companies[0].licence_is_valid = True
        it.refresh()
        assert it.problems() == []


def three_generations() -> World:
    """Return a root with two kids, the first of which has one of its own."""
    tree = {"kid": "root", "grand": "kid", "other": "root"}
    return world_of(companies=[Company("root", "Root"), *(Company(key, key, above) for key, above in tree.items())])


@pytest.mark.alternating
@pytest.mark.parametrize("fault", ["http_403", "http_500", "html_200"])
def test_a_company_of_which_it_is_unknown_whether_it_is_gone_stays_and_stops_nobody(
    warehouse: Warehouse, fault: str
) -> None:
    """No longer listed, and no 404: it and what is beneath it stay, a problem names it, and a new company is found."""
    with platform(three_generations(), warehouse, quick=True) as it:
        it.walk()
        it.world.move_company("kid", "somebody else")
        it.world.remove_company("grand")
        it.world.add_company(Company("new", "New", "root"))
        it.sandbox.faults.always("/api/v1/company/kid", fault)
        assert sorted(it.walk()) == ["grand", "kid", "new", "other", "root"]
        assert [problem[:4] for problem in it.problems()] == [("kid", "companies", date(1, 1, 1), "")]
        it.sandbox.faults.clear()
        it.world.remove_company("kid")
        assert sorted(it.walk()) == ["new", "other", "root"]
        assert it.problems() == []


@pytest.mark.alternating
@pytest.mark.parametrize("fault", ["http_500", "html_200", "truncated"])
def test_a_company_whose_list_fails_keeps_its_descendants_and_stops_nobody(warehouse: Warehouse, fault: str) -> None:
    """As a 403 does; without an answer nothing counts as gone, and the others' new companies are found."""
    with platform(three_generations(), warehouse, quick=True) as it:
        it.walk()
        it.world.add_company(Company("new", "New", "other"))
        it.sandbox.faults.always("/api/v1/company/kid/list", fault)
        assert sorted(it.walk()) == ["grand", "kid", "new", "other", "root"]
        ((company, dataset, _, _, reason),) = [problem[:5] for problem in it.problems()]
        assert (company, dataset) == ("kid", "companies")
        assert reason.startswith("its sub-companies cannot be listed, those known stay as they are: ")
        it.sandbox.faults.clear()
        it.walk()
        assert it.problems() == []


@pytest.mark.alternating
@pytest.mark.parametrize("path", ["/api/v1/company/root", "/api/v1/company/root/list"])
def test_a_root_that_fails_is_an_error_and_nothing_is_stored(warehouse: Warehouse, path: str) -> None:
    """Without it there is no tree."""
    with platform(three_generations(), warehouse, quick=True) as it:
        it.sandbox.faults.always(path, "http_500")
        with pytest.raises(ServerError):
            it.walk()
        with warehouse.read() as connection:
            assert known_companies(connection) == []
