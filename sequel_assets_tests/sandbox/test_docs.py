"""docs/sandbox.md says what is there, and its example runs."""

import re

from sequel_assets.sandbox import DELIVERY_FAULTS, FAULTS, QUIRKS
from sequel_assets_tests.support.paths import PROJECT

TEXT = PROJECT.joinpath("docs", "sandbox.md").read_text(encoding="utf-8")


def test_every_quirk_and_fault_is_told_in_its_table():
    """And nothing that there is not."""
    quirks, faults = TEXT.split("| quirk |")[1].split("| fault |")
    named = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
    assert set(named.findall(quirks)) == QUIRKS
    assert set(named.findall(faults.split("## In pytest")[0])) == FAULTS


def test_every_webhook_fault_is_told_in_its_table():
    """And nothing that there is not."""
    (table,) = re.findall(r"\| webhook fault \|.*?\n\n", TEXT, re.DOTALL)
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == DELIVERY_FAULTS


def test_the_example_runs():
    """As it stands."""
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "docs/sandbox.md", "exec"), {})
