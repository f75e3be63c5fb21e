"""Who is who among those that Sequel lists of an event without an e-mail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.datasets.activity import fetch_activity
from sequel_assets.refresh.datasets.endpoint import EventRequest
from sequel_assets.refresh.datasets.lists import fetch_hub_participants, fetch_registrants
from sequel_assets.refresh.datasets.people_without_email import ListEntry, Unnamed, distinguish
from sequel_assets.sequel.endpoints.directory import HubParticipant, Registrant
from sequel_assets.sequel.endpoints.engagement import activity_page_from
from sequel_assets.warehouse.stores.people import person_id
from sequel_assets.warehouse.tables.company_lists import hub_participants, registrants
from sequel_assets.warehouse.tables.event_details import event_activity
from sequel_assets_tests.refresh.usage.scripted import known
from sequel_assets_tests.refresh.usage.test_extract import D

KEY = "k" * 32
entries = st.builds(
    ListEntry,
    st.none(),
    st.sampled_from(["Guest", "guest ", "", " ", "Zo\u00eb", "ZOE\u0308"]),
    st.sampled_from([None, "a", "b", "c"]),
)


@given(st.lists(entries, max_size=8), st.randoms(use_true_random=False))
def test_as_many_people_are_distinct_as_marks_and_entries_without_one_say(listed: list[ListEntry], random: Any) -> None:
    """Numbered from one within each name, whatever the order."""
    found = distinguish(listed)
    people = {(one.name.strip().lower(), one.number) for one in found}
    marks = {entry.mark for entry in listed if entry.mark is not None}
    assert len({(entry.mark, who) for entry, who in zip(listed, found, strict=True) if entry.mark}) == len(marks)
    assert len(marks) + sum(entry.mark is None for entry in listed) >= len(people)
    order = list(range(len(listed)))
    random.shuffle(order)
    again = distinguish([listed[place] for place in order])
    assert {(listed[p].mark, who.number) for p, who in zip(order, again, strict=True) if listed[p].mark} == {
        (entry.mark, who.number) for entry, who in zip(listed, found, strict=True) if entry.mark
    }


def test_one_mark_is_one_person_and_none_is_a_person_each() -> None:
    """Marks come first, in their order; the name is the last of its spellings."""
    listed = [
        ListEntry(None, "Guest", None),
        ListEntry(None, "guest", "b"),
        ListEntry(None, "GUEST", "a"),
        ListEntry(None, "Guest", "b"),
        ListEntry(None, "Bo", "c"),
    ]
    guest = [Unnamed("Guest", 3), Unnamed("guest", 2), Unnamed("GUEST", 1), Unnamed("guest", 2)]
    assert distinguish(listed) == [*guest, Unnamed("Bo", 1)]


def fetched(fetch: Any, table: Any, **answers: Any) -> list[str]:
    """Return the person of each row of a table, as fetched from a client that answers so."""
    client = SimpleNamespace(**{name: lambda *_, told=told, **__: told for name, told in answers.items()})
    asked = EventRequest("kid", known(), D, KEY)
    place = list(table.columns).index(table.c.person_id)
    rows = fetch(client, asked)
    assert all(person.name for person in rows.people.values())  # nothing is remembered of the nameless
    return [row[place] for row in rows.by_table.get(table, [])]


def ids(*people: tuple[str, int]) -> list[str]:
    """Return the ids of people by name and number."""
    return [person_id(KEY, None, name, "e", number) for name, number in people]


@pytest.mark.parametrize(
    ("items", "people"),
    [
        ([{"uid": "2"}, {"uid": "1"}], [("", 2), ("", 1)]),
        ([{"uid": "1", "userId": "u"}, {"uid": "2", "userId": "u"}], [("", 1)]),
        ([{"uid": "1", "name": "Guest"}, {"uid": "2", "name": "guest "}], [("guest", 1), ("guest", 2)]),
        ([{"uid": "1", "userId": "u", "name": "Guest"}, {"uid": "2", "userId": "u", "name": "guest"}], [("guest", 1)]),
        ([{"userId": "u"}, {"uid": "u"}], [("", 2), ("", 1)]),
        (
            [{"uid": "1", "name": "Zo\u00eb"}, {"uid": "2", "name": "Zoe\u0308", "email": " "}],
            [("zo\u00eb", 1), ("zo\u00eb", 2)],
        ),
    ],
)
def test_activity_distinguishes_people_without_an_email_by_user_and_entry(
    items: list[dict[str, Any]], people: list[tuple[str, int]]
) -> None:
    """One user's entries are one person; ids are those that the list of participants has, so names and numbers alone."""
    page = activity_page_from({"items": items, "totalCount": len(items), "page": 1, "size": 100})
    assert sorted(fetched(fetch_activity, event_activity, user_activity=page)) == sorted(ids(*people))


@pytest.mark.parametrize(
    ("listed", "people"),
    [
        ([("", "/2"), ("", "/1")], [("", 1), ("", 2)]),
        ([("", None), ("", None)], [("", 1), ("", 2)]),
        ([("Guest", "/1"), ("guest", "/1")], [("guest", 1)]),
        ([("Guest", "/1"), ("Bo", "/1")], [("guest", 1), ("bo", 1)]),
        ([("Guest", "/1"), ("Guest", "/2"), ("Guest", None)], [("guest", 1), ("guest", 2), ("guest", 3)]),
    ],
)
def test_registrants_and_people_of_hubs_are_distinguished_by_link_and_user(
    listed: list[tuple[str, str | None]], people: list[tuple[str, int]]
) -> None:
    """A link that everybody has makes nobody one; who has neither is a person of their own."""
    registered = [Registrant(name=name, email=None, join_url=url) for name, url in listed]
    assert sorted(fetched(fetch_registrants, registrants, registrants=registered)) == sorted(ids(*people))
    met = [
        HubParticipant.model_validate({"meta": {"username": name, "userId": url and f"{url}{name.lower()}"}, "when": 1})
        for name, url in listed
    ]
    assert sorted(fetched(fetch_hub_participants, hub_participants, hub_participants=met)) == sorted(ids(*people))
