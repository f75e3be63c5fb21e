"""The summary of a backfill: slices by company and status, then the failed slices and runs by name."""

from collections import Counter
from collections.abc import Sequence

from sequel_assets.cli.backfill.company_run import MAX_NAMED, CompanyResult
from sequel_assets.cli.support.terminal import console, errors, table
from sequel_assets.refresh.core.outcomes import SliceStatus
from sequel_assets.safety.visible import as_line
from sequel_assets.warehouse.stores.catalog import KnownCompany


def summarize(companies: Sequence[KnownCompany], results: Sequence[CompanyResult], *, is_stopped: bool = False) -> int:
    """Print the summary, and return the number of failed slices and runs; a stopped command does not name its runs."""
    counts = sum((one.counts for one in results), Counter[tuple[str, SliceStatus]]())
    rows = [
        (company.partition_key, *(counts[company.company_id, verdict] for verdict in SliceStatus))
        for company in companies
    ]
    footer = ("all", *(sum(counts[company.company_id, verdict] for company in companies) for verdict in SliceStatus))
    table("Slices", ("company", *(str(verdict) for verdict in SliceStatus)), rows, footer if len(rows) > 1 else ())
    failed_runs = [one for one in results if one.error and not is_stopped]
    for one in failed_runs:
        errors().print(as_line(f"{one.task.company.partition_key}: {one.error}"))
    failed = sum(one.count(SliceStatus.FAILED) for one in results)
    named = [(one.task.company.partition_key, outcome) for one in results for outcome in one.failed][:MAX_NAMED]
    for key, outcome in named:
        errors().print(as_line(f"failed: {key} {outcome.name}: {outcome.reason}"))
    if failed > len(named):
        errors().print(f"and {failed - len(named)} more; all of them: sequel-assets status")
    waiting = sum(one.count(SliceStatus.WAITING) for one in results)
    first = next(((one.task.company.partition_key, one.waiting) for one in results if one.waiting is not None), None)
    if first is not None:
        key, outcome = first
        such = f"{key} {outcome.day} {outcome.dataset}: {outcome.reason}"
        console().print(as_line(f"waiting: {waiting} slices, such as {such}"))
    return failed + len(failed_runs)
