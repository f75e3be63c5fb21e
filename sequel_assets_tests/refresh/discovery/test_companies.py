"""The company tree: keys for people, what stays, what is asked about; and days in unbroken runs."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.core.time import data_through, days_between, is_unsettled
from sequel_assets.refresh.discovery import companies as tree_module
from sequel_assets.refresh.discovery.companies import WalkFinding, diff, place, store
from sequel_assets.refresh.discovery.company_walk import Walk
from sequel_assets.refresh.discovery.partition_keys import PartitionKeys, is_ours, is_plain
from sequel_assets.refresh.usage.range_search import Span, runs_of
from sequel_assets.sequel import Company
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.stores.problems import Problem, with_unknown_children

ACME = hashlib.sha256(b"a|1").hexdigest()


def known(company_id: str, parent: str | None, **more: object) -> KnownCompany:
    """Return a company as it is stored."""
    return KnownCompany(company_id, f"{company_id}.key", company_id, parent, 0 if parent is None else 1, None)


@pytest.mark.parametrize(
    ("name", "taken", "known_keys", "key"),
    [
        ("Acme & Söhne", {}, [], f"acme-sohne.{ACME[:8]}"),
        ("   ", {}, [], f"company.{ACME[:8]}"),
        ("Renamed", {"a|1": "old.12345678"}, [], "old.12345678"),
        ("Renamed", {}, [f"old.{ACME[:8]}", "other.00000000"], f"old.{ACME[:8]}"),
        ("Acme", {"other": f"x.{ACME[:8]}"}, [], f"acme.{ACME[:16]}"),
        ("x" * 90, {}, [], f"{'x' * 40}.{ACME[:8]}"),
    ],
)
def test_a_partition_key_is_made_for_people_and_found_again(
    name: str, taken: dict[str, str], known_keys: list[str], key: str
) -> None:
    """Slug of the first name, a dot, digits of the id; kept through renames and rebuilt warehouses."""
    assert PartitionKeys(taken, known_keys).of("a|1", name) == key


STRANGE = (
    "../../../x.{}", "/etc/x.{}", "a/b.{}", "..{}", ".{}", "a..{}", "A.{}", "é.{}", "a_b.{}", "-a.{}", "a-.{}", "a--b.{}", "a b.{}", "a.{}\n", "\na.{}", "a\0.{}",
    "a|b.{}", "a\\b.{}", "{}", f"{'a' * 41}.{{}}", "\u202ea.{}", "a.{}0", "a.0{}", "x.y.{}",
)  # fmt: skip


@pytest.mark.parametrize("key", STRANGE)
def test_a_key_that_dagster_holds_is_taken_over_only_if_it_is_exactly_of_our_form(key: str) -> None:
    """Anybody may add partitions in Dagster, and a key names folders of exports."""
    digits = hashlib.sha256(b"a|1").hexdigest()[:8]
    assert not is_ours(key.format(digits))
    assert PartitionKeys({}, [key.format(digits)]).of("a|1", "Acme") == f"acme.{digits}"
    assert PartitionKeys({}, [key.format(digits), f"old-name.{digits}"]).of("a|1", "Acme") == f"old-name.{digits}"


@given(st.text(), st.text())
def test_every_key_that_is_made_is_of_our_form(company_id: str, name: str) -> None:
    key = PartitionKeys({}, ()).of(company_id, name)
    assert is_ours(key)
    assert is_plain(key)
    assert PartitionKeys({}, [key]).of(company_id, "another name") == key


def test_a_known_company_that_was_not_found_is_asked_about_unless_its_parent_would_not_list() -> None:
    """Beneath a 403 nothing counts as gone."""
    found = Walk(found={"root": (Company(uid="root", name="Root"), None, 0)}, unlisted={"mute"})
    stored = [
        known("root", None),
        known("gone", "root"),
        known("mute", "root"),
        known("under", "mute"),
        known("deep", "under"),
    ]
    now, doubtful = diff(stored, found, [])
    assert [company.company_id for company in now] == ["root"]
    assert doubtful == ["gone", "mute"]


def met(*tree: tuple[str, str | None, str | None], listed_by: dict[str, list[str]], **more: set[str]) -> Walk:
    """Return a walk that met these companies: id, beneath whom, and what the company itself names as its parent."""
    found = {
        company_id: (Company(uid=company_id, name="", parent_company_id=named), parent, 0 if parent is None else 9)
        for company_id, parent, named in tree
    }
    return Walk(found=found, listed_by=listed_by, **more)


def placed(seen: Walk, **stood: str) -> dict[str, tuple[str | None, int]]:
    """Return where each company is put, and how deep, in order."""
    place(seen, stood)
    return {company_id: (parent, depth) for company_id, (_, parent, depth) in seen.found.items()}


TWO = {"a": ["root"], "b": ["root"], "kid": ["a", "b"], "grand": ["kid"]}


def two(named: str | None) -> Walk:
    """Return a walk in which both a and b list the kid, a first."""
    tree = [("root", None, None), ("a", "root", None), ("b", "root", None), ("kid", "a", named), ("grand", "kid", None)]
    return met(*tree, listed_by=TWO)


@pytest.mark.parametrize(
    ("named", "stood", "parent"),
    [
        ("b", "a", "b"),
        (None, "b", "b"),
        (None, None, "a"),
        ("elsewhere", "b", "b"),
        ("kid", "gone", "a"),
        ("root", "b", "b"),
    ],
)
def test_a_company_that_two_list_stands_where_it_says_else_where_it_stood(
    named: str | None, stood: str | None, parent: str
) -> None:
    """Else where the walk met it; only among those that list it. The other one is said."""
    seen = two(named)
    assert placed(seen, **({} if stood is None else {"kid": stood})) == {
        "root": (None, 0),
        "a": ("root", 1),
        "b": ("root", 1),
        "kid": (parent, 2),
        "grand": ("kid", 3),
    }
    other = "b" if parent == "a" else "a"
    assert [(note.company_id, note.reason) for note in seen.notes] == [
        ("kid", f"is listed under company {other} too; it stays under {parent}")
    ]


def test_a_company_stays_below_one_whose_children_are_unknown_now() -> None:
    """Though another lists it, and is nearer to the root."""
    tree = [("root", None, None), ("mute", "root", None), ("kid", "root", None)]
    seen = met(*tree, listed_by={"mute": ["root"], "kid": ["root"]}, unlisted={"mute"})
    assert placed(seen, kid="mute") == {"root": (None, 0), "mute": ("root", 1), "kid": ("mute", 2)}


def test_companies_that_name_each_other_stay_below_the_root() -> None:
    """Each lists itself, the other one and the root; no company is cut off."""
    tree = [("root", None, "b"), ("a", "root", "b"), ("b", "a", "a")]
    seen = met(*tree, listed_by={"root": ["a", "b"], "a": ["root", "a", "b"], "b": ["a", "b"]})
    assert placed(seen, a="b") == {"root": (None, 0), "a": ("root", 1), "b": ("a", 2)}
    assert [(note.company_id, note.reason) for note in seen.notes] == [
        ("root", "is listed under company a too; it stays under nothing, as the root"),
        ("root", "is listed under company b too; it stays under nothing, as the root"),
        ("a", "is listed under itself; it stays under root"),
        ("a", "is listed under company b too; it stays under root"),
        ("b", "is listed under itself; it stays under a"),
    ]


@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1))))
def test_runs_are_the_days_in_as_few_spans_as_can_be(days: set[date]) -> None:
    """No two runs touch."""
    runs = runs_of(sorted(days))
    assert [day for run in runs for day in days_between(run.first, run.last)] == sorted(days)
    assert all(b.first - a.last > timedelta(days=1) for a, b in pairwise(runs))
    assert all(isinstance(run, Span) for run in runs)


@pytest.mark.parametrize(
    ("now", "settle", "through"),
    [
        ("2026-03-02T14:05:00+00:00", 5, "2026-03-02T14:00:00+00:00"),
        ("2026-03-02T14:04:59+00:00", 5, "2026-03-02T13:00:00+00:00"),
        ("2026-03-02T00:04:00+00:00", 5, "2026-03-01T23:00:00+00:00"),
        ("2026-03-02T14:20:00+05:30", 0, "2026-03-02T08:00:00+00:00"),
    ],
)
def test_numbers_go_to_the_top_of_the_hour_that_has_settled(now: str, settle: int, through: str) -> None:
    """In UTC, whatever zone the clock speaks."""
    moment = datetime.fromisoformat(now)
    assert data_through(moment, timedelta(minutes=settle)) == datetime.fromisoformat(through)
    assert is_unsettled(moment, moment + timedelta(hours=1), timedelta(minutes=settle))


def test_a_store_that_dies_between_its_transactions_leaves_no_tree_that_passes_for_read(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company whose children were never told keeps its mark, wherever the first look was cut off."""
    root = KnownCompany("root", "root.4813494d", "Root", None, 0, None)
    note = Problem("root", "companies", "its sub-companies cannot be listed")
    unread = WalkFinding([root], [], [], {"root": note}, frozenset({"root"}))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((tree_module.problems, "replace_problems"), (tree_module.catalog, "mark_gone")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, die)
            with pytest.raises(KeyboardInterrupt):
                store(warehouse, unread, at=datetime(2026, 3, 9, 15, 7, tzinfo=UTC))
        store(warehouse, unread, at=datetime(2026, 3, 9, 15, 7, tzinfo=UTC))
        with warehouse.read() as connection:
            assert with_unknown_children(connection) == {"root"}
