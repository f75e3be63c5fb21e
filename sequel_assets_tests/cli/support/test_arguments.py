"""What a command was asked for."""

from sequel_assets.cli.support.arguments import choose
from sequel_assets.warehouse.stores.catalog import KnownCompany


def company(number: int, name: str) -> KnownCompany:
    """Return a company."""
    return KnownCompany(f"id{number}", f"key.{number}", name, None, 0, None)


def test_a_company_is_found_by_its_name_however_its_letters_are_written() -> None:
    """Composed at Sequel, decomposed on the terminal, and the other way about; other letters are another name."""
    companies = [company(1, "Zo\u00eb"), company(2, "U\u0308ber"), company(3, "Zoe")]
    found = [choose(companies, [name])[0].company_id for name in (" Zoe\u0308", "\u00dcber", "Zoe", "id2", "key.3")]
    assert found == ["id1", "id2", "id3", "id2", "id3"]
