"""`sequel-assets query compare`: a period against as many days of the one before and of the one a year before."""

from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.commands.query import MINUTES_OF_PEOPLE, QueryArguments, open_query, read_coverage
from sequel_assets.cli.commands.query_output import QueryAnswer, coverage_warnings, write_answer
from sequel_assets.insights.comparing import Side, select_comparison
from sequel_assets.insights.coverage import Coverage
from sequel_assets.insights.periods import COMPARED_WITH, Days, other, to_date
from sequel_assets.insights.ranges import Scope


def compare(arguments: QueryArguments, period: str) -> int:
    """Print the period up to the day against the one before and the one a year before; return the exit code."""
    with open_query(arguments) as (connection, company, scope):
        columns, rows, coverages = comparison(connection, scope, period, arguments.settings.start_date)
    (days, coverage), *before = coverages.items()
    warnings = [
        f"{earlier.first} to {earlier.last}: {line}"
        for earlier, its in before
        for line in coverage_warnings(its, earlier)
    ]
    answer = QueryAnswer("Comparison", columns, rows, company, replace(scope, days=days), coverage)
    write_answer(arguments.output, answer, warnings, is_tall=True)
    return 0


def comparison(
    connection: sa.Connection, scope: Scope, period: str, start: date
) -> tuple[list[sa.ColumnElement[Any]], list[sa.Row[Any]], dict[Days, Coverage]]:
    """Return columns, rows (one per comparison) and the coverage of each range, that of the current period first."""
    coverages: dict[Days, Coverage] = {}

    def side(days: Days) -> Side:
        counted = replace(scope, days=Days(max(days.first, start), days.last))
        coverages[days] = its = read_coverage(connection, counted, MINUTES_OF_PEOPLE, days)
        return Side(days, counted, its.data_through is not None, its.is_complete)

    day = scope.days.last
    now = side(to_date(period, day))
    selects = [select_comparison(period, how, now, side(other(period, how, day))) for how in COMPARED_WITH]
    return list(selects[0].selected_columns), [connection.execute(one).one() for one in selects], coverages
