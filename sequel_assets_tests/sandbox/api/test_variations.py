"""Other Sequels: each is chosen by its name, is on docs/sandbox.md, and answers as it says; the truth stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields

import pytest

from sequel_assets.sandbox import Sandbox, Variations
from sequel_assets_tests.sandbox.conftest import Client
from sequel_assets_tests.support.paths import PROJECT

Serve, Connect = Callable[..., Sandbox], Callable[[Sandbox], Client]


def test_names_are_those_of_the_page() -> None:
    """With an example of their value, which can be read back."""
    page = PROJECT.joinpath("docs", "sandbox.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| variation \|.*?\n\n", page, re.DOTALL)
    examples = re.findall(r"^\| `([\w=.-]+)` \|", table, re.MULTILINE)
    assert [name.partition("=")[0].replace("-", "_") for name in examples] == [one.name for one in fields(Variations)]
    assert all(Variations.parse(example) != Variations() for example in examples)


def test_several_are_read_at_once_and_none_is_the_documented_api() -> None:
    assert Variations.parse("exclusive-dates, list-cap=100") == Variations(exclusive_dates=True, list_cap=100)
    assert Variations.parse("") == Variations()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("exclusive", "no such variation: 'exclusive'; there are activity-cap, "),
        ("list-cap", "list-cap needs a number, such as list-cap=100"),
        ("list-cap=many", "list-cap needs a number, such as list-cap=100"),
        ("exclusive-dates=1", "exclusive-dates takes no value"),
        ("analytics-host", "analytics-host needs a value, such as analytics-host=localhost"),
    ],
)
def test_a_wrong_one_is_refused_by_name(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=re.escape(wrong)):
        Variations.parse(text)


@pytest.mark.parametrize(
    ("variations", "query", "users", "minutes", "rows"),
    [
        ("", {"startDate": "2026-03-02", "endDate": "2026-03-02"}, 4, 33, 4),
        ("exclusive-dates", {"startDate": "2026-03-02", "endDate": "2026-03-02"}, 0, 0, 0),
        ("exclusive-dates", {"startDate": "2026-03-02", "endDate": "2026-03-03"}, 4, 33, 4),
        ("ignored-dates", {"startDate": "2026-01-01", "endDate": "2026-01-01"}, 4, 43, 4),
        ("time-zone=-8", {"startDate": "2026-03-01", "endDate": "2026-03-01"}, 3, 38, 3),
        ("list-cap=2", {"limit": "50"}, 4, 43, 2),
        ("listed-totals", {"limit": "1"}, 1, 25, 1),
        ("ignored-engagement-type", {"engagementType": "live"}, 4, 43, 4),
    ],
)
def test_participants_are_answered_as_the_variation_says(
    serve: Serve, connect: Connect, variations: str, query: dict[str, str], users: int, minutes: int, rows: int
) -> None:
    """By totals and rows of one event whose minutes lie around midnight."""
    client = connect(serve(variations=Variations.parse(variations)))
    found = client.participants("e1", **query).json()
    assert (found["numberOfUsers"], found["totalEngagedMinutes"], len(found["topParticipants"])) == (
        users,
        minutes,
        rows,
    )


def test_analytics_are_at_the_published_path_alone(serve: Serve, connect: Connect) -> None:
    client = connect(serve(variations=Variations(published_path=True)))
    assert client.participants("e1").status_code == 404
    path = ("api", "analytics", "user-engagement", "events", "e1", "top-participants")
    assert client.api(*path).json()["numberOfUsers"] == 4
    plain = connect(serve())
    assert plain.api(*path).status_code == 404


def test_too_many_requests_in_a_second_are_refused_with_the_time_to_wait(serve: Serve, connect: Connect) -> None:
    client = connect(serve(variations=Variations(rate_limit=3)))
    answers = [client.api("company", "root") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["Retry-After"] == "1"
