"""Lay the pages out for the site: `python -m tools.site FOLDER` copies README, docs/ and the other pages into one flat folder.

The pages are written to be read in the repository, where README stands above docs/; here every link is rewritten to the page's
place in the site. It needs nothing but Python, since `make site` runs it outside of the project's environment.
"""

import re
import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
PLACES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting-a-weakness.md",
}
"""The pages that stand above docs/, and what they are called in the site."""
_LINK = re.compile(r"(\]\()([^)\s:#]+)(#[^)\s]*)?(\))")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`|^(?: {4}|\t)[^\n]*$)", re.DOTALL | re.MULTILINE)
"""What is shown to the letter: blocks with fences, spans, indented lines."""


def place_of(path: Path) -> str:
    """Return where a file of the project is in the site; one that is no part of it raises `ValueError`."""
    if path.parent == TOP and path.name in PLACES:
        return PLACES[path.name]
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    raise ValueError(f"{path.relative_to(TOP)} is no page of the site; name it without a link")


def rewritten(text: str, page: Path) -> str:
    """Return a page with its links as they are in the site; code is left alone."""

    def link(found: re.Match[str]) -> str:
        target = place_of((page.parent / found[2]).resolve())
        return f"{found[1]}{target}{found[3] or ''}{found[4]}"

    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def lay_out(folder: Path) -> list[str]:
    """Write the site's pages into an emptied folder; return their names."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder)
    pages = [*(TOP / name for name in PLACES), *DOCS.glob("*.md")]
    for page in pages:
        text = rewritten(page.read_text(encoding="utf-8"), page)
        (folder / place_of(page)).write_text(text, encoding="utf-8")
    return sorted(place_of(page) for page in pages)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
