"""What the audience types stands in columns that are marked as personal, and nowhere else in the warehouse."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from sequel_assets.cli.commands.export import export
from sequel_assets.cli.commands.export_options import ExportOptions
from sequel_assets.insights.person_engagement import person_engagement
from sequel_assets.refresh.datasets.interactions import NO_EMOJI, _an_emoji
from sequel_assets.sandbox import HUB, Attendance, Person, Room, Sandbox
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import metadata, refreshes
from sequel_assets.warehouse.tables.event_details import poll_answers
from sequel_assets_tests.cli.exported_rows import settings_of
from sequel_assets_tests.support.harness import (
    ADA,
    BO,
    PlatformUnderTest,
    at,
    client_of,
    day,
    event,
    failures,
    world_of,
)
from sequel_assets_tests.support.rows import settle_in, table_of
from sequel_assets_tests.warehouse.migrations.test_counts_from import at_revision

TYPED = {
    "registrants": ("name", "email", "join_url"),
    "participantsList": ("username", "email", "userId", "avatar"),
    "user-activity": ("name", "email", "userId", "leadStatus"),
    "polls": ("userEmail", "name", "text of a question", "text of a message", "answer", "optionId", "emoji"),
    "top-participants": ("name", "userEmail"),
}
"""By the last part of the path: the fields of an answer that somebody of the audience fills, or that say who they are."""


class Planting(httpx.BaseTransport):
    """Lets requests through to the sandbox and puts a token of its own into each field that people type."""

    def __init__(self) -> None:
        self._through = httpx.HTTPTransport()
        self._numbers = itertools.count()
        self._of_person: dict[tuple[str, str], str] = {}
        self.planted: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._through.handle_request(request)
        answer.read()
        kind = request.url.path.rpartition("/")[2]
        if kind not in TYPED or answer.status_code != httpx.codes.OK:
            return answer
        body = self._changed(kind, json.loads(answer.content), "")
        return httpx.Response(200, json=body, headers={"Date": answer.headers["Date"]})

    def close(self) -> None:
        self._through.close()

    def _changed(self, kind: str, value: Any, within: str) -> Any:
        if isinstance(value, list):
            return [self._changed(kind, each, within) for each in value]
        if not isinstance(value, dict):
            return value
        here = value.get("email") or value.get("userEmail") or value.get("meta", {}).get("email")
        found = {}
        for name, inner in value.items():
            field = f"{name} of a {within}" if name == "text" else name
            if name == "metadata":
                found[name] = {self._token(name, ""): self._token("custom answer", "")}
            elif field in TYPED[kind] and isinstance(inner, str) and not (name == "optionId" and within == "option"):
                found[name] = self._token(f"{kind} {field}", str(here)) + (
                    "@mail.example" if "mail" in name.lower() else ""
                )
            else:
                found[name] = self._changed(
                    kind, inner, {"questions": "question", "chat": "message", "options": "option"}.get(name, within)
                )
        return found

    def _token(self, field: str, who: str) -> str:
        """The same for a person each time it is asked, since totals are proven by e-mail."""
        if (field, who) not in self._of_person:
            self._of_person[field, who] = f"zq{next(self._numbers)}qz"
            self.planted.add(field)
        return self._of_person[field, who]


def talk() -> dict[str, Any]:
    """One of each, by Ada."""
    ada = {"userEmail": ADA.email, "name": ADA.name}
    return {
        "polls": [{"pollId": "p", "question": "Why?", "options": [{"optionId": "a", "text": "So"}],
                   "answers": [{**ada, "optionId": "in my own words", "answeredAt": "2026-03-03T09:05:00Z"}]}],
        "questions": [{"questionId": "q", **ada, "text": "?", "askedAt": "2026-03-03T09:05:00Z", "answer": "!"}],
        "chat": [{"messageId": "m", **ada, "text": "hi", "sentAt": "2026-03-03T09:01:00Z"}],
        "reactions": [{"emoji": "ha ha", "count": 2, "minute": 1}],
    }  # fmt: skip


def test_no_column_but_those_that_are_marked_holds_what_people_typed(warehouse: Warehouse, tmp_path: Any) -> None:
    """Every table of the warehouse is walked; and no export without permission holds any of it."""
    hub = event("hub", "kid", at(3), [Attendance(ADA, live=[(at(3), 5)])], event_type=HUB, rooms=[Room("Bar", 2)])
    came = [Attendance(ADA, live=[(at(3), 30)]), Attendance(BO, live=[(at(3), 9)])]
    stage = event("e", "kid", at(3), came, talk=talk(), hub_id="hub", absentees=[Person("Cy", "cy@example.org")])
    planting = Planting()
    with Sandbox(world_of(hub, stage)) as server, client_of(server) as plain:
        client = SequelClient(plain.config, transport=planting)
        with client:
            it = PlatformUnderTest(server.world, server, client, warehouse)
            outcomes = it.refresh()
            assert failures(outcomes) == []
    wanted = {f"{kind} {field}" for kind, fields in TYPED.items() for field in fields} - {"participantsList avatar"}
    assert planting.planted >= wanted
    holding: set[str] = set()
    with warehouse.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)).mappings():
                holding |= {f"{table.name}.{c.name}" for c in table.columns if "zq" in str(row[c.name])}
    marked = {f"{t.name}.{c.name}" for t in metadata.sorted_tables for c in t.columns if c.info.get("personal")}
    assert holding <= marked
    linked = {"people.external_id"}
    assert holding == marked - linked
    assert [o for o in outcomes if "zq" in str(o.preview) + o.reason] == []
    code = export(
        settings_of(warehouse, now=at(8, 14)), ExportOptions((), day(1), day(8), "csv", tmp_path / "out"), ["kid"]
    )
    assert code in (0, 1)
    left = [path for path in (tmp_path / "out").rglob("*.csv") if b"zq" in path.read_bytes()]
    assert left == []


def test_no_key_is_personal() -> None:
    """A row without its key could not be exported."""
    keys = [str(c) for table in metadata.sorted_tables for c in table.primary_key.columns if c.info.get("personal")]
    assert keys == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        *((emoji, emoji) for emoji in ("👏", "❤\ufe0f", "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿\ufe0f", "🇩🇪", "1\ufe0f\u20e3", "#\u20e3", "\u2139\ufe0f", "Ⓜ\ufe0f", "🏴\U000e0067\U000e0062\U000e007f", ":-)")),
        *((text, NO_EMOJI) for text in ("ada@example.org", "ha ha", "0151 234", "👏 Ada", "名前", " ", "\x1b[31m👏")),
    ],
)  # fmt: skip
def test_an_emoji_is_kept_and_a_text_in_its_place_is_not(text: str, kept: str) -> None:
    """It is a key, which cannot be personal; its count stays."""
    assert _an_emoji(text) == kept


def test_answers_of_an_older_release_move_to_the_column_that_is_marked(warehouse_url: str) -> None:
    """Those to listed options stay where they are; person_engagement, which had rows too many, is derived anew."""
    warehouse = Warehouse(warehouse_url)
    at_revision(warehouse, "0008")
    settle_in(warehouse, {"e1": "virtualStageEvent"})
    old = [column for column in poll_answers.columns if column.name != "answer_text"]
    before = sa.table("poll_answers", *(sa.column(column.name, column.type) for column in old))
    start = ("acme", day(3), "e1", "p")
    with warehouse.write() as connection:
        for row in ((*start, 1, "ada", "a", True, at(3)), (*start, 2, None, "in my own words", False, None)):
            connection.execute(before.insert().values(row))
        engaged = (day(3), "e1", "ada", 0, 0, 0, None, 0, False, False, None, None, None, None, None, None, None)
        connection.execute(person_engagement.insert().values(("acme", *engaged)))
        noted = ("person_engagement", day(3), at(4), at(4), at(4), True, 1, "sum", "sum", "run")
        old_refreshes = sa.table("refreshes", *(sa.column(c.name, c.type) for c in [*refreshes.columns][:-1]))
        connection.execute(old_refreshes.insert().values(("acme", *noted)))
    schema.migrate(warehouse)
    assert table_of(warehouse, person_engagement) == []
    assert [row for row in table_of(warehouse, refreshes) if row[1] == "person_engagement"] == []
    assert table_of(warehouse, poll_answers) == [
        (*start, 1, "ada", "a", True, at(3), None),
        (*start, 2, None, "", False, None, "in my own words"),
    ]
    warehouse.dispose()
