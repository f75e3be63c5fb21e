"""Text from outside, made fit for a message: short, on one line, without secrets and without e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST_EXCERPT = 200
_EMAIL_LIKE = re.compile(r"[^\s@<>\"'(),;:=]+(?:@|%40)[^\s@<>\"'(),;]+", re.IGNORECASE)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """At most 200 characters of a text, with whatever looks like an e-mail and every known secret struck out.

    Generous on purpose: `a@b` is struck out too. Secrets go first, over the whole text, so that no cut can leave
    the half of one; the cut before the e-mails only bounds the work.
    """
    line = " ".join(text.split())
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        line = line.replace(secret, "[secret]")
    line = _EMAIL_LIKE.sub("[e-mail]", line[: 10 * LONGEST_EXCERPT])
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return line if len(line) <= LONGEST_EXCERPT else line[: LONGEST_EXCERPT - 1] + "…"
