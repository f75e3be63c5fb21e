"""Problems of an older release get their kind by the marks that they had."""

import sqlalchemy as sa

from sequel_assets.refresh.discovery import pending_work
from sequel_assets.refresh.discovery.pending_work import Pending
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.problems import with_unknown_children
from sequel_assets.warehouse.tables.core import NO_DAY, problems
from sequel_assets_tests.support.rows import ACME, AT, DAY, table_of
from sequel_assets_tests.warehouse.migrations.older_releases import at_revision

OLD = {
    ("event_participants", DAY, "e1", "to be asked again: people of one name"): "request",
    ("registrants", NO_DAY, "e1", "to be asked again: people of one name"): "request",
    ("event_participants", DAY, "e2", "no answer"): "problem",
    ("event_participants", DAY, "", "held"): "problem",
    ("event_participants", NO_DAY, "", "its refresh was broken off"): "problem",
    ("event_participants", NO_DAY, "e3", "is new here"): "pending",
    ("event_concurrency", NO_DAY, "e4", "its start moved"): "pending",
    ("registrants", NO_DAY, "e3", "no answer"): "problem",
    ("events", DAY, "e5", "Sequel caps its list of events"): "list_cap",
    ("events", NO_DAY, "e5", "it names a company that cannot be looked up"): "problem",
    ("reconciliations", NO_DAY, "e5", "no answer"): "problem",
}


def test_problems_of_an_older_release_get_their_kind(warehouse_url: str) -> None:
    """What they stood for is what they stand for, whatever their reason and their event say."""
    warehouse = Warehouse(warehouse_url)
    at_revision(warehouse, "0010")
    old = sa.table("problems", *(sa.column(c.name, c.type) for c in problems.columns if c.name != "kind"))
    with warehouse.write() as connection:
        connection.execute(old.insert(), [
            {"company_id": ACME, "dataset": dataset, "day": on, "event_id": event, "reason": reason, "since": AT}
            for dataset, on, event, reason in OLD
        ] + [
            {"company_id": kind, "dataset": "companies", "day": NO_DAY, "event_id": mark, "reason": "x", "since": AT}
            for mark, kind in {"(sub-companies)": "never", "(more)": "cut", "": "failed"}.items()
        ])  # fmt: skip
    schema.migrate(warehouse)
    schema.ensure_current(warehouse)
    rows = table_of(warehouse, problems)
    assert {tuple(row[1:5]): row[6] for row in rows if row[0] == ACME} == OLD
    assert {tuple(row) for row in rows if row[0] != ACME} == {
        ("never", "companies", NO_DAY, "", "x", AT, "unknown_children"),
        ("cut", "companies", NO_DAY, "", "x", AT, "unknown_children"),
        ("failed", "companies", NO_DAY, "", "x", AT, "problem"),
    }
    with warehouse.read() as connection:
        assert with_unknown_children(connection) == {"never", "cut"}
        assert pending_work.noted(connection, ACME) == Pending(frozenset({"e3"}), frozenset({"e4"}))
    warehouse.dispose()
