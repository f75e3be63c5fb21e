"""Declares `sequel-assets query ...`: exact numbers of any range of days, from the warehouse and never from Sequel."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sequel_assets import settings as settings_module
from sequel_assets.cli.support.arguments import FirstDay, LastDay, OneCompany
from sequel_assets.cli.support.commands import Commands
from sequel_assets.cli.support.terminal import UsageError

if TYPE_CHECKING:
    from sequel_assets.cli.commands.query import QueryArguments

app = Commands(help="Exact numbers of any range of days; makes no request to Sequel.", no_args_is_help=True)


class EventType(StrEnum):
    """Which events are counted."""

    ALL = "all"
    STAGE = "virtualStageEvent"
    HUB = "networkingHub"


class EngagementType(StrEnum):
    """Which minutes are counted, and so who counts as engaged."""

    ALL = "all"
    LIVE = "live"
    ON_DEMAND = "onDemand"


class Format(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Engine(StrEnum):
    """What computes the answer."""

    WAREHOUSE = "warehouse"
    DUCKDB = "duckdb"
    SPARK = "spark"


class Period(StrEnum):
    """What is compared: the period up to and including the given day."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    LAST_7_DAYS = "last_7_days"
    LAST_28_DAYS = "last_28_days"
    LAST_90_DAYS = "last_90_days"


Events = Annotated[EventType, typer.Option(help="events of one type only")]
Engaged = Annotated[EngagementType, typer.Option(help="minutes of one type only, and the people who had any")]
WithDescendants = Annotated[
    bool, typer.Option("--beneath", help="with its sub-companies at any depth, people counted once")
]
Out = Annotated[str, typer.Option("--out", metavar="FILE", help="a file to write to; default: the standard output")]
Names = Annotated[bool, typer.Option("--with-people", help="with names, e-mails and your own ids: personal data")]
Bom = Annotated[bool, typer.Option("--bom", help="begin the CSV with a byte order mark, which Excel needs")]
ByEngine = Annotated[
    Engine, typer.Option(help="what computes the answer: the warehouse, or DuckDB or Spark over a lake")
]
Lake = Annotated[
    str,
    typer.Option(
        "--lake", metavar="FOLDER", help="of the engines duckdb and spark: the lake's folder, or s3://BUCKET/PREFIX"
    ),
]
Master = Annotated[
    str,
    typer.Option("--spark-master", metavar="URL", help="of --engine spark: such as spark://host:7077; default: here"),
]
HERE = "local[*]"
ANY_EVENT, ANY_MINUTE, TABLE, WAREHOUSE = EventType.ALL, EngagementType.ALL, Format.TABLE, Engine.WAREHOUSE


def _arguments(
    company: str, days: tuple[str, str], output: tuple[str, str, bool], counted: tuple[str, str], by: tuple[Engine, str, str], *,
    with_descendants: bool, options: tuple[str, str] = ("--from", "--to"),
) -> "QueryArguments":  # fmt: skip
    from sequel_assets.cli.commands.query import LakeSource, QueryArguments
    from sequel_assets.cli.commands.query_output import QueryOutput

    engine, lake, spark_master = by
    if (engine is not Engine.WAREHOUSE) != bool(lake):
        raise UsageError(
            "--engine duckdb (or spark) and --lake FOLDER go together; sequel-assets export --layout lake makes a lake"
        )
    if engine is not Engine.SPARK and spark_master != HERE:
        raise UsageError("--spark-master goes with --engine spark")
    source = LakeSource(lake, engine.value, spark_master) if lake else None
    settings = settings_module.load()
    return QueryArguments(settings, company, *days, QueryOutput(*output), with_descendants, *counted, options, source)


@app.declare("sequel-assets query usage --company acme --from 2026-11-01 --to 2026-11-30 --beneath")
def usage(
    company: OneCompany, first: FirstDay, last: LastDay, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    with_descendants: WithDescendants = False, form: Annotated[Format, typer.Option("--format")] = TABLE,
    out: Out = "", bom: Bom = False,
    engine: ByEngine = WAREHOUSE, lake: Lake = "", spark_master: Master = HERE,
) -> None:  # fmt: skip
    """Minutes, unique users and events of a company, in all and by event type."""
    from sequel_assets.cli.commands import query

    arguments = _arguments(
        company,
        (first, last),
        (form, out, bom),
        (event_type, engagement_type),
        (engine, lake, spark_master),
        with_descendants=with_descendants,
    )
    raise typer.Exit(query.usage(arguments))


