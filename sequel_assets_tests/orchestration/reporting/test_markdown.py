"""What comes from outside is shown by Dagster's Markdown as it is: no link, picture, HTML, nor a table's edge."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from sequel_assets.orchestration.reporting.charts.daily import as_markdown, draw, empty_figure, plain
from sequel_assets.orchestration.reporting.markdown import as_table, escaped, shown_as_is
from sequel_assets.safety.visible import visible
from sequel_assets_tests.support.hostile_names import HOSTILE, obeyed

READER = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")


def texts_of(markdown: str) -> tuple[list[list[str]], set[str]]:
    """The cells of each row as they are shown, and the kinds of all that is within them."""
    rows: list[list[str]] = []
    kinds: set[str] = set()
    for token in READER.parse(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append("".join(child.content for child in token.children or []))
            kinds |= {child.type for child in token.children or []}
    return rows, kinds


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_of_a_table_is_shown_as_it_is(text: str) -> None:
    """Whatever it holds: one cell, of text or code alone, and nothing that would be made a link afterwards."""
    rows, kinds = texts_of(as_table([("event_id", "people"), (text, "1"), ("plain", "2")]))
    assert rows[0] == ["event_id", "people"]
    assert rows[2] == ["plain", "2"]
    shown = re.sub(r"\\+(?=\|)", lambda run: r"\x5c" * len(run[0]), visible(text))
    assert rows[1] == [shown, "1"]
    assert kinds <= {"text", "code_inline"}
    assert obeyed("".join(rows[1])) == ""
    plain_text = [
        child.content
        for token in READER.parse(as_table([("a",), (text,)]))
        for child in token.children or []
        if child.type == "text"
    ]
    assert [one for one in plain_text if re.search(r"://|www\.|@|[<>\[\]!]", one)] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_the_words_of_a_picture_are_words(text: str) -> None:
    """One picture, of ours."""
    (token,) = [
        token for token in READER.parse(f"![{escaped(text)}](data:image/png;base64,AA==)") if token.type == "inline"
    ]
    assert [child.type for child in token.children or []] == ["image"]
    assert (token.children or [])[0].attrs["src"] == "data:image/png;base64,AA=="


def test_a_company_key_is_drawn_and_told_as_it_is() -> None:
    """A key that is none of ours may stand in an old warehouse."""
    key = "![x](http://evil.example)<script>$x^2$\x1b]0;x\x07"
    markdown = as_markdown(key, empty_figure())
    assert markdown.startswith(
        "!" + r"[\!\[x\]\(http://evil.example\)\<script\>\$x^2\$\\x1b\]0;x\\x07](data:image/png;base64,"
    )
    assert plain("\x1b]0;$x\u202e") == r"?]0;\$x?"
    assert draw("acme", []) == ""


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("acme-events.3f9a1c07", "acme-events.3f9a1c07"), ("2026-11-23 14:05:00+00:00", "2026-11-23 14:05:00+00:00"), ("", ""), ("12.5%", "12.5%"),
        ("www.evil.example", "`www.evil.example`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("a@b.example", "`a@b.example`"), ("_x_", "`_x_`"), ("👏", "`👏`"),
        ("a__b__c", "`a__b__c`"), ("1.", "`1.`"),
    ],
)  # fmt: skip
def test_a_plain_text_needs_no_dress(text: str, markdown: str) -> None:
    assert shown_as_is(text) == markdown
