"""Dagster's UI as people see it in a headless Chromium."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome

from sequel_assets.refresh.core.datasets import CATALOG, SLICED, SUBSCRIPTIONS
from sequel_assets_tests.browser.chromium import browser, why_not

NODES = """
return [...document.querySelectorAll('svg foreignObject')].map(box => {
  const place = box.getBoundingClientRect();
  return [box.textContent, place.x, place.y, place.width, place.height];
});
"""
DATASETS = tuple(sorted((dataset.name for dataset in (*CATALOG, SUBSCRIPTIONS, *SLICED)), key=len, reverse=True))
"""Every asset; the longer names first, since some begin with another."""
TALL = (2400, 7000)
"""A window that shows all of the graph: what is beyond its edge is not drawn."""


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

    def open_graph(self, assets: int = len(DATASETS)) -> None:
        """Open the asset graph with every group expanded, and wait until so many assets are drawn."""
        groups = ",".join(f"global@global:{group}" for group in ("catalog", "insights", "landed"))
        self.open(f"/asset-groups?expanded={quote(groups)}", lambda text: "Global asset lineage" in text)
        self.wait(lambda _: len(self.nodes()) >= assets)

    def nodes(self) -> dict[str, tuple[float, float]]:
        """The middle of each asset in the graph."""
        found: dict[str, tuple[float, float]] = {}
        for text, x, y, width, height in self.driver.execute_script(NODES):
            name = next((name for name in DATASETS if text.strip().startswith(name)), None)
            if name is not None:
                found[name] = (x + width / 2, y + height / 2)
        return found

    def assets_in_graph(self) -> list[str]:
        """The assets that are drawn."""
        return sorted(self.nodes())

    def columns_of_graph(self) -> list[list[str]]:
        """The assets by where they stand, from left to right."""
        columns: list[tuple[float, list[str]]] = []
        for name, (x, _) in sorted(self.nodes().items(), key=lambda node: node[1]):
            if columns and x - columns[-1][0] < 40:
                columns[-1][1].append(name)
            else:
                columns.append((x, [name]))
        return [sorted(names) for _, names in columns]

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

    def save(self, file: Path) -> None:
        """Save what is seen as a picture."""
        self.driver.save_screenshot(str(file))


@contextmanager
def dagster_ui(url: str, width: int = 1400, height: int = 900) -> Iterator[DagsterUi]:
    """Open a browser for Dagster's UI."""
    with browser(width, height) as driver:
        yield DagsterUi(driver, url)
