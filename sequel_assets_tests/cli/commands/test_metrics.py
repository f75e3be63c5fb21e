"""`sequel-assets metrics`: what Prometheus reads is what `status` says, in one file that is whole or not there."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sequel_assets.cli.commands.metrics import OF_COMPANY, exposition
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.request_places import PlacesInUse
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.inboxes import deliver, notification
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.small_world import BOLT, NOW, PERSONAL

COMPANY = {
    "company": "acme.01234567",
    "gone": False,
    "data_through": "2026-03-03T15:00:00+00:00",
    "refreshed_at": "2026-03-03T15:07:00+00:00",
    "late": 3,
    "quarantined": 1,
    "problems": 2,
    "unavailable": 4,
    "unknown_days": 5,
}
"""As `status` says it."""


def read(text: str) -> dict[tuple[str, str], float]:
    """Return each sample: its name and company, and its value."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name.removeprefix("sequel_"), sample.labels.get("company", "")): sample.value for sample in samples}


def test_each_number_of_status_has_its_series() -> None:
    """A company that is gone has none, and what is not known yet is missing instead of being zero."""
    fresh = {**COMPANY, "company": "new.76543210", "data_through": None, "refreshed_at": None, "late": 0}
    gone = {**COMPANY, "company": "gone.00000000", "gone": True}
    text = exposition([COMPANY, fresh, gone], 7, NOW - timedelta(hours=1), PlacesInUse(2, 8, 5), NOW).decode()
    acme, new = "acme.01234567", "new.76543210"
    assert read(text) == {
        ("company_data_through_timestamp_seconds", acme): datetime(2026, 3, 3, 15, tzinfo=UTC).timestamp(),
        ("company_last_refresh_timestamp_seconds", acme): datetime(2026, 3, 3, 15, 7, tzinfo=UTC).timestamp(),
        ("company_late_slices", acme): 3,
        ("company_late_slices", new): 0,
        **{("company_quarantined_slices", name): 1 for name in (acme, new)},
        **{("company_problems", name): 2 for name in (acme, new)},
        **{("company_unavailable_datasets", name): 4 for name in (acme, new)},
        **{("company_unknown_days", name): 5 for name in (acme, new)},
        ("companies", ""): 2,
        ("companies_late", ""): 1,
        ("inbox_waiting_notifications", ""): 7,
        ("inbox_oldest_waiting_seconds", ""): 3600,
        ("request_processes", ""): 2,
        ("request_places", ""): 8,
        ("throttled_bursts", ""): 5,
    }


def test_a_key_that_is_hostile_is_one_label() -> None:
    text = exposition([{**COMPANY, "company": 'x"} 1\nevil 2\x1b[2J'}], 0, None, PlacesInUse(0, 0, 0), NOW).decode()
    assert "\nevil" not in text
    assert "\x1b" not in text
    assert read(text)["companies", ""] == 1


def test_the_file_says_what_status_says(whole: Checkout, tmp_path: Path) -> None:
    """A day after the last refresh every company is late; the file replaces the one before, and nothing else is left."""
    later = {"SEQUEL_NOW": (NOW + timedelta(days=1)).isoformat()}
    out = tmp_path / "sequel.prom"
    out.write_text("before")
    done = whole.quickly("metrics", "--out", str(out), **later)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    status = {one["company"]: one for one in json.loads(whole.quickly("status", "--json", **later).stdout)["companies"]}
    found = read(out.read_text())
    assert {key: found["company_late_slices", key] for key in status} == {
        key: one["late"] for key, one in status.items()
    }
    assert min(one["late"] for one in status.values()) > 0
    assert found["companies_late", ""] == 3
    assert list(tmp_path.iterdir()) == [out]
    assert [word for word in PERSONAL if word in out.read_text().lower()] == []


def test_it_prints_without_a_file_and_can_be_of_one_company(whole: Checkout) -> None:
    printed = read(whole.quickly("metrics").stdout)
    assert len(printed) == 3 * len(OF_COMPANY) + 7
    one = read(whole.quickly("metrics", "--company", "bolt").stdout)
    assert {name.split(".")[0] for _, name in one if name} == {"bolt"}


def test_the_depth_of_the_inbox_is_counted_and_a_new_file_has_the_mode_of_the_settings(checkout: Checkout) -> None:
    """0644 for node exporter, which runs as another account."""
    assert checkout.quickly("migrate").returncode == 0
    warehouse = Warehouse(checkout.url)
    deliver(warehouse, notification(BOLT, "e1", NOW - timedelta(minutes=30)), notification(BOLT, "e2", NOW))
    warehouse.dispose()
    out = checkout.folder / "sequel.prom"
    assert checkout.quickly("metrics", "--out", str(out), SEQUEL_FILE_MODE="0644").returncode == 0
    found = read(out.read_text())
    assert (found["inbox_waiting_notifications", ""], found["inbox_oldest_waiting_seconds", ""]) == (2, 1800)
    assert stat.S_IMODE(out.stat().st_mode) == 0o644


def test_a_failure_leaves_the_file_as_it_was(checkout: Checkout, tmp_path: Path) -> None:
    """It grows old, which the rule SequelMetricsStale of docs/deployment.md notices."""
    out = tmp_path / "sequel.prom"
    out.write_text("before")
    (line,) = checkout.refused_quickly(2, "metrics", "--out", str(out))
    assert "does not exist yet" in line
    assert out.read_text() == "before"


def test_each_series_is_in_the_page() -> None:
    """docs/deployment.md says what each means."""
    page = PROJECT.joinpath("docs", "deployment.md").read_text(encoding="utf-8")
    totals = {
        name for name, company in read(exposition([], 0, None, PlacesInUse(0, 0, 0), NOW).decode()) if not company
    }
    assert [name for name in [*OF_COMPANY, *(f"sequel_{one}" for one in totals)] if f"| `{name}` |" not in page] == []
