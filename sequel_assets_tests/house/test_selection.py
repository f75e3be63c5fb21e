"""What the small scale leaves out: combinations of parameters, and no value of one."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from sequel_assets_tests.support.suite import selection

ENGINES, LETTERS, NUMBERS = ["sqlite", "postgresql"], ["a", "b", "c", "d"], [101, 102, 103]


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say which combinations of two parameters and both engines stay, under some marks."""

    def stay(
        *marks: pytest.MarkDecorator, engines: list[str] = ENGINES, letters: list[str] = LETTERS, name: str = "test"
    ) -> set[Any]:
        monkeypatch.setattr(selection, "IS_CAMPAIGN", False)
        monkeypatch.setattr(selection.pytest, "Function", SimpleNamespace)
        found = {decorator.mark.name: decorator.mark for decorator in marks}
        items: list[Any] = [
            SimpleNamespace(
                nodeid=f"file::{name}[{engine}-{letter}-{number}]",
                callspec=SimpleNamespace(params={"engine_kind": engine, "letter": letter, "number": number}),
                iter_markers=found.values,
                get_closest_marker=found.get,
            )
            for engine, letter, number in itertools.product(engines, letters, NUMBERS)
        ]
        out = {id(item) for item in selection.left_out(items)}
        return {tuple(item.callspec.params.values()) for item in items if id(item) not in out}

    return stay


def test_without_a_mark_everything_runs(left: Any) -> None:
    assert len(left()) == len(ENGINES) * len(LETTERS) * len(NUMBERS)


def test_alternating_runs_each_combination_once_and_each_value_on_both_engines(left: Any) -> None:
    kept = left(pytest.mark.alternating)
    assert sorted(one[1:] for one in kept) == sorted(itertools.product(LETTERS, NUMBERS))
    assert {one[:2] for one in kept} == set(itertools.product(ENGINES, LETTERS))
    assert {one[::2] for one in kept} == set(itertools.product(ENGINES, NUMBERS))


def test_alternating_leaves_a_test_of_one_engine_alone(left: Any) -> None:
    assert len(left(pytest.mark.alternating, engines=["sqlite"])) == len(LETTERS) * len(NUMBERS)


def test_a_sample_has_each_value_of_each_parameter(left: Any) -> None:
    kept = left(pytest.mark.sampled(2))
    assert len(kept) == len(ENGINES) * len(LETTERS) * len(NUMBERS) // 2
    assert [{one[place] for one in kept} for place in range(3)] == [set(ENGINES), set(LETTERS), set(NUMBERS)]


def test_without_parameters_a_third_of_the_tests_runs_on_the_second_engine(
    left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.NUMBERS", [101])
    kept = [left(pytest.mark.alternating, letters=["a"], name=f"test{number}") for number in range(100)]
    assert {len(one) for one in kept} == {1}
    assert 20 <= sum(("postgresql", "a", 101) in one for one in kept) <= 47


def test_scenarios_run_apart_from_the_others(left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(pytest.mark.scenario) == set()
    monkeypatch.setattr(selection, "IS_OF_SCENARIOS", True)
    assert len(left(pytest.mark.scenario)) == len(ENGINES) * len(LETTERS) * len(NUMBERS)
    assert left() == set()


def test_a_campaign_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "IS_CAMPAIGN", True)
    assert selection.left_out([SimpleNamespace()]) == []  # type: ignore[list-item]
