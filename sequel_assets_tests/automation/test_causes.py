"""Alerts, decided: each cause is told once until it is well, well is told once, and restarts change nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.automation import causes
from sequel_assets.automation.causes import Identity, Memory, Message, Sighting, decide, from_cursor, sent, to_cursor
from sequel_assets.automation.wording import bounded

FRESH = Identity("check", "daily_usage", "freshness")
JOB = Identity("job", "refresh_slices")
START = 1_790_000_000.0
MINUTE = 60.0


def red(identity: Identity, at: float, text: str = "acme.3f9a1c07 2026-11-23 is late", **more: object) -> Sighting:
    return Sighting(identity, True, at, more.pop("since", at), text=text, **more)  # type: ignore[arg-type]


def green(identity: Identity, at: float) -> Sighting:
    return Sighting(identity, False, at, at)


def tick(standing: list[Sighting], memory: Memory, now: float, *, arrives: bool = True) -> tuple[list[Message], Memory]:
    """One tick of a sensor that is restarted after each: the memory goes through the cursor."""
    messages, after = decide(standing, from_cursor(to_cursor(memory), now), now)
    for message in messages if arrives else ():
        after = sent(after, message)
    return messages, after


def test_a_red_check_is_told_with_what_since_when_and_what_next() -> None:
    """Once, though its text changes."""
    messages, memory = tick([red(FRESH, START, since=START - 3600)], {}, START + 30)
    assert messages == [
        Message(
            "Sequel: check freshness of daily_usage failed",
            "acme.3f9a1c07 2026-11-23 is late\n\nSince: 2026-09-21 13:13 UTC\nSeverity: ERROR\n"
            "Next: run `sequel-assets status`; see in Dagster that the daemon and the schedules run.",
            True,
            "ERROR",
            (FRESH,),
        )
    ]
    assert tick([red(FRESH, START + 60, "another text")], memory, START + 90)[0] == []


def test_well_again_is_told_after_ten_minutes_and_a_relapse_before_is_the_same_cause() -> None:
    """Red at 0, well at 5, red at 8, well at 10: told at 0 and at 20."""
    told, memory = [], {}
    history = {
        0: red(FRESH, START),
        5: green(FRESH, START + 300),
        8: red(FRESH, START + 480),
        10: green(FRESH, START + 600),
    }
    latest = history[0]
    for minute in range(40):
        latest = history.get(minute, latest)
        messages, memory = tick([latest], memory, START + minute * MINUTE)
        told += [(minute, message.title) for message in messages]
    assert told == [
        (0, "Sequel: check freshness of daily_usage failed"),
        (20, "Sequel: check freshness of daily_usage is well again"),
    ]
    assert memory == {}


def test_what_does_not_arrive_is_told_at_the_next_tick() -> None:
    """Red and well alike."""
    first, memory = tick([red(JOB, START)], {}, START, arrives=False)
    again, memory = tick([red(JOB, START)], memory, START + 60)
    assert first == again
    lost, memory = tick([green(JOB, START + 120)], memory, START + 860, arrives=False)
    told, memory = tick([green(JOB, START + 120)], memory, START + 920)
    assert [message.title for message in told] == ["Sequel: job refresh_slices is well again"]
    assert lost == told
    assert memory == {}


def test_an_older_success_is_no_recovery() -> None:
    """The failed run was deleted by housekeeping; what is left is the success before it."""
    _, memory = tick([red(JOB, START)], {}, START)
    for hour in range(1, 100):
        messages, memory = tick([green(JOB, START - 3600)], memory, START + hour * 3600)
        assert messages == []
    assert JOB in memory
    assert tick([], memory, START + 8 * 86400)[1] == {}, "forgotten after a week, without a word"


def test_many_causes_share_one_summary() -> None:
    """Five messages a tick; errors come first, and everything is told."""
    standing = [red(Identity("check", f"asset{n:02}", "right"), START, severity="WARN") for n in range(30)]
    standing.append(red(JOB, START))
    messages, memory = tick(standing, {}, START)
    assert len(messages) == causes.MOST_MESSAGES
    assert messages[0].about == (JOB,)
    assert messages[-1].title == "Sequel: 27 more changes"
    assert "check right of asset29 failed" not in messages[-1].body
    assert "…" in messages[-1].body
    assert {identity for message in messages for identity in message.about} == {s.identity for s in standing}
    assert tick(standing, memory, START + 60)[0] == []


@given(
    st.lists(
        st.tuples(
            st.integers(1, 15),  # minutes since the tick before
            st.lists(st.sampled_from(["red", "green", "gone"]), min_size=3, max_size=3),
            st.booleans(),  # the message arrives
        ),
        max_size=40,
    )
)
def test_each_cause_is_told_once_until_well_and_well_once(ticks: list[tuple[int, list[str], bool]]) -> None:
    """Messages that arrive alternate for each cause, begin with red, and never say well while it is red or newly well."""
    now, memory = START, {}
    told = dict.fromkeys(range(3), False)
    green_since: dict[int, float | None] = dict.fromkeys(range(3))
    for minutes, states, arrives in ticks:
        now += minutes * MINUTE
        standing = []
        for n, state in enumerate(states):
            identity = Identity("check", f"a{n}", "c")
            if state == "red":
                standing.append(red(identity, now, f"{now}"))
                green_since[n] = None
            elif state == "green":
                standing.append(green(identity, now))
                green_since[n] = now if green_since[n] is None else green_since[n]
        messages, memory = tick(standing, memory, now, arrives=arrives)
        about = [(identity, message.is_red) for message in messages for identity in message.about]
        assert len(about) == len(set(about))
        for identity, is_red in about:
            n = int(identity.name[1:])
            assert is_red != told[n], "red is told of what is not told, well of what is"
            if not is_red:
                since = green_since[n]
                assert since is not None
                assert now - since >= causes.WELL_AFTER
            if arrives:
                told[n] = is_red
        for n, state in enumerate(states):
            assert not (arrives and state == "red" and not told[n]), "nothing red stays untold"
        assert len(to_cursor(memory)) < causes.MOST_CURSOR


def test_memory_is_bounded() -> None:
    """What does not fit is neither told nor forgotten: it waits for room."""
    standing = [red(Identity("check", f"a{n}", "c"), START) for n in range(causes.MOST_REMEMBERED + 100)]
    _, memory = tick(standing, {}, START)
    assert len(memory) == causes.MOST_REMEMBERED
    assert tick(standing, memory, START + 60)[0] == []
    assert len(to_cursor(memory)) < causes.MOST_CURSOR


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
    messages, _ = tick([green(Identity("job", "a"), START)], memory, START + 600)
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
