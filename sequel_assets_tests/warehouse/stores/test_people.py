"""Who a person is, and that the table remembers the same whatever the order."""

from __future__ import annotations

import base64
import hashlib
import itertools
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import people as people_module
from sequel_assets.warehouse.stores.people import Person, normal_email, normal_name, person_id, remember
from sequel_assets.warehouse.tables.core import people
from sequel_assets_tests.support.rows import ACME, day, empty, table_of

KEY = "k" * 31 + "é"


def hmac_by_hand(key: bytes, text: bytes) -> str:
    """HMAC-SHA-256 as RFC 2104 writes it down."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + text).digest()
    return base64.b16encode(
        hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()
    ).decode().lower()  # fmt: skip


@pytest.mark.parametrize(
    ("email", "normal"),
    [
        ("ada@x.org", "ada@x.org"),
        (" \tAda@X.Org\n", "ada@x.org"),
        ("ADA+Team@x.org", "ada+team@x.org"),
        ("a.d.a@googlemail.com", "a.d.a@googlemail.com"),
        ("jose\u0301@x.org", "jos\u00e9@x.org"),
        ("JOSE\u0301@x.org", "jos\u00e9@x.org"),
        ("STRASSE@x.org", "strasse@x.org"),
        ("straße@x.org", "straße@x.org"),
        ("two words@x.org", "two words@x.org"),
        ("J\u030c@x.org", "\u01f0@x.org"),
        ("\u0130@x.org", "i\u0307@x.org"),
        ("\u039d\u0399\u039a\u039f\u03a3@x.org", "\u03bd\u03b9\u03ba\u03bf\u03c2@x.org"),
        ("\u212a\u212b@x.org", "k\u00e5@x.org"),
        ("\u3000ada@x.org\u2003", "ada@x.org"),
        ("a\0da@x.org", "a\ufffdda@x.org"),
        ("", None),
        (" \u00a0\n", None),
        (None, None),
    ],
)
def test_an_email_is_trimmed_composed_and_lower_cased_and_nothing_more(email: str | None, normal: str | None) -> None:
    """No dots removed, no plus-addresses cut, no folding; a blank one is none."""
    assert normal_email(email) == normal


@given(st.text(st.characters(codec="utf-8")))
def test_an_email_is_the_same_composed_or_decomposed_and_with_blanks_around_it(email: str) -> None:
    """Whatever an address holds."""
    assert normal_email(f" {email}\t") == normal_email(email)
    assert normal_email(unicodedata.normalize("NFD", email)) == normal_email(email)


@given(
    st.text(st.characters(codec="utf-8"))
    | st.text(st.sampled_from("jJhHtTwWyY\u030c\u0331\u0308\u030a\u0130I\u0307\u03a3\u03c3 \u00a0\u3000.\0"))
)
@settings(max_examples=300)
def test_the_normal_form_of_a_text_is_its_own_and_that_of_all_ways_to_write_it(text: str) -> None:
    """Of e-mails and names alike: again, decomposed, with blanks of any script around it."""
    normal = normal_name(text)
    for other in (
        normal,
        f"\u3000{text}\u00a0\n",
        unicodedata.normalize("NFD", text),
        unicodedata.normalize("NFC", text),
    ):
        assert normal_name(other) == normal
    assert unicodedata.is_normalized("NFC", normal)
    assert (normal_email(text) or "") == normal


def test_people_of_one_name_in_one_event_are_numbered() -> None:
    """The first has no number, so that who is alone has the id of old; a name that reads like a number is another."""
    assert person_id(KEY, None, " ZOE\u0308", "e1") == hmac_by_hand(KEY.encode(), "\0e1\0zo\u00eb".encode())
    assert person_id(KEY, None, "Zo\u00eb", "e1", 3) == hmac_by_hand(KEY.encode(), "\0e1\0zo\u00eb\x003".encode())
    assert person_id(KEY, "ada@x.org", "Zo\u00eb", "e1", 3) == person_id(KEY, "ada@x.org", "", "")
    others = [("guest", 1), ("guest", 2), ("guest\x002", 1), ("", 1), ("", 2), ("2", 1), ("\x002", 1)]
    assert len({person_id(KEY, None, name, "e1", number) for name, number in others}) == len(others)
    assert person_id(KEY, "\0e1\0guest", "", "e1") != person_id(KEY, None, "guest", "e1")


@pytest.mark.parametrize("key", [KEY, "k" * 64, "k" * 65, "ключ" * 8])
def test_a_person_is_the_keyed_hash_of_the_normal_email(key: str) -> None:
    """HMAC-SHA-256, its key the key's UTF-8 bytes, in lower-case hex; name and event play no part."""
    expected = hmac_by_hand(key.encode(), "josé@x.org".encode())
    assert person_id(key, " JOSE\u0301@X.org", "José", "e1") == expected
    assert person_id(key, "josé@x.org", "Pepe", "e2") == expected


