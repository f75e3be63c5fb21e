"""What a backfill prints of a company when its run has ended, was stopped, or lost its process."""

from datetime import date

import pytest

from sequel_assets.cli.backfill.company_run import CompanyResult, ProgressUpdate, Task
from sequel_assets.cli.backfill.progress import ProgressView
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
