"""What Sequel does not tell of a company."""

from __future__ import annotations

from datetime import timedelta

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import availability, catalog
from sequel_assets.warehouse.stores.availability import ANSWERED_LATELY, Unavailable
from sequel_assets_tests.support.rows import AT, known_company

LATER = AT + timedelta(hours=1)


def test_a_company_that_is_gone_lacks_nothing(warehouse: Warehouse) -> None:
    """Nobody asks it any more: it would be warned of for ever. When it is back, so is the warning."""
    root, kid = known_company("root"), known_company("kid", depth=1, parent_company_id="root", partition_key="kid.1")
    with warehouse.write() as connection:
        catalog.save_companies(connection, [root, kid], at=AT)
    for company_id in ("root", "kid"):
        availability.note(warehouse, company_id, ["polls"], reason="404", at=AT)
    with warehouse.write() as connection:
        catalog.mark_gone(connection, ["kid"], at=LATER)
    with warehouse.read() as connection:
        assert availability.unavailable(connection) == [Unavailable("root", "polls", "404", AT, AT)]
        assert [one.company_id for one in availability.unavailable(connection, even_gone=True)] == ["kid", "root"]
    with warehouse.write() as connection:
        catalog.save_companies(connection, [root, kid], at=LATER)
    with warehouse.read() as connection:
        assert [one.company_id for one in availability.unavailable(connection)] == ["kid", "root"]


def test_what_was_available_when_it_was_last_requested_is_known(warehouse: Warehouse) -> None:
    """Since then, not before, and not what is unavailable."""
    availability.note(warehouse, "root", ["polls", "questions"], at=AT)
    availability.note(warehouse, "root", ["reactions"], reason="404", at=LATER)
    availability.note(warehouse, "root", ["polls"], at=LATER)
    with warehouse.read() as connection:
        told = {since: availability.known(connection, "root", since + ANSWERED_LATELY).lately for since in (AT, LATER)}
    assert told == {AT: {"polls", "questions"}, LATER: {"polls"}}
