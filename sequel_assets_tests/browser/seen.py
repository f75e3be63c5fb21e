"""Dagster's UI as people see it in a headless Chromium."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome

from sequel_assets.warehouse.tables.dataset import Subject
from sequel_assets_tests.browser.chromium import browser, why_not

NODES = """
return [...document.querySelectorAll('svg foreignObject')].map(box => {
  const place = box.getBoundingClientRect();
  return [box.textContent, place.x, place.y, place.width, place.height];
});
"""


def require_browser() -> None:
    """Skip, loudly, where no browser can be had; fail there when CI says so."""
    reason = why_not()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class DagsterUi:
    """A window on Dagster's UI."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, path: str, until: Callable[[str], bool], seconds: float = 60) -> str:
        """Open a page and return its text once it shows what is waited for."""
        self.driver.get(f"{self.url}{path}")
        return self.wait(until, seconds)

    def wait(self, until: Callable[[str], bool], seconds: float = 60) -> str:
        """Return the page's text once it shows what is waited for."""
        deadline = time.monotonic() + seconds
        text = ""
        while time.monotonic() < deadline:
            try:
                text = self.driver.execute_script("return document.body.innerText") or ""
            except WebDriverException:
                text = ""
            if until(text):
                return text
            time.sleep(0.3)
        raise AssertionError(f"{self.driver.current_url} does not show what was waited for:\n{text[:3000]}")

    def open_lineage(self) -> list[str]:
        """Open the lineage of all assets; return the groups that stand on the screen as a whole, by name."""
        self.open("/asset-groups", lambda text: "Global asset lineage" in text)
        deadline = time.monotonic() + 30
        while len(found := self._groups_on_screen()) < len(Subject) and time.monotonic() < deadline:
            time.sleep(0.3)
        return found

    def _groups_on_screen(self) -> list[str]:
        width, height = self.driver.execute_script("return [innerWidth, innerHeight]")
        return sorted(
            text.strip()
            for text, x, y, wide, high in self.driver.execute_script(NODES)
            if text.strip() in set(Subject) and x >= 0 and y >= 0 and x + wide <= width and y + high <= height
        )

    def open_partitions(self, asset: str) -> str:
        """Open an asset's partitions."""
        return self.open(f"/assets/{asset}?view=partitions", lambda text: bool(re.search(r"Materialized\s*\(\d", text)))

    def open_asset(self, asset: str) -> str:
        """Open an asset's overview."""
        return self.open(f"/assets/{asset}?view=overview", lambda text: "engaged_minutes" in text and "Grain" in text)

    def open_checks(self, asset: str, check: str) -> str:
        """Open an asset's checks with one of them chosen, once it has been executed."""
        path = f"/assets/{asset}?view=checks&checkDetail={check}"
        return self.open(path, lambda text: check in text and "Latest execution" in text)

    def open_runs(self) -> str:
        """Open the list of runs, with what describes each."""
        return self.open("/runs", lambda text: "why: " in text and "companies: " in text)

    def open_run(self, run_id: str) -> str:
        """Open a run and scroll its log to the end; return the log's text."""
        return self.open(f"/runs/{run_id}", lambda text: "RUN_SUCCESS" in text)

    def open_slice(self, asset: str, slice_: str) -> str:
        """Open the page of a company and a day."""
        page = f"/assets/{asset}?view=partitions&partition={slice_}"
        return self.open(page, lambda text: "data_through" in text)

    def open_group(self, group: str) -> str:
        """Open the list of a group's assets."""
        return self.open(f"/locations/sequel_assets/asset-groups/{group}/list", lambda text: "daily_usage" in text)

    def save(self, file: Path) -> None:
        """Save what is seen as a picture."""
        self.driver.save_screenshot(str(file))


@contextmanager
def dagster_ui(url: str, width: int = 1400, height: int = 900) -> Iterator[DagsterUi]:
    """Open a browser for Dagster's UI."""
    with browser(width, height) as driver:
        yield DagsterUi(driver, url)
