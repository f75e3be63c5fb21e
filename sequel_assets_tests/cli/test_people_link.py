"""`sequel-assets people link`: your own ids for the people, from a file or a view, on both databases."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets import settings as settings_module
from sequel_assets.cli.commands import people as commands
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.settings import SettingsError
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.people import person_id
from sequel_assets.warehouse.stores.person_links import LinkEntry, read_links
from sequel_assets.warehouse.tables.core import event_participants, people
from sequel_assets_tests.cli.test_cli import Checkout
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.rows import ACME, AT, DAY, known_company, known_event, participant

BOLT = "bolt"
KEY = "k" * 32
ADA, BO, CY = ("ada@example.org", "bö@example.org", "cy@example.org")
PRIVATE = ("ada", "example.org", "crm-1", "crm-2")


def key_of(email: str) -> str:
    """The person of an e-mail."""
    return person_id(KEY, email, "", "")


def settings_of(warehouse: Warehouse, **more: Any) -> settings_module.Settings:
    """Settings for this warehouse."""
    told = {"warehouse_url": warehouse.url.render_as_string(hide_password=False), "person_key": KEY}
    return settings_module.load(**{**told, "now": datetime(2026, 3, 4, tzinfo=UTC), **more})


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Ada at both companies, Bo at Acme, where he is linked already."""
    rows = [(ACME, ADA, None), (ACME, BO, "old"), (BOLT, ADA, None)]
    with warehouse.write() as connection:
        catalog.save_companies(connection, [known_company(), known_company(BOLT)], at=AT)
        bulk.insert(
            connection,
            people,
            [(company, key_of(e), e, "Somebody", linked, date(2026, 3, 1)) for company, e, linked in rows],
        )
    return warehouse


def linked(warehouse: Warehouse) -> dict[tuple[str, str], str | None]:
    """(company, e-mail) -> external id."""
    with warehouse.read() as connection:
        p = people.c
        return {(row[0], row[1]): row[2] for row in connection.execute(sa.select(p.company_id, p.email, p.external_id))}


def call(
    warehouse: Warehouse, file: Path | None, *companies: str, skips: bool = False, dry: bool = False, **more: Any
) -> int:
    """Call the command."""
    return commands.link(settings_of(warehouse, **more), file, companies, skips_bad=skips, is_dry=dry)


def csv_of(folder: Path, text: str | bytes) -> Path:
    """A file with this content."""
    path = folder / "links.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_people_are_linked_at_every_company_where_they_stand(
    filled: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the spelling of the e-mail; a second time changes nothing, a dry run neither. No e-mail is said."""
    before = linked(filled)
    file = csv_of(tmp_path, f"email,external_id\n {ADA.upper()} ,crm-1\nBO\u0308@example.org,crm-2\n{CY},crm-3\n")
    told = []
    for is_dry in (True, False, False):
        assert call(filled, file, dry=is_dry) == 0
        said = capsys.readouterr()
        told.append([line.split("│")[1:4] for line in said.out.splitlines() if line.startswith("│")])
        assert said.out.splitlines()[-1].startswith(f"3 people in {file}: 2 linked, 1 unknown at these companies")
        assert [word for word in PRIVATE if word in said.out.lower().replace(str(file).lower(), "")] == []
        assert linked(filled) == (
            before if is_dry else {(ACME, ADA): "crm-1", (ACME, BO): "crm-2", (BOLT, ADA): "crm-1"}
        )
    counts = [[[int(cell) for cell in row[1:]] for row in each] for each in told]
    assert counts == [[[2, 2], [1, 1]], [[2, 2], [1, 1]], [[2, 0], [1, 0]]]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_only_the_companies_named_are_linked(filled: Warehouse, tmp_path: Path) -> None:
    """By `--company`; by person_id no key is needed."""
    file = csv_of(tmp_path, f"Person ID;External-Id;note\r\n{key_of(ADA).upper()};crm-1;x\r\n\r\n;;\r\n")
    assert call(filled, file, BOLT, person_key=None) == 0
    assert linked(filled) == {(ACME, ADA): None, (ACME, BO): "old", (BOLT, ADA): "crm-1"}


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


def test_a_view_in_the_warehouse_links_as_a_file_does(filled: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers as ids too; a row that is wrong is told, and a view that is not there."""
    with filled.write() as connection:
        connection.execute(sa.text("CREATE TABLE crm_users (mail text, id bigint)"))
        connection.execute(sa.text("INSERT INTO crm_users VALUES (:a, 77), (:b, 78)"), {"a": ADA.upper(), "b": BO})
        connection.execute(sa.text('CREATE VIEW "CrmIds" AS SELECT mail AS email, id AS external_id FROM crm_users'))
    assert call(filled, None, people_view="CrmIds") == 0
    assert linked(filled) == {(ACME, ADA): "77", (ACME, BO): "78", (BOLT, ADA): "77"}
    assert "2 people in SEQUEL_PEOPLE_VIEW CrmIds: 2 linked, 0 unknown" in capsys.readouterr().out
    with filled.write() as connection:
        connection.execute(sa.text("INSERT INTO crm_users VALUES (NULL, 79)"))
    with pytest.raises(UsageError, match="row 3: it has neither e-mail nor person_id"):
        call(filled, None, people_view="CrmIds")
    with pytest.raises(UsageError, match="the warehouse has no such view or table"):
        call(filled, None, people_view="crm_ids")
    with pytest.raises(UsageError, match="it needs the columns"):
        call(filled, None, people_view="crm_users")
    with pytest.raises(SettingsError, match="SEQUEL_PEOPLE_VIEW: is not set"):
        call(filled, None)


