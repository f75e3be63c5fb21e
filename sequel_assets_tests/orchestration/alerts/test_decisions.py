"""Alerts, decided: each cause is told once until it is well, well is told once, and restarts change nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.orchestration.alerts import decisions
from sequel_assets.orchestration.alerts.decisions import (
    IncidentKey,
    Message,
    to_cursor,
)
from sequel_assets_tests.orchestration.alerts.observed_checks import START, green, red, tick

FRESH = IncidentKey("check", "daily_usage", "freshness")
JOB = IncidentKey("job", "refresh_slices")
MINUTE = 60.0


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


def test_a_check_that_is_red_of_many_datasets_is_one_cause() -> None:
    """One message for an outage, with its datasets and each line once; one more when the last of them is well."""
    names = [f"dataset{n:02}" for n in range(14)]
    outage = [
        red(IncidentKey("check", name, "fresh"), START + n, "acme.3f9a1c07 is late\nbolt.5b1d22aa is late")
        for n, name in enumerate(names)
    ]
    messages, memory = tick(outage, {}, START + 30)
    assert messages == [
        Message(
            "Sequel: check fresh of 14 datasets failed",
            f"Datasets: {', '.join(names)}\nacme.3f9a1c07 is late\nbolt.5b1d22aa is late\n\n"
            "Since: 2026-09-21 14:13 UTC\nSeverity: ERROR\n"
            "Next: run `sequel-assets status`; see in Dagster that the daemon and the schedules run.",
            True,
            "ERROR",
            tuple(sighting.identity for sighting in outage),
        )
    ]
    half = [*(green(sighting.identity, START + 60) for sighting in outage[:7]), *outage[7:]]
    for minute in range(1, 60):
        messages, memory = tick(half, memory, START + minute * MINUTE)
        assert messages == []
    well = [green(sighting.identity, START + 3600) for sighting in outage]
    assert tick(well, memory, START + 3660)[0] == []
    messages, memory = tick(well, tick(well, memory, START + 3660)[1], START + 4300)
    assert messages == [
        Message(
            "Sequel: check fresh of 14 datasets is well again",
            f"Datasets: {', '.join(names)}\nIt was red from 2026-09-21 14:13 UTC and has been well since 2026-09-21 15:13 UTC.",
            False,
            "",
            tuple(sighting.identity for sighting in outage),
        )
    ]
    assert memory == {}


def test_a_dataset_that_joins_a_cause_is_no_news_and_holds_it_up() -> None:
    """It is well with the others, and red again by itself after that it is a new cause."""
    first, second = IncidentKey("check", "a", "fresh"), IncidentKey("check", "b", "fresh")
    _, memory = tick([red(first, START), green(second, START)], {}, START)
    messages, memory = tick([red(first, START), red(second, START + 60)], memory, START + 60)
    assert messages == []
    for now in (START + 120, START + 4000):
        messages, memory = tick([green(first, START + 120), red(second, START + 60)], memory, now)
        assert messages == []
    well = [green(first, START + 120), green(second, START + 4010)]
    told = []
    for now in (START + 4020, START + 4700):
        messages, memory = tick(well, memory, now)
        told += [message.title for message in messages]
    assert (told, memory) == (["Sequel: check fresh of 2 datasets is well again"], {})
    messages, _ = tick([well[0], red(second, START + 5000)], memory, START + 5000)
    assert [message.title for message in messages] == ["Sequel: check fresh of b failed"]


def test_a_dataset_that_is_there_no_more_holds_no_cause_up() -> None:
    """Else what turns red after it would not be told for a week."""
    first, removed = IncidentKey("check", "a", "fresh"), IncidentKey("check", "b", "fresh")
    _, memory = tick([red(first, START), red(removed, START)], {}, START)
    _, memory = tick([green(first, START + 60)], memory, START + 60)
    messages, memory = tick([green(first, START + 60)], memory, START + 700)
    assert [message.about for message in messages] == [(first, removed)]
    assert memory == {}
    _, memory = tick([red(removed, START)], {}, START)
    messages, _ = tick([red(first, START + 60)], memory, START + 60)
    assert [message.about for message in messages] == [(first,)]


def test_a_cause_is_as_severe_as_its_worst_dataset() -> None:
    """And is told before warnings."""
    standing = [
        red(IncidentKey("check", name, "right"), START, severity=said) for name, said in (("a", "WARN"), ("b", "ERROR"))
    ]
    warned = red(IncidentKey("check", "a", "beautiful"), START, severity="WARN")
    messages, _ = tick([warned, *standing], {}, START)
    assert [(message.title, message.severity) for message in messages] == [
        ("Sequel: check right of 2 datasets failed", "ERROR"),
        ("Sequel: check beautiful of a failed", "WARN"),
    ]


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
    standing = [red(IncidentKey("check", "daily_usage", f"right{n:02}"), START, severity="WARN") for n in range(30)]
    standing.append(red(JOB, START))
    messages, memory = tick(standing, {}, START)
    assert len(messages) == decisions.MAX_MESSAGES
    assert messages[0].about == (JOB,)
    assert messages[-1].title == "Sequel: 27 more changes"
    assert "check right29 of daily_usage failed" not in messages[-1].body
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
            identity = IncidentKey("check", "a", f"c{n}")
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
            n = int(identity.check[1:])
            assert is_red != told[n], "red is told of what is not told, well of what is"
            if not is_red:
                since = green_since[n]
                assert since is not None
                assert now - since >= decisions.WELL_AFTER
            if arrives:
                told[n] = is_red
        for n, state in enumerate(states):
            assert not (arrives and state == "red" and not told[n]), "nothing red stays untold"
        assert len(to_cursor(memory)) < decisions.MAX_CURSOR


@given(
    st.lists(
        st.tuples(
            st.integers(1, 15),  # minutes since the tick before
            st.lists(st.sampled_from(["red", "green"]), min_size=3, max_size=3),
            st.booleans(),  # the message arrives
        ),
        max_size=40,
    )
)
def test_the_datasets_of_a_check_are_told_together(ticks: list[tuple[int, list[str], bool]]) -> None:
    """At most one message a tick; those that arrive alternate; well only when none has been red for ten minutes."""
    now, memory, is_told, red_at = START, {}, False, START
    for minutes, states, arrives in ticks:
        now += minutes * MINUTE
        identities = [IncidentKey("check", f"a{n}", "c") for n in range(3)]
        standing = [
            red(identity, now) if state == "red" else green(identity, now)
            for identity, state in zip(identities, states, strict=True)
        ]
        messages, memory = tick(standing, memory, now, arrives=arrives)
        is_red = "red" in states
        red_at = now if is_red else red_at
        assert len(messages) <= 1
        for message in messages:
            assert message.is_red != is_told
            assert message.is_red == is_red
            assert is_red or now - red_at >= decisions.WELL_AFTER
            is_told = message.is_red if arrives else is_told
        assert is_told or not (is_red and arrives), "nothing red stays untold"
