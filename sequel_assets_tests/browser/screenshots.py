"""The screenshots of the documentation: `make screenshots` starts a demo and writes those of docs/images."""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sequel_assets.orchestration.namespace import ALONE
from sequel_assets_tests.browser.chromium import why_not
from sequel_assets_tests.browser.seen import DagsterUi, dagster_ui
from sequel_assets_tests.support.paths import PROJECT
from sequel_assets_tests.support.served_demo import ServedDemo

IMAGES = PROJECT / "docs" / "images"
NARROW_SIDE = "localStorage.setItem('dagster-nav-collapsed', 'true')"
SETTLE_SECONDS = 3


def _partitions(ui: DagsterUi) -> None:
    ui.open_partitions("daily_usage")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    for words in ("acme-events.", yesterday.isoformat()):  # a company and a day: then the slice's own figures are shown
        named = ui.driver.find_elements("xpath", f"//*[contains(text(), '{words}')]")
        next(element for element in named if element.is_displayed()).click()
        time.sleep(1)


def _checks(ui: DagsterUi) -> None:
    ui.open_checks("daily_usage", "fresh_by_the_hour")


def _lineage(ui: DagsterUi) -> None:
    ui.open_lineage()


SCREENSHOTS = {"lineage": _lineage, "partitions": _partitions, "checks": _checks}


def pictured() -> str:
    """Return each asset with its group, a line each, as `assets.txt` beside the pictures says of when they were made."""
    return "".join(f"{spec.group_name} {name}\n" for name, spec in sorted(ALONE.specs.items()))


def main() -> None:
    """Start a demo, save each screenshot, end the demo."""
    reason = why_not()
    if reason:
        sys.exit(reason)
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / "assets.txt").write_text(pictured(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        demo = ServedDemo(Path(folder), days=15, companies=4)
        try:
            demo.wait_until_served()
            demo.execute_checks()
            with dagster_ui(demo.url, 1400, 980) as ui:
                ui.open("/", lambda text: "Lineage" in text)
                ui.driver.execute_script(NARROW_SIDE)
                for name, open_it in SCREENSHOTS.items():
                    open_it(ui)
                    time.sleep(SETTLE_SECONDS)
                    ui.save(IMAGES / f"{name}.png")
                    size = (IMAGES / f"{name}.png").stat().st_size
                    sys.stdout.write(f"docs/images/{name}.png {size // 1000} KB\n")
        finally:
            demo.end()


if __name__ == "__main__":
    main()
