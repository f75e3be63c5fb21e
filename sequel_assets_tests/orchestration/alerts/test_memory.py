"""What the alerts remember in their cursor, and that what is sent is clean and short."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.orchestration.alerts import decisions
from sequel_assets.orchestration.alerts.decisions import (
    IncidentKey,
    from_cursor,
    to_cursor,
)
from sequel_assets.orchestration.alerts.sanitize import bounded
from sequel_assets_tests.orchestration.alerts.observed_checks import START, green, red, tick


def test_memory_is_bounded() -> None:
    """What does not fit is neither told nor forgotten: it waits for room."""
    standing = [red(IncidentKey("check", "a", f"c{n}"), START) for n in range(decisions.MAX_REMEMBERED + 100)]
    _, memory = tick(standing, {}, START)
    assert len(memory) == decisions.MAX_REMEMBERED
    assert tick(standing, memory, START + 60)[0] == []
    assert len(to_cursor(memory)) < decisions.MAX_CURSOR


RUBBISH = [
    "",
    "null",
    "[]",
    "7",
    "{",
    '{"causes":7}',
    '{"causes":[7]}',
    '{"causes":[["check","a","c",1e400,1,1,true,null]]}',
    '{"causes":[["check","a","c",NaN,1,1,true,null]]}',
    '{"causes":[["person","a","c",1,1,1,true,null]]}',
    '{"causes":[["check","a","c","x",1,1,true,null]]}',
    "[" * 100_000,
    "x" * 1_000_000,
]


@pytest.mark.parametrize("cursor", RUBBISH, ids=range(len(RUBBISH)))
def test_a_cursor_of_rubbish_is_an_empty_memory(cursor: str) -> None:
    """What stands is told again."""
    assert from_cursor(cursor, START) == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["causes", "x"]), inner),
        max_leaves=20,
    )
)
def test_no_cursor_makes_it_fail(value: object) -> None:
    """Whatever JSON it is."""
    from_cursor(json.dumps(value), START)
    from_cursor(json.dumps({"causes": value}), START)


def test_a_cursor_from_the_future_does_not_hold_anything_up() -> None:
    """A clock that was set back: times later than now are taken as now."""
    memory = from_cursor('{"causes":[["job","a","",9e9,1,9e9,true,9e9]]}', START)
    messages, _ = tick([green(IncidentKey("job", "a"), START)], memory, START + 600)
    assert [message.title for message in messages] == ["Sequel: job a is well again"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("a\x00b\x1b[31mc\u202e", "ab[31mc"),
        ("one\r\n\ntwo\tthree", "one\ntwo three"),
        ("of <Ann.Smith+x@example.com>, late", "of [e-mail] late"),
        (
            "ann\u200b@example.com ann%40example.com ann\uff20example.com @everyone",
            "[e-mail] [e-mail] [e-mail] [e-mail]",
        ),
        ("see https://hooks.example.com/secret now", "see [address] now"),
        ("\n".join(f"line {n}" for n in range(20)), "\n".join(f"line {n}" for n in range(12)) + "\n…"),
    ],
)
def test_what_leaves_the_house_is_clean(text: str, said: str) -> None:
    """No control characters, no e-mails, no addresses, few lines."""
    assert bounded(text) == said


@given(st.text(max_size=200).map(lambda text: text * 200) | st.text(max_size=3000))
def test_what_leaves_the_house_is_short(text: str) -> None:
    """And has no e-mail in it, wherever it is cut."""
    said = bounded(text)
    assert len(said) <= 1500
    assert "@" not in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)


def test_the_cut_leaves_no_half_of_an_email() -> None:
    """Neither the one of what is read nor the one of what is sent."""
    for before in range(19_980, 20_010):
        assert "ann" not in bounded("[e@m] " + "\u0000" * before + " ann.smith@example.com")
    for before in range(1_480, 1_510):
        assert "ann" not in bounded("x" * before + " ann.smith@example.com")
