"""`sequel-assets people link`: your own ids for the people, from a file or a view, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.settings import SettingsError
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.person_links import LinkEntry, read_links
from sequel_assets.warehouse.tables.core import event_participants
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.cli.people_lists import ADA, BO, BOLT, CY, KEY, call, csv_of, filled, key_of, linked
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.rows import ACME, DAY, known_event, participant

__all__ = ["filled"]
PRIVATE = ("ada", "example.org", "crm-1", "crm-2")


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
