"""The company tree: keys for people, what stays, what is asked about; and days in unbroken runs."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.refresh.company import runs_of
from sequel_assets.refresh.hours import data_through, days_between, is_unsettled
from sequel_assets.refresh.plan import Span
from sequel_assets.refresh.tree import Walk, decide, partition_key
from sequel_assets.sequel import Company
from sequel_assets.warehouse.catalog import KnownCompany

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
    assert partition_key("a|1", name, taken, known_keys) == key


def test_a_known_company_that_was_not_found_is_asked_about_unless_its_parent_would_not_list() -> None:
    """Beneath a 403 nothing counts as gone."""
    found = Walk(found={"root": (Company(uid="root", name="Root"), None, 0)}, unknown_beneath={"mute"})
    stored = [
        known("root", None),
        known("gone", "root"),
        known("mute", "root"),
        known("under", "mute"),
        known("deep", "under"),
    ]
    now, doubtful = decide(stored, found, [])
    assert [company.company_id for company in now] == ["root"]
    assert doubtful == ["gone", "mute"]


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
