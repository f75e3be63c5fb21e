"""What a roll-up should be, by the bookkeeping of the companies beneath it."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from sequel_assets.insights.company_hierarchy import parents_of
from sequel_assets.insights.company_rollup import company_rollup
from sequel_assets.refresh.transform.rollup_plan import SOURCES, Hierarchies, is_behind, wanted_rollups
from sequel_assets_tests.support.rows import DAY, hour

FAMILY = Hierarchies(
    parents_of([("root", DAY, None), ("kid", DAY, "root"), ("gone", DAY, "root")]),
    {"root": None, "kid": None, "gone": DAY},
)


def slices(company_id: str, data: int, full: int | None) -> dict[tuple[str, str, Any], Any]:
    """A company's facts of the day, that cover these hours of it."""
    through = None if full is None else hour(full)
    covers = {"data_through": hour(data), "full_through": through, "is_final": False, "checksum": "c"}
    return {
        (company_id, dataset, DAY): SimpleNamespace(company_id=company_id, dataset=dataset, day=DAY, **covers)
        for dataset in SOURCES
    }


def test_a_rollup_covers_the_least_of_its_companies() -> None:
    """The hour, and the hour of every event; where one was never requested in full, none was."""
    wanted, waiting = wanted_rollups(FAMILY, slices("root", 5, 4) | slices("kid", 6, 3), [DAY])
    covered = {company_id: (one.data_through, one.full_through) for (company_id, _), one in wanted.items()}
    assert covered == {"root": (hour(5), hour(3)), "kid": (hour(6), hour(3))}
    wanted, _ = wanted_rollups(FAMILY, slices("root", 5, 4) | slices("kid", 6, None), [DAY])
    assert (wanted["root", DAY].full_through, wanted["root", DAY].is_full) == (None, False)
    assert waiting == {}


def test_only_a_company_that_was_there_is_waited_for() -> None:
    """One owes nothing from the day on on which it went."""
    before = DAY - timedelta(days=1)
    _, waiting = wanted_rollups(FAMILY, slices("root", 5, 4), [DAY, before])
    assert waiting == {
        ("root", DAY): "kid",
        ("kid", DAY): "kid",
        ("root", before): "root",
        ("kid", before): "kid",
        ("gone", before): "gone",
    }


def test_a_rollup_is_behind_where_its_facts_or_their_hour_are_others() -> None:
    """The same facts that cover another hour move its bookkeeping."""
    wanted, _ = wanted_rollups(FAMILY, slices("kid", 6, 3), [DAY])
    key, want = ("kid", DAY), wanted["kid", DAY]

    def behind(checksum: str, full: int) -> bool:
        have = SimpleNamespace(input_checksum=checksum, full_through=hour(full))
        return is_behind({("kid", company_rollup.name, DAY): have}, key, want)

    assert is_behind({}, key, want)
    assert [behind(want.input_checksum, 3), behind(want.input_checksum, 2), behind("other", 3)] == [False, True, True]
