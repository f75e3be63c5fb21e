"""Company hierarchy: 10,000 companies, walked as the sensor does, and the freshness check over all of them."""

import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.support.world import CONCURRENCY, LATENCY_MS, Bench, bench, in_a_process
from sequel_assets.orchestration.sensors.new_companies import arrivals, hour_of
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.refresh.coverage.freshness import late_slices
from sequel_assets.refresh.coverage.slice_coverage import read_slice_coverage
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import refreshes

HEADINGS = ("what", "requests", "seconds", "peak memory, MiB")
NOW = datetime(2026, 11, 23, 15, 7, tzinfo=UTC)
COMPANIES, DAYS = 10_000, 7


def run() -> Iterator[tuple[str, int, float, float]]:
    """Yield two walks and a check over the last week."""
    options = ("--companies", str(COMPANIES), "--days", "1", "--events-per-day", "0", "--now", NOW.isoformat())
    with in_a_process(*options, "--latency-ms", str(LATENCY_MS)) as account, bench(account, NOW, DAYS) as b:
        began, before = time.perf_counter(), b.requests
        found = b.walk()
        keys, _ = arrivals(found, [], [], {}, hour_of(NOW))
        assert len(set(keys)) == len(found) == COMPANIES, "a company is missing, or there twice"
        yield "the first walk, all of them new", b.requests - before, time.perf_counter() - began, _mib()
        began, before = time.perf_counter(), b.requests
        second = arrivals(b.walk(keys), keys, [company.company_id for company in found], {}, hour_of(NOW))
        assert second == ([], []), "a company is new twice"
        yield "the next walk, none of them new", b.requests - before, time.perf_counter() - began, _mib()
        yield "of which requests x latency / concurrency", 0, (b.requests - before) * LATENCY_MS / 1000 / CONCURRENCY, 0
        _fill(b, [company.company_id for company in found])
        began = time.perf_counter()
        late = _late(b)
        assert late == COMPANIES * (DAYS - 1), f"{late} slices are late"
        yield f"what is late of one dataset, {DAYS} days of each", 0, time.perf_counter() - began, _mib()


def _fill(b: Bench, company_ids: list[str]) -> None:
    """Write the slice coverage of one dataset: today is fresh, the days before were never closed."""
    days = [NOW.date() - timedelta(days=n) for n in range(DAYS)]
    same = {"dataset": SLICED[0].name, "refreshed_at": NOW, "data_through": NOW.replace(minute=0), "full_through": None,
            "is_final": False, "rows": 0, "checksum": "", "input_checksum": None, "run_id": None}  # fmt: skip
    with b.warehouse.write() as connection:
        for day in days:
            bulk.upsert(connection, refreshes, [same | {"company_id": c, "day": day} for c in company_ids])


def _late(b: Bench) -> int:
    """Count the late slices as the check does."""
    with b.warehouse.read() as connection:
        coverage = read_slice_coverage(connection, [SLICED[0].name])[SLICED[0].name]
        companies = catalog.present_companies(connection)
    settle, window = timedelta(minutes=5), timedelta(hours=48)
    return sum(
        len(late_slices(company.company_id, coverage[company.company_id], NOW, settle=settle, late_window=window))
        for company in companies
    )


def _mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
