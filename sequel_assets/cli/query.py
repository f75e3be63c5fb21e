"""`sequel-assets query ...`: exact numbers of any range of days, from the warehouse; asks Sequel nothing."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sequel_assets import settings as settings_module

if TYPE_CHECKING:
    from sequel_assets.cli.commands.query import QueryArguments

app = typer.Typer(help="Exact numbers of any range of days; asks Sequel nothing.", no_args_is_help=True)


class EventType(StrEnum):
    """Which events are counted."""

    ALL = "all"
    STAGE = "virtualStageEvent"
    HUB = "networkingHub"


class EngagementType(StrEnum):
    """Which minutes are counted, and who had any."""

    ALL = "all"
    LIVE = "live"
    ON_DEMAND = "onDemand"


class Format(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Period(StrEnum):
    """What is compared, as far as it has gone at the end of the day."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    LAST_7_DAYS = "last_7_days"
    LAST_28_DAYS = "last_28_days"
    LAST_90_DAYS = "last_90_days"


Company = Annotated[str, typer.Option(help="an id, a partition key or a unique name")]
First = Annotated[str, typer.Option("--from", help="first day (UTC), such as 2026-11-01")]
Last = Annotated[str, typer.Option("--to", help="last day (UTC), included")]
Events = Annotated[EventType, typer.Option(help="events of one type only")]
Engaged = Annotated[EngagementType, typer.Option(help="minutes of one type only, and those who had any")]
Beneath = Annotated[bool, typer.Option("--beneath", help="with all companies beneath it, people counted once")]
Out = Annotated[str, typer.Option("--out", help="a file to write to; default: the standard output")]
Names = Annotated[bool, typer.Option("--with-people", help="with names, e-mails and ids of your own: personal data")]
Bom = Annotated[bool, typer.Option("--bom", help="begin the CSV with a byte order mark, as Excel wants it")]
ANY_EVENT, ANY_MINUTE, TABLE = EventType.ALL, EngagementType.ALL, Format.TABLE


def _asked(
    company: str, first: str, last: str, form: str, out: str, event_type: str, engagement_type: str, *, beneath: bool,
    options: tuple[str, str] = ("--from", "--to"), bom: bool,
) -> "QueryArguments":  # fmt: skip
    from sequel_assets.cli.commands.query import QueryArguments

    settings = settings_module.load()
    return QueryArguments(settings, company, first, last, form, out, beneath, event_type, engagement_type, options, bom)


@app.command()
def usage(
    company: Company, first: First, last: Last, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    beneath: Beneath = False, form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
) -> None:  # fmt: skip
    """Minutes, unique users and events of a company, in all and by event type."""
    from sequel_assets.cli.commands import query

    asked = _asked(company, first, last, form, out, event_type, engagement_type, beneath=beneath, bom=bom)
    raise typer.Exit(query.usage(asked))


@app.command()
def participants(
    company: Company, first: First, last: Last, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    beneath: Beneath = False, with_people: Names = False,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
) -> None:  # fmt: skip
    """Everybody who was engaged: minutes, events and days of each."""
    from sequel_assets.cli.commands import query

    asked = _asked(company, first, last, form, out, event_type, engagement_type, beneath=beneath, bom=bom)
    raise typer.Exit(query.people(asked, None, with_people=with_people))


@app.command()
def top(
    company: Company, first: First, last: Last, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    beneath: Beneath = False, with_people: Names = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="how many people")] = 10,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
) -> None:  # fmt: skip
    """Those with the most engaged minutes, the first ones by rank."""
    from sequel_assets.cli.commands import query

    asked = _asked(company, first, last, form, out, event_type, engagement_type, beneath=beneath, bom=bom)
    raise typer.Exit(query.people(asked, limit, with_people=with_people))


@app.command()
def peak(
    company: Company, first: First, last: Last, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    beneath: Beneath = False,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
) -> None:  # fmt: skip
    """The highest number of people in stage events at one minute, live, and when."""
    from sequel_assets.cli.commands import query

    asked = _asked(company, first, last, form, out, event_type, engagement_type, beneath=beneath, bom=bom)
    raise typer.Exit(query.peak(asked))


@app.command()
def rollup(
    company: Company, first: First, last: Last, event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
) -> None:  # fmt: skip
    """Usage and peak of a company with all beneath it, at any depth, people counted once over all of them."""
    from sequel_assets.cli.commands import query

    asked = _asked(company, first, last, form, out, event_type, engagement_type, beneath=True, bom=bom)
    raise typer.Exit(query.rollup(asked))


@app.command()
def compare(
    company: Company, period: Annotated[Period, typer.Option(help="what is compared, as far as it has gone")],
    day: Annotated[str, typer.Option(help="the day (UTC) at whose end it is looked at, such as 2026-11-22")],
    event_type: Events = ANY_EVENT, engagement_type: Engaged = ANY_MINUTE, beneath: Beneath = False,
    form: Annotated[Format, typer.Option("--format")] = TABLE, out: Out = "", bom: Bom = False,
) -> None:  # fmt: skip
    """A period like for like against the one before and the same one a year before: both ranges and the change."""
    from sequel_assets.cli.commands.compare import compare as run

    days, options = (day, day), ("--day", "--day")
    asked = _asked(company, *days, form, out, event_type, engagement_type, beneath=beneath, options=options, bom=bom)
    raise typer.Exit(run(asked, period.value))
