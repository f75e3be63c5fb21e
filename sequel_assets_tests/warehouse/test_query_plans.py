"""Every statement reaches its rows by an index: all of daily work on a warehouse with a year in it, on both databases."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.support.statements import plan, sizes, whole_tables
from bench.warehouse.plans import ENGINES, HEAVIEST, PAGE, measured, plans_on

LARGE = 10_000
OVER_ALL = "WITH RECURSIVE stood"
READS_ALL = {
    ("refreshes", "status"): (
        "",
        "status and the checks look at every slice of every company: the bookkeeping, no facts",
    ),
    ("refreshes", "backfill"): ("", "which days have facts and no roll-up is asked of all companies, once a run"),
    ("refreshes", "hour"): ("", "likewise"),
    ("refreshes", "query"): (
        OVER_ALL,
        "whether the sets of people of a year over the root's companies are of their facts",
    ),
    ("inbox", "webhooks"): ("", "purge: whether anything is old enough"),
    ("event_participants", "query"): (
        OVER_ALL,
        "a year over the root's companies, which have all but a few of the facts",
    ),
    ("event_participants", "backfill"): (OVER_ALL, "the roll-up of the same"),
    ("event_concurrency", "query"): (OVER_ALL, "likewise"),
    ("event_concurrency", "backfill"): (OVER_ALL, "likewise"),
}
"""What may be read in whole: the table and when, a part of the statement, and why."""


@pytest.mark.scenario
@pytest.mark.parametrize("engine", ENGINES)
def test_no_statement_of_daily_work_reads_a_large_table_in_whole_and_the_heaviest_have_the_plans_of_the_page(
    engine: str,
) -> None:
    """The page is written by `python -m bench.warehouse.plans`."""
    on_the_page = plans_on(PAGE.read_text(encoding="utf-8"), engine)
    assert len(on_the_page) == HEAVIEST
    with measured(engine) as (warehouse, log):
        rows = sizes(warehouse)
        assert rows["event_participants"] > 10 * LARGE
        executed = {one.key: one for one in log.heaviest(len(log.executed))}
        plans = {key: plan(warehouse, one) for key, one in executed.items()}
    assert len(plans) > 50
    whole = {
        (table, phase, executed[key].statement)
        for key, found in plans.items()
        for table in whole_tables(found, rows, LARGE)
        for phase in executed[key].by_phase
    }
    assert [one for one in whole if one[:2] not in READS_ALL or READS_ALL[one[:2]][0] not in one[2]] == []
    assert {key: of_large(plans.get(key, []), rows) for key in on_the_page} == {
        key: of_large(found, rows) for key, found in on_the_page.items()
    }


def of_large(found: list[str], rows: Mapping[str, int]) -> set[str]:
    """The lines of a plan about large tables: a small one is read either way, as its statistics fall."""
    return {line for line in found if rows[line.partition(":")[0]] >= LARGE}


def test_the_page_has_the_heaviest_statements_of_both_databases_with_their_plans() -> None:
    """Each of them reads something, and facts are reached by their key."""
    text = PAGE.read_text(encoding="utf-8")
    for engine in ENGINES:
        found = plans_on(text, engine)
        assert len(found) == HEAVIEST
        by_key = [line for lines in found.values() for line in lines if "event_participants: pk_" in line]
        assert by_key
        assert [key for key, lines in found.items() if not lines] == []
