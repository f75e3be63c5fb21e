"""The truth: minutes by hand, people, and how a world changes."""

import pytest

from sequel_assets.sandbox import HUB, Attendance, Company, Event, Minute, Person, World
from sequel_assets.sandbox.world import spans
from sequel_assets_tests.sandbox.conftest import ADA, BO, at, small_world


def test_a_minute_watched_live_and_on_demand_is_one_minute_with_both_marks():
    """The truth has one entry per person and minute."""
    world = World(
        [Company("c", "C")],
        [Event("e", "c", "E", at(1, 9), at(1, 10), attendance=[Attendance(ADA, [(at(1, 9), 2)], [(at(1, 9, 1), 2)])])],
    )
    assert list(world.minutes("e")) == [
        Minute(ADA, at(1, 9), live=True, on_demand=False),
        Minute(ADA, at(1, 9, 1), live=True, on_demand=True),
        Minute(ADA, at(1, 9, 2), live=False, on_demand=True),
    ]
    assert [minute.at for minute in world.minutes("e", before=at(1, 9, 1))] == [at(1, 9)]


def test_an_email_is_trimmed_composed_and_lower_cased_and_nothing_else():
    """Plus-addresses stay; an empty e-mail is none."""
    assert Person("A", " Ju\u0308rgen+a@X.de ").email == "jürgen+a@x.de"
    assert Person("A", "  ").email is None


def test_another_persons_email_is_no_spelling():
    """What is shown must be the person's own e-mail in some spelling."""
    with pytest.raises(ValueError, match=r"is no spelling of 'bo\+team@x.org'"):
        Attendance(BO, email="bo@x.org")


def test_without_an_email_the_shown_name_must_be_the_persons():
    """The name is all that tells such a person from others."""
    with pytest.raises(ValueError, match="without an e-mail the name is the person"):
        Attendance(Person("Guest 1"), name="Guest 2")
    assert Attendance(Person("Guest 1"), name=" GUEST 1").name == " GUEST 1"


def test_one_person_cannot_be_in_two_rows_in_the_same_minute():
    """Else the sum of rows and the truth would differ."""
    rows = [Attendance(ADA, [(at(1, 9), 5)]), Attendance(ADA, (), [(at(1, 9, 4), 1)], email="ADA@x.org")]
    event = Event("e", "c", "E", at(1, 9), at(1, 10), attendance=rows)
    with pytest.raises(ValueError, match="two rows of one person share a minute"):
        _ = event.rows


def test_a_hub_has_no_replays():
    """All minutes of a hub are live."""
    hub = Event("h", "c", "H", at(1, 9), at(1, 10), HUB, [Attendance(ADA, (), [(at(1, 9), 1)])])
    with pytest.raises(ValueError, match="all minutes of a hub are live"):
        _ = hub.rows


def test_a_time_without_a_zone_is_refused():
    """The sandbox guesses no zone."""
    with pytest.raises(ValueError, match="a time needs its zone"):
        Attendance(ADA, [(at(1, 9).replace(tzinfo=None), 1)])


def test_restating_by_minutes_changes_every_row_at_its_end():
    """Rows that lose all their minutes go; people in two rows gain nothing."""
    world = small_world()
    world.restate("e1", minutes=-9)
    assert [(row.live, row.on_demand) for row in world.event("e1").rows] == [
        (
            spans.union([(spans.minute_of(at(1, 23, 50)), spans.minute_of(at(2, 0, 1)))]),
            ((spans.minute_of(at(2, 0, 5)), spans.minute_of(at(2, 0, 6))),),
        ),
        ((), ((spans.minute_of(at(2, 13, 55)), spans.minute_of(at(2, 13, 56))),)),
    ]
    before = len(list(world.minutes("h1")))
    world.restate("h1", minutes=3)
    assert len(list(world.minutes("h1"))) == before + 3


def test_restating_with_a_list_replaces_the_list():
    """The truth is what was given last."""
    world = small_world()
    world.restate("e1", [Attendance(BO, [(at(1, 23, 55), 1)])])
    assert list(world.minutes("e1")) == [Minute(BO, at(1, 23, 55), live=True, on_demand=False)]


def test_an_event_planned_anew_keeps_its_minutes_or_takes_them_along():
    """A start can move with or without what was watched."""
    world = small_world()
    world.set_start("h1", at(2, 5))
    assert (world.event("h1").ends_at, next(world.minutes("h1")).at) == (at(2, 5, 30), at(2, 0, 30))
    world.set_start("h1", at(2, 6), move_minutes=True)
    assert next(world.minutes("h1")).at == at(2, 1, 30)


def test_companies_and_events_come_go_move_and_change_names():
    """Every change that a test needs between two requests."""
    world = small_world()
    world.add_company(Company("new", "New", "root"))
    world.add_event(Event("e3", "new", "Third", at(3, 9), at(3, 10)))
    world.move_event("e3", "grand")
    world.rename_event("e3", "3rd")
    world.rename_company("new", "Newer")
    world.move_company("new", "grand")
    assert world.with_descendants("kid") == ["kid", "grand", "new"]
    assert [(e.id, e.name) for e in world.events_of("grand")] == [("e2", "Empty"), ("e3", "3rd")]
    world.vanish("e3")
    assert (world.event("e3"), [e.id for e in world.events_of("grand")]) == (None, ["e2"])
    world.reappear("e3")
    world.remove_company("grand")
    assert [event.id for event in world.events] == ["e1", "h1"]
    world.remove_event("e1")
    assert [event.id for event in world.events] == ["h1"]


def test_a_loop_of_companies_does_not_hang():
    """The family of a company is finite, whatever the tree."""
    world = small_world()
    world.move_company("kid", "grand")
    assert world.with_descendants("kid") == ["kid", "grand"]


def test_an_id_is_taken_once_and_an_event_needs_its_company():
    """Mistakes in hand-made worlds are told at once."""
    with pytest.raises(ValueError, match="company 'c' is there already"):
        World([Company("c", "C"), Company("c", "D")])
    with pytest.raises(ValueError, match="belongs to no company: 'x'"):
        World([Company("c", "C")], [Event("e", "x", "E", at(1, 9), at(1, 10))])
    with pytest.raises(ValueError, match="event 'e1' is there already"):
        small_world().add_event(Event("e1", "kid", "E", at(1, 9), at(1, 10)))


def test_spans_join_clip_and_split_at_midnight():
    """The arithmetic that everything stands on."""
    assert spans.union([(5, 9), (1, 3), (3, 4), (8, 12), (7, 7)]) == ((1, 4), (5, 12))
    assert spans.clip(((1, 4), (5, 12)), 2, 6) == ((2, 4), (5, 6))
    assert spans.by_day(((1430, 1450), (2880, 2881))) == {0: 10, 1: 10, 2: 1}
    assert spans.shorten(((1, 4), (5, 7)), 3) == ((1, 3),)
    assert spans.lengthen(((1, 4),), 2) == ((1, 6),)
