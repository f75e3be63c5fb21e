"""Files of people: what is read with tolerance, and what is refused with its line and nothing written."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from sequel_assets.cli.commands import people as commands
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.cli.people_lists import ADA, BO, BOLT, call, csv_of, filled, linked
from sequel_assets_tests.support.rows import ACME

__all__ = ["filled"]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(
    "headings", ["email,external_id", "E-Mail,External ID", "e_mail_address\texternalId", '\ufeff"EMAIL";"EXTERNAL_ID"', "Mail,EXTERNAL-ID"]
)  # fmt: skip
def test_headings_are_read_with_tolerance(filled: Warehouse, tmp_path: Path, headings: str) -> None:
    """Capitals, blanks, signs between the letters, a byte order mark, commas, semicolons or tabs."""
    sign = next(sign for sign in ";\t," if sign in headings)
    assert call(filled, csv_of(tmp_path, f'{headings}\n"{ADA}"{sign}"a,b;c\td"\n'.replace("\td", " d"))) == 0
    assert linked(filled)[(BOLT, ADA)] == "a,b;c d"


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(("says", "sign"), [("sep=;", ";"), ('"sep=,"', ","), ("SEP=\t", "\t"), ("sep=|", "|")])
def test_the_line_by_which_excel_is_told_the_sign_is_no_heading(
    filled: Warehouse, tmp_path: Path, says: str, sign: str
) -> None:
    """It says the sign; lines keep their numbers."""
    lines = [says, f"email{sign}external_id", f"{ADA}{sign}crm-1", "one cell"]
    with pytest.raises(UsageError, match=r"^line 4: it has 1 cells where the first line has 2\n"):
        call(filled, csv_of(tmp_path, "\r\n".join(lines)))
    assert call(filled, csv_of(tmp_path, "\r\n".join(lines[:3]))) == 0
    assert linked(filled)[(BOLT, ADA)] == "crm-1"


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_as_such(filled: Warehouse, tmp_path: Path, encoding: str) -> None:
    """Excel's "Unicode text", with a byte order mark and without."""
    file = tmp_path / "crm.csv"
    file.write_bytes(f"email,external_id\n{ADA},crm-1\n".encode(encoding))
    with pytest.raises(UsageError) as raised:
        call(filled, file)
    assert str(raised.value) == f"{file}: this looks like UTF-16; save it as UTF-8. Nothing was written"


