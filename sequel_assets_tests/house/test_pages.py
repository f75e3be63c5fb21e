"""The pages of docs/: their links lead somewhere, the modules that they name exist, each term is explained once."""

import re
from collections import Counter
from pathlib import Path

import pytest

from sequel_assets_tests.browser.screenshots import pictured
from sequel_assets_tests.support.paths import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
WRITTEN = [page for page in PAGES if "\nGenerated from" not in page.read_text(encoding="utf-8")]
"""All but those that `make docs` writes."""
BASES = ("", "sequel_assets", "sequel_assets/refresh", "sequel_assets_tests", "docs")
"""What a path in a page may be relative to."""
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:/|/[a-z_]+\.(?:py|c)))(?:::\w+)?`")
"""A folder (with its last slash) or a module in a folder, such as `refresh/core/time.py`."""
LONGEST_LINE = 160


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """What a link may lead to within a page, by GitHub's rule."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def is_broken(page: Path, link: str) -> bool:
    """A file or a place in one that is not there; other sites are not asked."""
    if "://" in link or link.startswith("mailto:"):
        return False
    file, _, anchor = link.partition("#")
    target = (page.parent / file) if file else page
    return not target.exists() or bool(anchor and anchor not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of this project, and to a heading that it has."""
    links = LINK.findall(CODE.sub("", text_of(page)))
    assert [link for link in links if is_broken(page, link)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    """A renamed module is renamed in the documentation too. The changelog may name what is gone."""
    named = NAMED.findall(text_of(page))
    assert [path for path in named if not any((PROJECT / base / path).exists() for base in BASES)] == []


def test_modules_are_named_where_a_reader_looks_for_them() -> None:
    """The test above would pass on pages that name none."""
    named = NAMED.findall(text_of(PROJECT / "docs" / "where-does-my-line-belong.md"))
    assert len({path for path in named if path.endswith(".py")}) > 50


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_no_line_of_prose_is_too_long(page: Path) -> None:
    """Tables may be."""
    lines = text_of(page).splitlines()
    assert [line for line in lines if len(line) > LONGEST_LINE and not line.startswith("|")] == []


def test_each_term_is_explained_once() -> None:
    """A heading of the glossary is one term."""
    titles = Counter(re.findall(r"^### (.*)$", text_of(PROJECT / "docs" / "glossary.md"), re.MULTILINE))
    assert len(titles) > 40
    assert [title for title, times in titles.items() if times > 1] == []


def test_every_image_is_shown_by_a_page() -> None:
    """One that no page shows is never looked at, and goes stale."""
    shown = {(page.parent / link).resolve() for page in PAGES for link in LINK.findall(text_of(page))}
    assert [image.name for image in PROJECT.glob("docs/images/*.[ps][nv]g") if image.resolve() not in shown] == []


def test_every_page_is_found_from_the_readme() -> None:
    """By the links, in two steps at most."""
    near = {link.partition("#")[0] for link in LINK.findall(text_of(PROJECT / "README.md"))}
    pages = {file for file in near if file.startswith("docs/") and file.endswith(".md")}
    far = {f"docs/{link.partition('#')[0]}" for file in pages for link in LINK.findall(text_of(PROJECT / file))}
    assert {f"docs/{page.name}" for page in PROJECT.glob("docs/*.md")} - near - far == set()


def test_the_pictures_show_todays_assets() -> None:
    """`make screenshots` makes them again, and writes which assets they show."""
    assert (PROJECT / "docs" / "images" / "assets.txt").read_text(encoding="utf-8") == pictured()
