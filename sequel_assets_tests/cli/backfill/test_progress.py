"""What a backfill prints of a company when its run has ended, was stopped, or lost its process."""

import io
import re
from dataclasses import replace
from datetime import date

import pytest
from rich.console import Console

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task
from sequel_assets.cli.backfill.progress import ProgressView, bars
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.warehouse.stores.catalog import KnownCompany

TASK = Task(KnownCompany("c1", "acme.00000001", "Acme", None, 1, None), date(2026, 11, 1), date(2026, 11, 2), {})


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (
            CompanyResult(TASK, "9f", True, 2 * len(SLICED), requests=1204),
            f"acme.00000001: {2 * len(SLICED)} slices, 0 failed, 1,204 requests, run 9f",
        ),
        (
            CompanyResult(TASK, "9f", False, 17, requests=203),
            f"acme.00000001: stopped after 17 of {2 * len(SLICED)} slices, which stay, 0 failed, 203 requests, run 9f",
        ),
        (
            CompanyResult(TASK),
            f"acme.00000001: stopped after 0 of {2 * len(SLICED)} slices, which stay, 0 failed, 0 requests",
        ),
    ],
    ids=["ended", "stopped", "stopped before its run began"],
)
def test_a_company_that_was_stopped_says_what_was_done(
    result: CompanyResult, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    view = ProgressView([TASK], {"c1": 3}, None)
    view.receive(ProgressUpdate("c1", 1, 2, None))
    view.receive(result)
    assert capsys.readouterr().out.replace("\n", " ").split() == line.split()


def test_a_terminal_has_a_bar_for_each_company_and_one_for_all_in_80_columns() -> None:
    """With slices done and in all, requests made and left, and the rate."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    other = replace(TASK, company=replace(TASK.company, company_id="c2", partition_key="bolt." + "0" * 40))
    progress = bars(screen)
    view = ProgressView([TASK, other], {"c1": 3, "c2": 3}, progress)
    view.receive(ProgressUpdate("c1", 5, 7, 21))
    view.receive(ProgressUpdate("c2", 4, 2, None))
    with screen.capture() as shown:
        screen.print(progress)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.get()).splitlines()
    each = 2 * len(SLICED)
    patterns = [
        rf"all companies +[━╸╺]+ +9/{2 * each} .*requests/s.*",
        rf"acme\.0+1 +[━╸╺]+ +5/{each} +7 requests, 21 left +0:00:00",
    ]
    found = [re.match(pattern, line) for pattern, line in zip(patterns, lines, strict=False)]
    assert (len(lines), None in found, max(map(len, lines)) <= 80) == (3, False, True), lines
    assert re.match(rf"bolt\.0+… +[━╸╺]+ +4/{each} +2 requests +0:00:00", lines[2]), lines
