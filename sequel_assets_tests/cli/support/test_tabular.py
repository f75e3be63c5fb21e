"""Rows as CSV, JSON and Parquet: the types are exact, nothing is lost, and no spreadsheet takes a text for a formula."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from sequel_assets.cli.support.tabular import defuse, undo, write
from sequel_assets.queries.arrow import BATCH_ROWS, schema_of
from sequel_assets.warehouse.tables.types import UtcDateTime
from sequel_assets_tests.support.hostile_names import obeyed

COLUMNS: list[sa.ColumnClause[Any]] = [
    sa.column("text", sa.Text()),
    sa.column("count", sa.BigInteger()),
    sa.column("depth", sa.Integer()),
    sa.column("day", sa.Date()),
    sa.column("at", UtcDateTime()),
    sa.column("average", sa.Numeric(14, 2, asdecimal=False)),
    sa.column("share", sa.Double()),
    sa.column("is_so", sa.Boolean()),
]
TEXT = sa.column("text", sa.Text())
ANY_TEXT = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["", "\0", "a\0b", "\r\n", '"', '""', "a,b;c\td", "\ud800", "👩‍👩‍👧‍👦🏴‍☠️", "'=1", "''=1", "' =", "null", "NaN"]
)
DANGEROUS = "=+-@\t\r"


def rendered(text: str | None) -> str | None:
    """What a file can hold of a text: a lone surrogate is no character."""
    return None if text is None else "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)


def as_bytes(form: str, columns: list[Any], rows: list[tuple[Any, ...]]) -> bytes:
    """A file's content."""
    file = io.BytesIO()
    assert write(file, form, columns, rows) == len(rows)
    return file.getvalue()


def cells(content: bytes) -> list[list[str]]:
    """A CSV as Python's own reader takes it."""
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def test_parquet_keeps_every_type_exactly() -> None:
    """Days as dates, moments in UTC, counts as int64, decimals with their digits, null as null."""
    rows: list[tuple[Any, ...]] = [
        ("a", 2**62, 3, date(1, 1, 1), datetime(2026, 3, 1, 9, 5, tzinfo=UTC), 15.75, 0.1, True),
        (None, None, None, None, None, None, None, None),
        ("", -1, 0, date(2026, 2, 28), datetime(2026, 3, 1, 9, 5, 1, 7, tzinfo=UTC), Decimal("999999999999.99"), 0.0, False),
    ]  # fmt: skip
    found = parquet.read_table(io.BytesIO(as_bytes("parquet", COLUMNS, rows)))
    assert found.schema == pa.schema(
        [
            ("text", pa.string()), ("count", pa.int64()), ("depth", pa.int64()), ("day", pa.date32()),
            ("at", pa.timestamp("us", tz="UTC")), ("average", pa.decimal128(14, 2)), ("share", pa.float64()), ("is_so", pa.bool_()),
        ]
    )  # fmt: skip
    expected = [tuple(Decimal("15.75") if cell == 15.75 else cell for cell in row) for row in rows]
    assert [tuple(record.values()) for record in found.to_pylist()] == expected


def test_without_rows_there_is_the_header_all_the_same() -> None:
    """So that no rows and no file are two things."""
    assert as_bytes("csv", COLUMNS, []).decode().splitlines() == [",".join(f'"{c.name}"' for c in COLUMNS)]
    assert parquet.read_table(io.BytesIO(as_bytes("parquet", COLUMNS, []))).schema == schema_of(COLUMNS)
    assert json.loads(as_bytes("json", COLUMNS, [])) == []


def test_csv_tells_null_from_an_empty_text_and_leaves_numbers_alone() -> None:
    """A negative number is no formula."""
    content = as_bytes("csv", [*COLUMNS[:2], COLUMNS[4], COLUMNS[5]], [("", -1, None, 2.5), (None, None, datetime(2026, 3, 1, tzinfo=UTC), None)])  # fmt: skip
    assert content.decode().splitlines()[1:] == ['"",-1,,2.50', ",,2026-03-01 00:00:00.000000Z,"]


def test_json_is_an_array_of_objects() -> None:
    """Moments with their zone, decimals as numbers."""
    row = ("é", 1, 2, date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), 15.75, 0.5, None)
    assert json.loads(as_bytes("json", COLUMNS, [row])) == [
        {"text": "é", "count": 1, "depth": 2, "day": "2026-03-01", "at": "2026-03-01T00:00:00+00:00", "average": 15.75, "share": 0.5, "is_so": None}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        *((text, f"'{text}") for text in (
            "=1+1", '=HYPERLINK("http://evil.example","x")', "+1", "-2+3", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a", "\u22121", "'=1", "-",
            " =1", "\u00a0=1", '"=1', '"" =1', "\u2019=1", "\ufeff=1", "\u200b=1", "\tplain", "\nplain", "'\tplain",
        )),
        ("\t=1", "'\t'=1"),
        ("\n=1", "'\n'=1"),
        ("\r\n=1", "'\r\n'=1"),
        ("x;=cmd|'/C calc'!A0", "x;'=cmd|'/C calc'!A0"),
        ("x,=1", "x,'=1"),
        ("x\t=1", "x\t'=1"),
        ("x|@SUM(A1)", "x|'@SUM(A1)"),
        ("x\n-1", "x\n'-1"),
        ("x\r\n+1", "x\r\n'+1"),
        ("x\uff1b\uff1d1", "x\uff1b'\uff1d1"),
        ("x\u2028=1", "x\u2028'=1"),
        ('x";"=1', "x\";'\"=1"),
        ("x; =1;'=2; '' =3", "x;' =1;''=2;' '' =3"),
        (";;=1", ";;'=1"),
        ("=1;=2\n=3", "'=1;'=2\n'=3"),
        ("\r=1", r"\x0d=1"),
    ],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_run_is_defused_and_can_be_undone(text: str, safe: str) -> None:
    """An apostrophe stands before a formula wherever a cell may begin, by whatever sign the reader divides."""
    ((shown,),) = cells(as_bytes("csv", [TEXT], [(text,)]))[1:]
    assert shown == safe
    assert undo(shown) == text


