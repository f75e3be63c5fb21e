"""What a command was asked for."""

import pytest

from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.warehouse.stores.catalog import KnownCompany


def company(number: int, name: str) -> KnownCompany:
    """Return a company."""
    return KnownCompany(f"id{number}", f"key.{number}", name, None, 0, None)


def test_a_company_is_found_by_its_name_however_its_letters_are_written() -> None:
    """Composed at Sequel, decomposed on the terminal, and the other way about; other letters are another name."""
    companies = [company(1, "Zo\u00eb"), company(2, "U\u0308ber"), company(3, "Zoe")]
    found = [choose(companies, [name])[0].company_id for name in (" Zoe\u0308", "\u00dcber", "Zoe", "id2", "key.3")]
    assert found == ["id1", "id2", "id3", "id2", "id3"]


def named(key: str, name: str) -> KnownCompany:
    """Return a company with that partition key."""
    return KnownCompany(f"id of {key}", key, name, None, 0, None)


KNOWN = [
    named("acme-events.0a1b2c3d", "Acme Events"), named("acme-labs.00000000", "Acme Labs"),
    named("acme.11111111", "ACME"), named("bolt.22222222", "Bolt"), named("bolt.33333333", "Bolt"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("acme-events.0a1b2c3d", "acme-events.0a1b2c3d"), ("ACME-EVENTS.0A1B2C3D", "acme-events.0a1b2c3d"),
        ("acme-events", "acme-events.0a1b2c3d"), ("acme events", "acme-events.0a1b2c3d"), ("Acme E", "acme-events.0a1b2c3d"),
        ("acme-l", "acme-labs.00000000"), ("acme", "acme.11111111"), ("id of acme.11111111", "acme.11111111"),
        ("bolt.2", "bolt.22222222"),
    ],
)  # fmt: skip
def test_a_company_is_what_its_id_key_slug_name_or_their_beginning_says(text: str, key: str) -> None:
    """The most exact rule decides: who is called like the beginning of others is meant by that name."""
    assert [company.partition_key for company in choose(KNOWN, [text])] == [key]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bolt", "2 companies have this name; use one of bolt.22222222, bolt.33333333"),
        ("acme-", "2 companies have this name; use one of acme-events.0a1b2c3d, acme-labs.00000000"),
        ("acne", "there is no such company; did you mean acme.11111111?"),
        (" ", "there is no such company; known are acme-events.0a1b2c3d, acme-labs.00000000, acme.11111111, bolt.22222222, bolt.33333333"),
    ],
)  # fmt: skip
def test_a_name_of_several_or_of_none_is_refused_with_what_may_be_meant(text: str, why: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError) as refused:
        choose(KNOWN, [text])
    assert str(refused.value) == f"--company {text.strip()}: {why}"
