"""What an error answer is like, in a word or two of our own: Sequel's own words are about people, and are told nowhere.

Both words are from short fixed lists, so that no answer, however it is spelt, can put a text of its own into a message:
the form of the body, and what it seems to be about where it says one of a few words that errors of APIs say.
"""

from __future__ import annotations

import re

from sequel_assets.sequel.parsing.decoding import NotJsonError, UnsafeJsonError, decoded

LOOKED_AT = 4096
"""Characters of an error that are looked through."""
NOT_FOUND = "not found"
_SAYS_WHAT = ("errorMessage", "message", "error", "error_description", "title", "detail")
TOPICS = (
    ("quota", r"quota|too many|rate.?limit|throttl"),
    ("license", r"licen[cs]e"),
    ("token", r"token|client.?id|client.?secret|credential|unauthori[sz]ed|audience"),
    ("no access", r"forbidden|no access|not allowed|permission|access denied"),
    (NOT_FOUND, r"not found|no such|does not exist|unknown"),
    ("expired", r"expired"),
    ("time-out", r"time.?out|timed out"),
    ("maintenance", r"maintenance|unavailable"),
    ("bad value", r"invalid|required|must be|bad request|missing"),
)
_PATTERNS = tuple((topic, re.compile(pattern, re.IGNORECASE)) for topic, pattern in TOPICS)


def code_of(body: bytes, content_type: str) -> str:
    """The form of an error's body and, where it can be made out, its topic: `empty`, `HTML`, `JSON: quota`, `text: not found`."""
    if not body.strip():
        return "empty"
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return "HTML"
    try:
        value = decoded(body, content_type=content_type)
    except (NotJsonError, UnsafeJsonError):
        return _with_topic("text", body[: 4 * LOOKED_AT].decode(errors="replace"))
    said = (
        [value]
        if isinstance(value, str)
        else [value.get(name) for name in _SAYS_WHAT]
        if isinstance(value, dict)
        else []
    )
    return _with_topic("JSON", " ".join(text for text in said if isinstance(text, str)))


def response_code(code: str, status: int | None = None) -> str:
    """Status and code for the end of a message, whichever tells something: a form alone does not, nor a 404 that says "not found"."""
    tells = code == "HTML" or (":" in code and not (status == 404 and code.endswith(NOT_FOUND)))
    return (f" ({status})" if status is not None else "") + (f", {code}" if tells else "")


def _with_topic(form: str, text: str) -> str:
    topic = next((topic for topic, pattern in _PATTERNS if pattern.search(text[:LOOKED_AT])), "")
    return f"{form}: {topic}" if topic else form