def test_without_an_email_a_person_is_the_event_and_the_name() -> None:
    """Trimmed and lower-cased; never the same in two events, nor as somebody whose e-mail reads like it."""
    expected = hmac_by_hand(KEY.encode(), b"\0e1\0ada")
    assert {person_id(KEY, email, name, "e1") for email in (None, "", "  ") for name in ("Ada", " ADA ")} == {expected}
    others = [(None, "ada", "e2"), (None, "bo", "e1"), ("e1\0ada", "", "e1"), ("ada", "ada", "e1"), (None, "", "e1")]
    assert len({expected, *(person_id(KEY, *other) for other in others)}) == 6


def test_plus_addresses_are_different_people() -> None:
    """And with another key everybody becomes somebody else."""
    emails = ["ada@x.org", "ada+team@x.org", "a.da@x.org"]
    assert len({person_id(key, email, "Ada", "e1") for email in emails for key in (KEY, KEY[::-1])}) == 6


def test_a_person_shows_nothing_personal() -> None:
    """In logs, tracebacks and assertions."""
    person = Person("0123456789abcdef", "ada@x.org", "Ada")
    assert f"{person} {person!r} {[person]}" == "Person(01234567) Person(01234567) [Person(01234567)]"


sightings = st.tuples(
    st.sampled_from(["p1", "p2"]), st.sampled_from(["Ada", "ada", "Äda", "Zoe", "", "\U0001f600", "\uffff"]), st.integers(0, 2)
)  # fmt: skip


@given(st.lists(sightings, max_size=6), st.randoms(use_true_random=False), st.integers(1, 3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_remembered_does_not_depend_on_the_order(warehouse: Warehouse, seen, random, size) -> None:
    """The name of the latest day, of that day the last by code point; in whatever portions they come."""
    random.shuffle(seen)
    empty(warehouse, people)
    for start in range(0, len(seen), size):
        portion = [(Person(who, f"{who}@x.org", name), day(on)) for who, name, on in seen[start : start + size]]
        with warehouse.write(ACME) as connection:
            remember(connection, ACME, iter(portion))
    latest = {who: max((on, name) for person, name, on in seen if person == who) for who, _, _ in seen}
    assert table_of(warehouse, people) == [
        (ACME, who, f"{who}@x.org", name, None, day(on)) for who, (on, name) in sorted(latest.items())
    ]


def test_names_are_compared_by_code_point_in_a_database_of_any_language() -> None:
    """A PostgreSQL made in English would put "ada" before "Ada"; Python does not."""
    table = people.alias("excluded")
    condition = people_module._is_later(table.c)
    assert 'excluded.name COLLATE "C" > people.name' in str(condition.compile(dialect=postgresql.dialect()))


def test_a_link_to_your_own_systems_survives(warehouse: Warehouse) -> None:
    """Seeing somebody again changes the name and the day, not the external id or the e-mail."""
    for on, name in ((0, "Ada"), (1, "Ada L."), (0, "Late")):
        with warehouse.write(ACME) as connection:
            remember(connection, ACME, [(Person("p1", "ada@x.org", name), day(on))])
            connection.execute(people.update().values(external_id="crm-7"))
    assert table_of(warehouse, people) == [(ACME, "p1", "ada@x.org", "Ada L.", "crm-7", day(1))]


def test_somebody_without_an_email_is_remembered_by_name(warehouse: Warehouse) -> None:
    """The e-mail is null, not empty."""
    with warehouse.write(ACME) as connection:
        remember(connection, ACME, [(Person("p1", None, "Guest"), day(0))])
    assert list(itertools.chain(*table_of(warehouse, people))) == [ACME, "p1", None, "Guest", None, day(0)]
