"""The site of `make site`: every page has its place in the navigation, and its links lead somewhere there too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sequel_assets_tests.house.test_pages import CODE, LINK, is_broken
from sequel_assets_tests.support.paths import PROJECT
from tools.site import lay_out, place_of, rewritten


class SiteSettings(yaml.SafeLoader):
    """Reads mkdocs.yml, whose one Python object is the site's own affair."""


SiteSettings.add_multi_constructor("tag:yaml.org,2002:python/object", lambda *_: None)


def navigation(entry: Any) -> Iterator[str]:
    """Yield the pages of a navigation, in its order."""
    if isinstance(entry, str):
        yield entry
        return
    for one in entry.values() if isinstance(entry, dict) else entry:
        yield from navigation(one)


def test_the_navigation_has_each_page_once(tmp_path: Path) -> None:
    told = yaml.load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), SiteSettings)
    assert sorted(navigation(told["nav"])) == lay_out(tmp_path / "site")
    assert [next(iter(part)) for part in told["nav"]] == ["Start", "Use it", "Run it", "Build on it"]


def test_every_link_leads_somewhere_in_the_site(tmp_path: Path) -> None:
    """What `zensical build --strict` checks too, without installing it."""
    pages = [tmp_path / "site" / name for name in lay_out(tmp_path / "site")]
    links = [(page, link) for page in pages for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))]
    assert len(links) > 150
    assert [(page.name, link) for page, link in links if is_broken(page, link)] == []


def test_links_are_rewritten_and_code_is_not() -> None:
    text = "See [a](../README.md#x), [b](alerts.md) and `[c](../README.md)`.\n\n    [d](../README.md)\n\n![e](images/flow.svg)\n"
    assert rewritten(text, PROJECT / "docs" / "security.md") == (
        "See [a](index.md#x), [b](alerts.md) and `[c](../README.md)`.\n\n    [d](../README.md)\n\n![e](images/flow.svg)\n"
    )


def test_a_link_out_of_the_site_is_refused() -> None:
    """A module is named, not linked: the site has no source."""
    with pytest.raises(ValueError, match=r"pyproject\.toml is no page of the site"):
        place_of(PROJECT / "pyproject.toml")
