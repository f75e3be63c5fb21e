"""`sequel-assets query`: prints the answers of `queries/range_answers.py`, with warnings where numbers may still change.

It reads the warehouse in one transaction, or a lake by one manifest, and never makes a request to Sequel.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from sequel_assets.cli.commands.query_output import QueryOutput, write_answer
from sequel_assets.cli.support.arguments import choose
from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries import range_answers
from sequel_assets.queries.engines.duckdb_lake import opened_lake
from sequel_assets.queries.engines.lake_reader import LakeReader
from sequel_assets.queries.engines.spark_lake import SparkLake, opened_spark_lake
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.queries.range_answers import QueryAnswer
from sequel_assets.queries.scopes import check_range, parse_day
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.reader import Reader
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import ALL


@dataclass(frozen=True)
class LakeSource:
    """The lake that an engine answers from."""

    where: str
    engine: str
    spark_master: str

    def opened(self, days: Days) -> AbstractContextManager[LakeReader]:
        """Open it for questions about these days."""
        if self.engine == SparkLake.dialect:
            return opened_spark_lake(self.where, days, self.spark_master)
        return opened_lake(self.where, days)


@dataclass(frozen=True)
class QueryArguments:
    """The arguments of the command line."""

    settings: Settings
    company: str
    first: str
    last: str
    output: QueryOutput
    with_descendants: bool = False
    event_type: str = ALL
    engagement_type: str = ALL
    options: tuple[str, str] = ("--from", "--to")
    """The options that name the first and the last day, for error messages."""
    lake: LakeSource | None = None
    """None: the warehouse answers."""

    def days(self) -> Days:
        """Return the days; a wrong one is refused by the name of its option."""
        first, last = (parse_day(*one) for one in zip((self.first, self.last), self.options, strict=True))
        return check_range(self.settings, first, last, self.options)


def usage(arguments: QueryArguments) -> int:
    """Print minutes, people and events of a company."""
    return _run_query(arguments, range_answers.usage)


def people(arguments: QueryArguments, limit: int | None, *, with_people: bool) -> int:
    """Print the engaged people, all of them or the first `limit`."""

    def answer(reader: Reader, company: KnownCompany, scope: Scope) -> QueryAnswer:
        return range_answers.participants(reader, company, scope, limit, with_people=with_people)

    return _run_query(arguments, answer)


def peak(arguments: QueryArguments) -> int:
    """Print the highest number of people who watched in the same minute."""
    return _run_query(arguments, range_answers.peak)


def rollup(arguments: QueryArguments) -> int:
    """Print usage and peak of a company with its descendants."""
    return _run_query(arguments, range_answers.rollup)


def compare(arguments: QueryArguments, period: str) -> int:
    """Print the period up to the day against as many days of the one before and of the one a year before."""

    def answer(reader: Reader, company: KnownCompany, scope: Scope) -> QueryAnswer:
        return range_answers.compare(reader, company, scope, period, arguments.settings.start_date)

    days_read = range_answers.days_compared(period, arguments.days().last)
    return _run_query(arguments, answer, days_read=days_read, is_tall=True)


def _run_query(
    arguments: QueryArguments,
    answer: Callable[[Reader, KnownCompany, Scope], QueryAnswer],
    *,
    days_read: Days | None = None,
    is_tall: bool = False,
) -> int:
    """`days_read`: those that the answer reads, where they are not the arguments' own."""
    days = arguments.days()
    arguments.output.check()
    with _reader(arguments, days_read or days) as reader:
        company = choose(catalog.known_companies(reader), [arguments.company])[0]
        counted = (arguments.with_descendants, arguments.event_type, arguments.engagement_type)
        scope = Scope(company.company_id, days, *counted)
        found = answer(reader.of(scope) if isinstance(reader, LakeReader) else reader, company, scope)
    write_answer(arguments.output, found, is_tall=is_tall)
    return 0


@contextmanager
def _reader(arguments: QueryArguments, days: Days) -> Iterator[Reader]:
    """Yield what answers: the warehouse, in one transaction, or a lake."""
    if arguments.lake:
        with arguments.lake.opened(days) as lake:
            yield lake
    else:
        with stored(arguments.settings) as warehouse, warehouse.read() as connection:
            yield connection
