"""Lists of any length in one statement: 70,000 are more than the protocols of both databases have parameters for."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from sequel_assets.cli.commands import changes
from sequel_assets.refresh.coverage import slice_coverage
from sequel_assets.refresh.datasets.endpoint import FetchFailure
from sequel_assets.refresh.details import lists
from sequel_assets.refresh.details.extract import EventDetails
from sequel_assets.refresh.transform import rollup_plan
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.value_lists import among
from sequel_assets.warehouse.stores import catalog, inbox, notifications, subscriptions
from sequel_assets.warehouse.tables.core import companies, event_participants, events, problems, refreshes, restatements
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets.warehouse.tables.webhooks import inbox as inbox_table
from sequel_assets.webhooks.processing import pending
from sequel_assets_tests.support.inboxes import notification
from sequel_assets_tests.support.paths import PACKAGE
from sequel_assets_tests.support.rows import ACME, AT, DAY, day, hour, known_company, known_event, participant, table_of

MANY = 70_000
IDS = [f"e{number}" for number in range(MANY)]
LAST = IDS[-1]


@pytest.mark.parametrize("values", [[], ["a"], ["a", "b", "ü'\"\\", "it's"], ["b", "b"]])
def test_it_is_what_in_would_be(warehouse: Warehouse, values: list[str]) -> None:
    """None, one, odd ones, and the same twice; in a SELECT, a DELETE, within a negation."""
    for name in ("a", "b", "c", "ü'\"\\"):
        warehouse.change(lambda c, name=name: catalog.save_companies(c, [known_company(name)], at=AT))
    column = companies.c.company_id
    with warehouse.read() as connection:
        found = {*connection.scalars(sa.select(column).where(among(column, values)))}
        others = {*connection.scalars(sa.select(column).where(~among(column, values)))}
    assert found == {"a", "b", "ü'\"\\"} & {*values}
    assert others == {"a", "b", "c", "ü'\"\\"} - {*values}
    warehouse.change(lambda connection: connection.execute(companies.delete().where(among(column, values))))
    assert {row[0] for row in table_of(warehouse, companies)} == others


def test_an_index_serves_a_list_on_sqlite(tmp_path: Path) -> None:
    """Written as `... IN (...) = 1`, as SQLAlchemy writes conditions of its own there, each statement would read a whole company."""
    warehouse = Warehouse(f"sqlite:///{tmp_path / 'warehouse.db'}")
    schema.migrate(warehouse)
    f = event_participants.c
    query = sa.select(f.person_id).where(f.company_id == ACME, among(f.day, [DAY]), among(f.event_id, IDS[:3]))
    plans: list[str] = []

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def explain(connection: sa.Connection, _: object, statement: str, parameters: object, *__: object) -> None:
        cursor = connection.connection.cursor()
        plans.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    with warehouse.read() as connection:
        plans.clear()
        connection.execute(query).all()
    warehouse.dispose()
    assert [plan for plan in plans if "event_participants" in plan] == [
        "SEARCH event_participants USING COVERING INDEX sqlite_autoindex_event_participants_1 (company_id=? AND day=? AND event_id=?)"
    ]


def test_days_and_numbers_are_compared_as_their_columns_are_stored(warehouse: Warehouse) -> None:
    """The first of January of the year 1 too, which stands where there is no day."""
    rows = [
        (ACME, "d", date(1, 1, 1) if n == 0 else day(n), AT, None, None, False, n, "c", None, None, None)
        for n in range(5)
    ]
    warehouse.change(lambda connection: bulk.insert(connection, refreshes, rows))
    r = refreshes.c
    with warehouse.read() as connection:
        by_day = connection.scalars(sa.select(r.rows).where(among(r.day, [date(1, 1, 1), day(3), day(9)]))).all()
        by_number = connection.scalars(sa.select(r.day).where(among(r.rows, [2, 4, 9]))).all()
    assert (sorted(by_day), sorted(by_number)) == ([0, 3], [day(2), day(4)])


@pytest.mark.scenario
@pytest.mark.alternating
@pytest.mark.slow
def test_70_000_events_or_companies_are_no_error_anywhere(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place that names a list of them, with rows about the first and the last."""
    known = [known_event(event_id, starts_at=hour(1)) for event_id in IDS]
    columns = list(events.columns.keys())

    def fill(connection: sa.Connection) -> None:
        catalog.save_companies(connection, [known_company()], at=AT)
        rows = [tuple({"company_id": ACME, **vars(event)}[name] for name in columns) for event in known]
        bulk.insert(connection, events, rows)
        inbox.store(connection, [notification(ACME, event_id, AT, delivery_key=event_id) for event_id in IDS[-1200:]])
        connection.execute(inbox_table.update().values(run_id="run"))
        bulk.insert(connection, event_participants, [participant(one, "p", 1) for one in (IDS[0], LAST)])
        activity = dict.fromkeys(event_activity.columns.keys())
        activity |= {
            "company_id": ACME,
            "day": DAY,
            "event_id": LAST,
            "person_id": "p",
            "entries": 1,
            "registered_at": AT,
        }
        connection.execute(event_activity.insert().values(**activity))
        bulk.insert(
            connection, refreshes, [(ACME, event_participants.name, DAY, AT, AT, AT, True, 1, "c", None, None, None)]
        )
        note = {
            "company_id": ACME,
            "dataset": event_participants.name,
            "day": date(1, 1, 1),
            "event_id": "",
            "reason": "r",
        }
        connection.execute(problems.insert().values(**note, since=AT))
        moved = {"company_id": ACME, "dataset": "d", "day": DAY, "key": "k", "column_name": "c", "seen_at": AT}
        connection.execute(restatements.insert().values(**moved, from_value=1, to_value=2, run_id=LAST))
        subscriptions.announce(connection, ACME, "t", LAST, at=AT)

    warehouse.change(fill)
    many = [*IDS[:-1], ACME]
    with warehouse.read() as connection:
        assert lists._registered(connection, ACME, known) == {(LAST, "p"): AT}
        named = pending._events(connection, IDS, [])
        assert (len(named), named[LAST].company_id) == (MANY, ACME)
        assert pending._reach(connection, IDS, [known_company()]) == {LAST: frozenset({ACME})}
        assert [row.capability_hash for row in subscriptions.living(connection, many)] == [LAST]
        assert list(slice_coverage.landed_days(connection, many)[ACME]) == [DAY]
        assert slice_coverage.troubled(connection, many) == {ACME}
        assert list(rollup_plan.read_slices(connection, [DAY], many)) == [(ACME, event_participants.name, DAY)]
    assert changes._read(warehouse, among(restatements.c.run_id, IDS), 5)[1] == 1
    refused = {one: SimpleNamespace(failure_kind=FetchFailure.NOT_FOUND) for one in IDS}
    monkeypatch.setattr("sequel_assets.refresh.details.extract.replace", lambda one, **changed: changed)
    told = EventDetails._with_no_audience(
        SimpleNamespace(company_id=ACME, context=SimpleNamespace(warehouse=warehouse)), refused
    )  # type: ignore[arg-type]
    assert (told[LAST], told[IDS[1]]) == (refused[LAST], {"failure_kind": FetchFailure.NO_AUDIENCE, "reason": ""})

    def change(connection: sa.Connection) -> None:
        lists.note_registered(connection, ACME, known)
        notifications.mark_refreshed(connection, "run", ACME, [*IDS, None], at=AT)

    warehouse.change(change)
    with warehouse.read() as connection:
        marked = sa.select(sa.func.count()).where(inbox_table.c.refreshed_at == AT)
        assert connection.scalar(marked) == 1200


