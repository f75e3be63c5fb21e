"""Which companies the settings choose, and what becomes of those that they leave out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sequel_assets import settings
from sequel_assets.refresh.discovery.companies import refresh_companies
from sequel_assets.refresh.discovery.company_selection import CompanySelection, selection_of
from sequel_assets.settings import SettingsError
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets_tests.support.harness import PlatformUnderTest, platform
from sequel_assets_tests.support.small_world import ACME, BOLT, ROOT, small_world


def company(company_id: str, parent: str | None) -> KnownCompany:
    """Return a company whose name is its id in capitals."""
    return KnownCompany(company_id, f"{company_id}.key", company_id.upper(), parent, 0, None)


TREE = [
    company("root", None), company("acme", "root"), company("labs", "acme"), company("test", "labs"), company("bolt", "root"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("include", "exclude", "left_out"),
    [
        ((), (), set()),
        (("ACME",), (), {"bolt"}),
        (("labs.key", "bolt"), (), {"acme"}),
        ((), ("lab",), {"labs", "test"}),
        (("acme",), ("TEST",), {"bolt", "test"}),
        (("root",), (), set()),
        ((), ("root",), {"acme", "labs", "test", "bolt"}),
    ],
)
def test_a_name_stands_for_a_company_with_its_sub_companies(
    include: tuple[str, ...], exclude: tuple[str, ...], left_out: set[str]
) -> None:
    """What is excluded is left out though it is included; the root never is."""
    assert CompanySelection(include, exclude).left_out("root", TREE, []) == left_out


def test_a_name_of_no_company_is_refused_by_its_setting() -> None:
    """Else a typo would leave out a customer, or refresh one that should not be."""
    with pytest.raises(SettingsError) as refused:
        selection_of(settings.load(exclude_companies="Acne")).left_out("root", TREE, [])
    assert str(refused.value) == "SEQUEL_EXCLUDE_COMPANIES names Acne: there is no such company; did you mean acme.key?"
    assert CompanySelection(exclude=("old",)).left_out("root", TREE, [company("old", "root")]) == {"old"}


def walk(it: PlatformUnderTest, selection: CompanySelection) -> dict[str, bool]:
    """Walk the tree; the companies that are stored, and whether each counts as gone."""
    with ThreadPoolExecutor(2) as pool:
        refresh_companies(
            it.client, it.warehouse, it.world.root.id, pool, clock=it.clock, known_keys=[], selection=selection
        )
    return {one.company_id: one.gone_at is not None for one in it.warehouse.ask(catalog.known_companies)}


def test_what_is_left_out_is_not_stored_and_what_was_stored_stays_and_may_come_back(warehouse: Warehouse) -> None:
    """As a company that Sequel does not know any more."""
    with platform(small_world(), warehouse) as it:
        assert walk(it, CompanySelection(exclude=("bolt",))) == {ROOT: False, ACME: False}
        assert walk(it, CompanySelection()) == {ROOT: False, ACME: False, BOLT: False}
        assert walk(it, CompanySelection(include=("bolt",))) == {ROOT: False, ACME: True, BOLT: False}
        assert walk(it, CompanySelection()) == {ROOT: False, ACME: False, BOLT: False}


def test_names_are_separated_by_commas_or_given_as_a_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the environment and in a component's YAML."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQUEL_INCLUDE_COMPANIES", " Acme Events, bolt.22222222 ,")
    assert settings.load().include_companies == ("Acme Events", "bolt.22222222")
    assert settings.load(include_companies=["a", "b"]).include_companies == ("a", "b")