@app.declare(
    "sequel-assets query participants --company acme --from 2026-11-01 --to 2026-11-30 --format csv --out people.csv"
)
def participants(
    company: OneCompany, first: FirstDay, last: LastDay, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    with_descendants: WithDescendants = False, with_people: Names = False,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
    engine: ByEngine = WAREHOUSE, lake: Lake = "", spark_master: Master = HERE,
) -> None:  # fmt: skip
    """All engaged people: minutes, events and days of each."""
    from sequel_assets.cli.commands import query

    arguments = _arguments(
        company,
        (first, last),
        (form, out, bom),
        (event_type, engagement_type),
        (engine, lake, spark_master),
        with_descendants=with_descendants,
    )
    raise typer.Exit(query.people(arguments, None, with_people=with_people))


@app.declare("sequel-assets query top --company acme --from 2026-11-01 --to 2026-11-30 --limit 20")
def top(
    company: OneCompany, first: FirstDay, last: LastDay, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    with_descendants: WithDescendants = False, with_people: Names = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, metavar="NUMBER", help="how many people")] = 10,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
    engine: ByEngine = WAREHOUSE, lake: Lake = "", spark_master: Master = HERE,
) -> None:  # fmt: skip
    """The people with the most engaged minutes, by rank."""
    from sequel_assets.cli.commands import query

    arguments = _arguments(
        company,
        (first, last),
        (form, out, bom),
        (event_type, engagement_type),
        (engine, lake, spark_master),
        with_descendants=with_descendants,
    )
    raise typer.Exit(query.people(arguments, limit, with_people=with_people))


@app.declare("sequel-assets query peak --company acme --from 2026-11-01 --to 2026-11-30")
def peak(
    company: OneCompany, first: FirstDay, last: LastDay, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    with_descendants: WithDescendants = False,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
    engine: ByEngine = WAREHOUSE, lake: Lake = "", spark_master: Master = HERE,
) -> None:  # fmt: skip
    """The highest number of people who watched stage events live in the same minute, and when that was."""
    from sequel_assets.cli.commands import query

    arguments = _arguments(
        company,
        (first, last),
        (form, out, bom),
        (event_type, engagement_type),
        (engine, lake, spark_master),
        with_descendants=with_descendants,
    )
    raise typer.Exit(query.peak(arguments))


@app.declare("sequel-assets query rollup --company acme --from 2026-11-01 --to 2026-11-30")
def rollup(
    company: OneCompany, first: FirstDay, last: LastDay, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
    engine: ByEngine = WAREHOUSE, lake: Lake = "", spark_master: Master = HERE,
) -> None:  # fmt: skip
    """Usage and peak of a company with its sub-companies at any depth, people counted once over all of them."""
    from sequel_assets.cli.commands import query

    arguments = _arguments(
        company,
        (first, last),
        (form, out, bom),
        (event_type, engagement_type),
        (engine, lake, spark_master),
        with_descendants=True,
    )
    raise typer.Exit(query.rollup(arguments))


@app.declare("sequel-assets query compare --company acme --period month --day 2026-11-30")
def compare(
    company: OneCompany, period: Annotated[Period, typer.Option(help="what is compared, up to and including the day")],
    day: Annotated[str, typer.Option(metavar="DAY", help="last day (UTC) that is counted, such as 2026-11-22")],
    event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE, with_descendants: WithDescendants = False,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
    engine: ByEngine = WAREHOUSE, lake: Lake = "", spark_master: Master = HERE,
) -> None:  # fmt: skip
    """A period against the same length of the one before and of the one a year before: both ranges and the change."""
    from sequel_assets.cli.commands import query

    counted, by = (event_type, engagement_type), (engine, lake, spark_master)
    arguments = _arguments(
        company,
        (day, day),
        (form, out, bom),
        counted,
        by,
        with_descendants=with_descendants,
        options=("--day", "--day"),
    )
    raise typer.Exit(query.compare(arguments, period.value))