OURS = {
    "insights/coverage.py": {"datasets"},
    "insights/event_days.py": {"datasets"},
    "insights/ranges.py": {"[scope.company_id] if hierarchy is None else select(hierarchy.c.company_id)"},
    "insights/person_history.py": {"seen"},
    "refresh/transform/checks.py": {"names"},
    "refresh/coverage/slice_coverage.py": {"list(datasets)", "datasets", "names"},
    "refresh/coverage/kept_slices.py": {"list(names)"},
    "queries/range_answers.py": {"datasets"},
    "insights/sql.py": {"those"},
    "orchestration/checks/result.py": {"list(datasets)"},
    "warehouse/stores/api_profile.py": {"[f for f, value in changed.items() if value is None]"},
    "reconciliation/checks.py": {"scopes"},
    "reconciliation/store.py": {"[dataset.name for dataset in LANDED]"},
    "refresh/details/lists.py": {"[table.name for table in LISTED_OF]"},
    "webhooks/subscriptions/status.py": {"living"},
    "refresh/transform/rollup_plan.py": {"names"},
    "warehouse/stores/problems.py": {"datasets", "sa.bindparam('datasets', expanding=True)"},
    "warehouse/slices/stored.py": {"sa.bindparam('datasets', expanding=True)"},
    "warehouse/stores/notifications.py": {"list(event_types)", "event_types"},
    "orchestration/storage/event_log.py": {"partitions", "numbers"},
    "orchestration/storage/housekeeping.py": {"newest"},
}
"""Lists of our own datasets and types, SELECTs by their name, and Dagster's rows, which come 500 at a time."""


def is_bounded(argument: ast.expr) -> bool:
    """Say whether what `in_` is given stands in the code: constants, names in capitals, or a SELECT."""
    if isinstance(argument, ast.Tuple | ast.List):
        return all(is_bounded(one.value if isinstance(one, ast.Starred) else one) for one in argument.elts)
    if isinstance(argument, ast.Name):
        return argument.id.isupper()
    if isinstance(argument, ast.Call):
        return "select" in ast.unparse(argument.func)
    return isinstance(argument, ast.Constant | ast.Attribute)


def test_no_list_of_unbounded_length_goes_into_an_in() -> None:
    """Use `among` (sequel_assets/warehouse/database/value_lists.py)."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                is_in = node.func.attr in ("in_", "not_in", "notin_", "any_", "tuple_")
                if is_in and not is_bounded(node.args[0]):
                    found.setdefault(name, set()).add(ast.unparse(node.args[0]))
    assert found == OURS
