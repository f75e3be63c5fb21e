"""`sequel-assets people link`: store your own ids of people, from a CSV or from a view in the warehouse.

One wrong line and nothing is written, unless --skip-bad leaves wrong lines out by name.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.terminal import UsageError, console, errors, table
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.safety.visible import MAX_NAMED
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.person_links import AT_ONCE, Linked, LinkEntry, Links, read_links, write_links

MAX_BYTES, MAX_ROWS = 200_000_000, 1_000_000
HEADINGS = {"email": {"email", "emailaddress", "mail"}, "person_id": {"personid"}, "external_id": {"externalid"}}
"""The columns and the accepted spellings of their headings, regardless of case, blanks and punctuation."""
SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?\s*', re.IGNORECASE)
"""A first line that names the separator of the cells for Excel."""
ZIP = b"PK\x03\x04"
NEEDED_COLUMNS = "email (or person_id) and external_id"


def link(settings: Settings, file: Path | None, wanted: Sequence[str], *, skips_bad: bool, is_dry: bool) -> int:
    """Link people to your own ids, print how many, and return the exit code."""
    if file is None:
        settings.require("people_view")
    source, line = (str(file), "line") if file else (f"SEQUEL_PEOPLE_VIEW {settings.people_view}", "row")
    with stored(settings, writes=not is_dry) as warehouse:
        companies = choose(warehouse.ask(catalog.known_companies), wanted)
        with _entries_of(file) if file else _rows_of(warehouse, settings.people_view or "") as (names, entries):
            if "email" in names:
                settings.require("person_key")
            key = settings.person_key.get_secret_value() if settings.person_key else ""
            links = read_links(_limited(entries, source), key)
        _report_wrong_lines(links, line, skips_bad=skips_bad)
        linked: dict[str, Linked] = {}
        for company in companies:
            put = partial(write_links, company_id=company.company_id, external_ids=links.external_ids, is_dry=is_dry)
            linked[company.partition_key] = warehouse.ask(put) if is_dry else warehouse.change(put, company.company_id)
    table("People linked", ("company", "linked", "changed"), [(k, len(v.people), v.changed) for k, v in linked.items()])
    known = len(frozenset[str]().union(*(each.people for each in linked.values())))
    console().print(
        f"{len(links.external_ids):,} people in {source}: {known:,} linked, {len(links.external_ids) - known:,} "
        "unknown "
        "at these companies" + ("; nothing was changed (--dry-run)." if is_dry else "."),
    )
    return 0


def _report_wrong_lines(links: Links, line: str, *, skips_bad: bool) -> None:
    lines = [f"{line} {place}: {why}" for place, why in list(links.wrong.items())[:MAX_NAMED]]
    if len(links.wrong) > MAX_NAMED:
        lines.append(f"and {len(links.wrong) - MAX_NAMED:,} more")
    if lines and not skips_bad:
        raise UsageError("\n".join([*lines, "nothing was written; correct them, or leave them out with --skip-bad"]))
    for text in lines:
        errors().print(f"left out: {text}")


def _limited(entries: Iterable[LinkEntry], source: str) -> Iterator[LinkEntry]:
    for number, entry in enumerate(entries):
        if number == MAX_ROWS:
            raise UsageError(f"{source}: it has more than {MAX_ROWS:,} rows; give it in parts. Nothing was written")
        yield entry


def _places(headings: Sequence[object], source: str) -> dict[str, int]:
    """Return the position of each column; a missing or repeated one is refused."""
    plain = [re.sub(r"[\W_]", "", str(heading).casefold()) for heading in headings]
    found = {name: [n for n, heading in enumerate(plain) if heading in spelled] for name, spelled in HEADINGS.items()}
    twice = [name for name, places in found.items() if len(places) > 1]
    if twice:
        raise UsageError(
            f"{source}: it has {' and '.join(twice)} twice; it needs the columns {NEEDED_COLUMNS}, each once"
        )
    if not found["external_id"] or not found["email"] + found["person_id"]:
        raise UsageError(f"{source}: it needs the columns {NEEDED_COLUMNS}, named as such")
    return {name: places[0] for name, places in found.items() if places}


# ------------------------------------------------------------------ from a file


@contextmanager
def _entries_of(path: Path) -> Iterator[tuple[frozenset[str], Iterator[LinkEntry]]]:
    """Yield the columns and the lines of a CSV: UTF-8, separated by comma, semicolon or tab."""
    if not path.is_file():
        why = "it is a folder" if path.is_dir() else "it is no plain file" if path.exists() else "there is no such file"
        raise UsageError(f"{path}: {why}")
    if path.stat().st_size > MAX_BYTES:
        raise UsageError(f"{path}: it has more than {MAX_BYTES:,} bytes; give it in parts. Nothing was written")
    with path.open("rb") as file:
        begins = file.read(4)
    if begins.startswith(ZIP):
        raise UsageError(f"{path}: this looks like a workbook of Excel; save it as CSV in UTF-8. Nothing was written")
    if begins in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise UsageError(f"{path}: this looks like UTF-32; save it as UTF-8. Nothing was written")
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in begins[:2]:
        raise UsageError(f"{path}: this looks like UTF-16; save it as UTF-8. Nothing was written")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file, _cells_of_any_length():
        first = file.readline()
        said = SEPARATOR_LINE.fullmatch(first)
        if said:
            first = file.readline()
        sign = said[1] if said else max(",;\t", key=first.count)
        reader = csv.reader(chain([first], file), delimiter=sign, strict=True)
        try:
            headings = next(reader, [])
        except csv.Error as error:
            line = 2 if said else 1
            raise UsageError(
                f"{path}: line {line}: {_csv_problem(error, line, reader.line_num + line - 1)}. Nothing was written"
            ) from None
        places = _places(headings, str(path))
        yield frozenset(places), _lines(reader, len(headings), places, line_before=1 if said else 0)


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift Python's limit on the length of a cell; each column has a limit of its own that is checked later."""
    before = csv.field_size_limit(MAX_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv_problem(error: csv.Error, first: int, last: int) -> str:
    """Return what is wrong with the quotes of a line; `last` is the line up to which the reader has read."""
    if "unexpected end" in str(error):
        return "a quote that is opened in it is never closed"
    if "expected after" not in str(error):
        return "it cannot be read as CSV"
    if last > first:
        return (
            f"a quote that is opened in it is closed in line {last}, within another cell; "
            "the lines between are part of it"
        )
    return "a quote is closed in it before the end of its cell"


def _lines(reader: Any, width: int, places: dict[str, int], line_before: int) -> Iterator[LinkEntry]:
    while True:
        number = line_before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield LinkEntry(number, wrong=_csv_problem(error, number, line_before + reader.line_num))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != width:
            yield LinkEntry(number, wrong=f"it has {len(cells)} cells where the first line has {width}")
        elif any("\udc80" <= sign <= "\udcff" for place in places.values() for sign in cells[place]):
            yield LinkEntry(number, wrong="it is not UTF-8")
        else:
            yield LinkEntry(number, **{name: cells[place] for name, place in places.items()})


# ------------------------------------------------------------------ from a view


@contextmanager
def _rows_of(warehouse: Warehouse, view: str) -> Iterator[tuple[frozenset[str], Iterator[LinkEntry]]]:
    """Yield the columns and the rows of a view or table in the warehouse."""
    schema, _, name = view.rpartition(".")
    source = f"SEQUEL_PEOPLE_VIEW {view}"
    with warehouse.read() as connection:
        try:
            columns = [each["name"] for each in sa.inspect(connection).get_columns(name, schema=schema or None)]
        except NoSuchTableError:
            raise UsageError(f"{source}: the warehouse has no such view or table") from None
        places = _places(columns, source)
        chosen: list[sa.ColumnClause[Any]] = [sa.column(columns[place]) for place in places.values()]
        query = sa.select(*chosen).select_from(sa.table(name, schema=schema or None))
        rows = connection.execute(query.execution_options(yield_per=AT_ONCE))
        texts = (["" if cell is None else str(cell) for cell in row] for row in rows)
        yield (
            frozenset(places),
            (LinkEntry(number, **dict(zip(places, cells, strict=True))) for number, cells in enumerate(texts, 1)),
        )
