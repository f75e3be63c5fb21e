"""Every message that the software prints is findable in docs/messages.md, and each has its kind: meaning, data, next step."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from sequel_assets_tests.support.commands.calls import call_in_process
from sequel_assets_tests.support.paths import PROJECT
from tools.messages.collecting import GAP, Message, collect, exceptions, texts_of
from tools.messages.kinds import KINDS, kind_of
from tools.messages.page import code

PAGE = (PROJECT / "docs" / "messages.md").read_text(encoding="utf-8")
MIN_LITERAL = 14
"""Characters between two gaps by which a reader finds a message."""


def pattern(text: str) -> re.Pattern[str]:
    """What a message looks like with its gaps filled in."""
    return re.compile(".*".join(re.escape(part) for part in re.split(f"{GAP}+|%s", text)), re.DOTALL)


def findable(line: str) -> list[str]:
    """The messages of the page that a printed line has: those with enough words of their own."""
    known = {message.text for message in collect() if max(map(len, message.text.split(GAP))) >= MIN_LITERAL}
    assert all(code(text) in PAGE for text in known)
    return [text for text in known if pattern(text).search(line)]


def test_each_message_has_a_kind_and_each_kind_a_message() -> None:
    """By its room: a new one is refused until tools/messages/kinds.py names it."""
    counts = Counter(kind_of(message).title for message in collect())
    assert [kind.title for kind in KINDS if not counts[kind.title]] == []
    assert [kind.title for kind in KINDS if not (kind.means and kind.data and kind.next)] == []
    with pytest.raises(ValueError, match="give its room a kind"):
        kind_of(Message("something is wrong here", "brand_new/module.py", is_error=True))


def test_the_collection_knows_every_exception_and_every_way_to_write_a_text() -> None:
    """So that the page being fresh means that it is complete."""
    assert {
        "UsageError",
        "SettingsError",
        "WarehouseError",
        "SequelError",
        "SliceFailure",
        "Contradiction",
    } <= exceptions()
    assert len(collect()) > 350
    said = {message.text for message in collect()}
    assert "the warehouse … has no tables yet; run: sequel-assets migrate" in said  # an f-string in parts
    assert "database is locked" not in said  # what is looked for in others' words
    written = ast.parse('f"a {value} b " + ("and so on" if value else "or not")', mode="eval").body
    assert texts_of(written) == ["a … b and so on", "a … b or not"]


DAYS = ["--from", "2026-03-01", "--to", "2026-03-02"]
WRONG: dict[str, tuple[list[str], dict[str, str]]] = {
    "no such day": (["backfill", "--from", "yesterday", "--to", "2026-03-03"], {}),
    "the wrong way round": (
        ["backfill", "--from", "2026-03-03", "--to", "2026-03-01"],
        {"SEQUEL_START_DATE": "2026-01-01"},
    ),
    "no warehouse": (["status"], {}),
    "a setting": (["status"], {"SEQUEL_PERSON_KEY": "short"}),
    "two settings": (["migrate"], {"SEQUEL_START_DATE": "soon", "SEQUEL_WEBHOOK_URL": "http://example.com"}),
    "an address": (["migrate"], {"SEQUEL_WAREHOUSE_URL": "mysql://x/y"}),
    "no folder": (["migrate"], {"SEQUEL_WAREHOUSE_URL": "sqlite:////nowhere/at/all.db"}),
    "nobody listens": (["migrate"], {"SEQUEL_WAREHOUSE_URL": "postgresql://a:b@127.0.0.1:1/c"}),
    "no database": (["status"], {"SEQUEL_WAREHOUSE_URL": "sqlite:///text.db"}),
    "another release": (["status"], {"SEQUEL_WAREHOUSE_URL": "sqlite:///old.db"}),
    "nothing to serve": (["serve"], {}),
    "no key for the receiver": (["serve", "receiver"], {"SEQUEL_WAREHOUSE_URL": "sqlite:///new.db"}),
    "no data set": (
        ["export", *DAYS, "--to-folder", "x", "--format", "csv", "--dataset", "x"],
        {"SEQUEL_WAREHOUSE_URL": "sqlite:///new.db"},
    ),
    "no way to Sequel": (
        ["webhooks", "ensure"],
        {
            "SEQUEL_WAREHOUSE_URL": "sqlite:///new.db",
            "SEQUEL_API_URL": "http://127.0.0.1:1",
            "SEQUEL_WEBHOOK_SECRET_KEY": "x",
        },
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_wrong_command_prints_is_found_in_the_page(name: str, tmp_path: Path) -> None:
    """Each line of it, as a user sees it."""
    (tmp_path / "text.db").write_text("no database at all, and long enough to be read as one" * 9)
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("CREATE TABLE something (x)")
    assert call_in_process(["migrate"], tmp_path, {"SEQUEL_WAREHOUSE_URL": "sqlite:///new.db"}).returncode == 0
    arguments, told = WRONG[name]
    done = call_in_process(arguments, tmp_path, told)
    assert done.returncode in (2, 3), done
    lines = done.stderr.splitlines()
    assert lines
    assert [line for line in lines if not findable(line)] == []


def test_a_line_that_is_nowhere_is_noticed() -> None:
    assert findable("the frobnicator is out of grease; apply some") == []