@pytest.mark.parametrize(
    "text", ["", "a=1", "'s Gravenhage", "1-2", "''", "ada@example.org", "a;b,c|d", "x;'y", "a\n\nb", "C:\\x1", "1 = 1"]
)
def test_a_harmless_text_is_left_as_it_is(text: str) -> None:
    """Names with an apostrophe too."""
    assert defuse(text) == undo(text) == text


def test_controls_of_a_text_are_shown_in_a_csv_and_kept_elsewhere() -> None:
    """A CSV is looked at in a terminal; what says so in it already is told from what is one."""
    text = "\x1b]52;c;x\x07 \\x1b \x9b31m\x00\x7f tab\t line\n"
    ((shown,),) = cells(as_bytes("csv", [TEXT], [(text,)]))[1:]
    assert shown == "\\x1b]52;c;x\\x07 \\x5cx1b \\x9b31m\\x00\\x7f tab\t line\n"
    assert undo(shown) == text
    assert json.loads(as_bytes("json", [TEXT], [(text,)])) == [{"text": text}]
    assert obeyed(as_bytes("json", [TEXT], [(text,)]).decode(), but="\n") == ""
    assert parquet.read_table(io.BytesIO(as_bytes("parquet", [TEXT], [(text,)])))["text"].to_pylist() == [text]


def test_a_byte_order_mark_stands_before_the_csv_where_it_is_asked_for() -> None:
    """Excel takes a file without one for the codepage of the machine."""
    file = io.BytesIO()
    assert write(file, "csv", [TEXT], [("Zoë",)], has_mark=True) == 1
    assert file.getvalue() == codecs.BOM_UTF8 + as_bytes("csv", [TEXT], [("Zoë",)])
    assert file.getvalue().decode("utf-8-sig") == '"text"\n"Zoë"\n'


@given(st.text(st.sampled_from("=+-@'\" ;,\t|\r\n\\x1bua\uff1d\ufeff\u2028"), max_size=30))
def test_however_a_reader_divides_a_text_no_part_begins_as_a_formula(text: str) -> None:
    """Whatever quotes and blanks it passes over."""
    shown = defuse(text)
    assert undo(shown) == text
    for part in re.split("[,;\t|\r\n\u2028]", shown):
        assert not re.match('[" \ufeff]*[=+\\-@\uff1d]', part)
        assert part[:1] not in tuple(DANGEROUS) or not part


@given(st.lists(st.tuples(st.none() | ANY_TEXT), max_size=8))
@example([("=a\r\n\0",)])
def test_whatever_a_text_is_csv_and_parquet_give_it_back(rows: list[tuple[str | None]]) -> None:
    """NUL, line ends, quotes, emoji; and no cell of the CSV begins as a formula does."""
    expected = [rendered(text) for (text,) in rows]
    kept = parquet.read_table(io.BytesIO(as_bytes("parquet", [TEXT], rows)))
    assert kept["text"].to_pylist() == expected
    content = as_bytes("csv", [TEXT, COLUMNS[1]], [(text, 1) for (text,) in rows])
    shown = [row[0] for row in cells(content)[1:]]
    assert [undo(text) for text in shown] == [text or "" for text in expected]
    assert [text for text in shown if text[:1] in DANGEROUS and text] == []


def test_rows_are_taken_a_batch_at_a_time() -> None:
    """However many there are, few are held."""
    taken = 0

    class WatchedFile(io.BytesIO):
        most_ahead = 0

        def write(self, content: Any) -> int:
            WatchedFile.most_ahead = max(WatchedFile.most_ahead, taken - self.written)
            self.written += bytes(content).count(b"\n")
            return super().write(content)

        written = -1

    def rows() -> Any:
        nonlocal taken
        for number in range(4 * BATCH_ROWS):
            taken += 1
            yield (number,)

    file = WatchedFile()
    assert write(file, "csv", [COLUMNS[1]], rows()) == 4 * BATCH_ROWS
    assert file.written == 4 * BATCH_ROWS
    assert BATCH_ROWS // 2 < WatchedFile.most_ahead <= BATCH_ROWS + 1
