"""How much the tests try: a little in `make test`, a lot in `make campaigns`.

`SEQUEL_TEST_SCALE=campaign` is the large scale: every parameter on both databases, many examples of each property. The
small scale keeps one real case of everything; `SEQUEL_TEST_SCALE=scenarios` is the small scale of the tests that `make
test` leaves out. `KILLS`, `WORLDS` and `FAULTS` set single numbers, at either scale.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import hypothesis

T = TypeVar("T")

IS_CAMPAIGN = os.environ.get("SEQUEL_TEST_SCALE") == "campaign"
IS_OF_SCENARIOS = os.environ.get("SEQUEL_TEST_SCALE") == "scenarios"
EXAMPLES, EXAMPLES_IN_CAMPAIGN = 25, 1000
"""Of each property that does not say otherwise."""


def scaled(small: int, large: int, variable: str = "") -> int:
    """Return the number of this scale, unless an environment variable gives one."""
    return int(os.environ.get(variable) or (large if IS_CAMPAIGN else small))


def some(small: Sequence[T], large: Sequence[T]) -> Sequence[T]:
    """Return the parameters of this scale; the small ones are among the large ones."""
    assert all(one in large for one in small)
    return large if IS_CAMPAIGN else small


def load_hypothesis_profile() -> None:
    """Let properties take as many examples as the scale says, however long one takes."""
    for name, examples in (("suite", EXAMPLES), ("campaign", EXAMPLES_IN_CAMPAIGN)):
        hypothesis.settings.register_profile(name, deadline=None, print_blob=True, max_examples=examples)
    hypothesis.settings.load_profile("campaign" if IS_CAMPAIGN else "suite")
