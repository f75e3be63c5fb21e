"""Text as Markdown for Dagster: nothing that comes from outside becomes a link, an image, HTML or a table's edge."""

import re
from collections.abc import Sequence

from sequel_assets.safety.visible import visible

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 .:+,%_-]*[A-Za-z0-9%])?")


def shown_as_is(text: str) -> str:
    """Return a text as Markdown that is shown literally: as code wherever it has a character with a meaning."""
    seen = visible(text)
    if not seen or (_PLAIN.fullmatch(seen) and "www." not in seen.lower() and "__" not in seen):
        return seen
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", seen)), default=0))
    edge = " " if seen[0] in "` " or seen[-1] in "` " else ""
    return f"{fence}{edge}{seen}{edge}{fence}"


def escaped(text: str) -> str:
    """Return the alternative text of an image, with Markdown's characters escaped."""
    return re.sub(r"([\\`*_{}\[\]()#!|<>&~$])", r"\\\1", visible(" ".join(text.split()), 1000))


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first being the heading, as a Markdown table."""
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _cell(text: str) -> str:
    """Return a cell; a backslash before a bar would undo the escape of the bar."""
    return re.sub(r"\\+(?=\|)", lambda run: r"\x5c" * len(run[0]), shown_as_is(text)).replace("|", "\\|")
