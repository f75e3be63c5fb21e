"""`sequel-assets query compare`: a period as far as it has gone, like for like, for any filter."""

from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from sequel_assets.cli.commands.query import (
    MINUTES_OF_PEOPLE,
    QueryAnswer,
    QueryArguments,
    covered,
    doubts_of,
    opened,
    write,
)
from sequel_assets.insights.comparing import Side, select_comparison
from sequel_assets.insights.coverage import Coverage
from sequel_assets.insights.periods import COMPARED_WITH, Days, other, to_date
from sequel_assets.insights.ranges import Scope


def compare(asked: QueryArguments, period: str) -> int:
    """Answer how the period that the day asked for belongs to compares with the one before and the one a year before."""
    with opened(asked) as (connection, company, scope):
        columns, rows, coverages = comparison(connection, scope, period, asked.settings.start_date)
    (days, coverage), *before = coverages.items()
    doubts = [f"{day.first} to {day.last}: {line}" for day, its in before for line in doubts_of(its, day)]
    answer = QueryAnswer("Comparison", columns, rows, is_tall=True)
    return write(asked, company, coverage, replace(scope, days=days), answer, doubts)


def comparison(
    connection: sa.Connection, scope: Scope, period: str, start: date
) -> tuple[list[sa.ColumnElement[Any]], list[sa.Row[Any]], dict[Days, Coverage]]:
    """Return the columns and rows for the last day of a scope, and how far each range goes, this period's own first."""
    coverages: dict[Days, Coverage] = {}

    def side(days: Days) -> Side:
        counted = replace(scope, days=Days(max(days.first, start), days.last))
        coverages[days] = its = covered(connection, counted, MINUTES_OF_PEOPLE, days)
        return Side(days, counted, its.data_through is not None, its.is_complete)

    day = scope.days.last
    now = side(to_date(period, day))
    asked = [select_comparison(period, how, now, side(other(period, how, day))) for how in COMPARED_WITH]
    return list(asked[0].selected_columns), [connection.execute(one).one() for one in asked], coverages