HASHES = st.sampled_from([key_of(email) for email in (ADA, BO, CY)])
ENTRIES = st.lists(
    st.tuples(st.sampled_from(["", ADA, BO, f" {ADA.upper()}"]), st.just("") | HASHES | st.text(max_size=5), st.sampled_from(["", "1", " 1 ", "2"])),
    max_size=8,
)  # fmt: skip


@given(ENTRIES)
def test_a_list_says_of_each_line_who_or_why_not(lines: Sequence[tuple[str, str, str]]) -> None:
    """Held against the rules one by one: the first id of a person stands."""
    expected: dict[str, str] = {}
    wrong = set()
    for place, (email, given_id, external) in enumerate(lines):
        ids = {key_of(email)} if email else set()
        ids |= {given_id.strip().lower()} if given_id.strip() else set()
        (person,) = ids if len(ids) == 1 else {""}
        is_wrong = (
            len(person) != 64 or not external.strip() or expected.get(person, external.strip()) != external.strip()
        )
        if is_wrong:
            wrong.add(place)
        else:
            expected[person] = external.strip()
    links = read_links([LinkEntry(place, *line) for place, line in enumerate(lines)], KEY)
    assert (dict(links.external_ids), set(links.wrong)) == (expected, wrong)


def test_the_command_links_a_backfilled_world(sandbox: Any, tmp_path: Path) -> None:
    """As people call it."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    checkout = Checkout(folder, sandbox)
    assert checkout.call("backfill", "--from", "2026-03-01", "--to", "2026-03-03").returncode == 0
    (folder / "crm.csv").write_text("E-Mail,External ID\nZebulon.Quux@mail.example,crm-77\n")
    done = checkout.call("people", "link", "crm.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1 people in crm.csv: 1 linked, 0 unknown at these companies."
    for arguments in (["people", "link"], ["people", "link", "crm.csv", "--view"]):
        wrong = checkout.call(*arguments)
        assert (wrong.returncode, wrong.stderr) == (2, "choose a source: FILE.csv, or --view\n")


def test_the_pages_own_query_works(filled: Warehouse) -> None:
    """docs/your-own-users.md: minutes by your users, on both databases."""
    page = (PROJECT / "docs" / "your-own-users.md").read_text()
    query = page.split("```sql\n")[1].split("```")[0]
    with filled.write() as connection:
        catalog.save_events(connection, ACME, [known_event("e1")])
        bulk.insert(
            connection, event_participants, [participant("e1", key_of(BO), 30, 12), participant("e1", key_of(ADA), 5)]
        )
        assert connection.execute(sa.text(query)).all() in ([("old", DAY, 42)], [("old", DAY.isoformat(), 42)])
