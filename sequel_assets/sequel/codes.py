"""Describes an error response in a word or two of our own, such as `JSON: quota`.

Sequel's own text may name people, so no part of it may reach a message. Both words come from short fixed lists: the
form of the body, and its topic where it contains one of a few terms that API errors use.
"""

from __future__ import annotations

import re

from sequel_assets.sequel.parsing.decoding import NotJsonError, UnsafeJsonError, decoded

LOOKED_AT = 4096
"""Characters of an error text that are searched for a topic."""
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
    """The form of an error's body and, where recognised, its topic: `empty`, `HTML`, `JSON: quota`."""
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
    """Status and code for the end of a message. A form alone adds nothing, nor does "not found" to a 404."""
    is_informative = code == "HTML" or (":" in code and not (status == 404 and code.endswith(NOT_FOUND)))
    return (f" ({status})" if status is not None else "") + (f", {code}" if is_informative else "")


def _with_topic(form: str, text: str) -> str:
    topic = next((topic for topic, pattern in _PATTERNS if pattern.search(text[:LOOKED_AT])), "")
    return f"{form}: {topic}" if topic else form