WRONG = {
    "no_id": (b"ada@example.org,\n", "external_id is empty"),
    "long": (b"ada@example.org," + b"x" * 201 + b"\n", "external_id is longer than 200 characters"),
    "nul": (b"ada@example.org,a\0b\n", "external_id holds characters that cannot be printed"),
    "line_end": (b'ada@example.org,"a\nb"\n', "external_id holds characters that cannot be printed"),
    "latin": (b"b\xf6@example.org,crm-1\n", "it is not UTF-8"),
    "nobody": (b",crm-1\n", "it has neither e-mail nor person_id"),
    "cells": (b"ada@example.org,crm-1,crm-2\n", "it has 3 cells where the first line has 2"),
    "quotes": (b'"ada@example.org"x,crm-1\n', "a quote is closed in it before the end of its cell"),
    "endless": (b'"' + b"x" * 200_000 + b'",crm-1\n', "its e-mail is longer than 1,000 characters"),
    "plain_endless": (b"x" * 200_000 + b",crm-1\n", "its e-mail is longer than 1,000 characters"),
    "long_id": (b"ada@example.org," + b"x" * 200_000 + b"\n", "external_id is longer than 200 characters"),
    "open": (b'ada@example.org,"crm-1\n', "a quote that is opened in it is never closed"),
    "open_for_long": (
        b'ada@example.org,"' + b"x" * 200_000 + b"\n" * 9,
        "a quote that is opened in it is never closed",
    ),
    "closed_elsewhere": (
        b'ada@example.org,"crm-1\nbo@example.org,"crm-2"\n',
        "a quote that is opened in it is closed in line 4, within another cell; the lines between are part of it",
    ),
}


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_long_cell_that_nobody_reads_does_no_harm(filled: Warehouse, tmp_path: Path) -> None:
    """A note, say; longer than Python's reader of CSV takes by itself."""
    file = csv_of(tmp_path, f'email,note,external_id\n{ADA},{"x" * 200_000},crm-1\n{ADA},"{"y" * 200_000}",crm-1\n')
    limit = csv.field_size_limit()
    assert call(filled, file, BOLT) == 0
    assert linked(filled)[(BOLT, ADA)] == "crm-1"
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'"email"x,external_id\n', "line 1: a quote is closed in it before the end of its cell. Nothing was written"),
        (b'sep=,\n"email,external_id\n', "line 2: a quote that is opened in it is never closed. Nothing was written"),
        (b"PK\x03\x04\x14\x00\x06\x00", "this looks like a workbook of Excel; save it as CSV in UTF-8. Nothing was written"),
        ("email".encode("utf-32"), "this looks like UTF-32; save it as UTF-8. Nothing was written"),
        ("email".encode("utf-16"), "this looks like UTF-16; save it as UTF-8. Nothing was written"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(filled: Warehouse, tmp_path: Path, content: bytes, why: str) -> None:
    """And not something else that is wrong with other files."""
    file = csv_of(tmp_path, content)
    with pytest.raises(UsageError) as raised:
        call(filled, file)
    assert str(raised.value) == f"{file}: {why}"


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_is_no_file_says_what_it_is(filled: Warehouse, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, why in (
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "it is no plain file"),
        (tmp_path / "no", "there is no such file"),
    ):
        with pytest.raises(UsageError) as raised:
            call(filled, place)
        assert str(raised.value) == f"{place}: {why}"


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_line_is_told_by_its_number_and_nothing_is_written(
    filled: Warehouse, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never by its content; with --skip-bad the others are written."""
    before, (line, why) = linked(filled), WRONG[name]
    file = csv_of(tmp_path, b"email,external_id\nb\xc3\xb6@example.org,crm-9\n" + line)
    with pytest.raises(UsageError) as caught:
        call(filled, file)
    assert str(caught.value).splitlines() == [
        f"line 3: {why}",
        "nothing was written; correct them, or leave them out with --skip-bad",
    ]
    assert linked(filled) == before
    assert call(filled, file, skips=True) == 0
    assert linked(filled) == {**before, (ACME, BO): "crm-9"}
    assert capsys.readouterr().err.splitlines() == [f"left out: line 3: {why}"]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_many_wrong_lines_are_counted(filled: Warehouse, tmp_path: Path) -> None:
    """The first twenty are told."""
    with pytest.raises(UsageError) as caught:
        call(filled, csv_of(tmp_path, "email,external_id\n" + "x@example.org,\n" * 1_234))
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[0], lines[20]) == (22, "line 2: external_id is empty", "and 1,214 more")


@pytest.mark.parametrize("engine_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it needs the columns email (or person_id) and external_id, named as such"),
        ("name,external_id\n", "it needs the columns"),
        ("email,name\n", "it needs the columns"),
        ("email,E-Mail,external_id\n", "it has email twice"),
        ('"email\n', "line 1: a quote that is opened in it is never closed"),
    ],
)
def test_a_file_that_is_no_list_is_refused(filled: Warehouse, tmp_path: Path, content: str, words: str) -> None:
    """In one line, with the file's name."""
    file = csv_of(tmp_path, content)
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        call(filled, file)
    assert str(caught.value).startswith(f"{file}: {words}")


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_size_and_rows_are_bounded(filled: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond them is refused before anything is written."""
    before, file = linked(filled), csv_of(tmp_path, f"email,external_id\n{ADA},crm-1\n{BO},crm-2\n")
    for name, most in (("MAX_BYTES", 20), ("MAX_ROWS", 1)):
        with monkeypatch.context() as patched:
            patched.setattr(commands, name, most)
            with pytest.raises(UsageError, match="Nothing was written"):
                call(filled, file)
    with pytest.raises(UsageError, match="it is a folder"):
        call(filled, tmp_path)
    assert linked(filled) == before
