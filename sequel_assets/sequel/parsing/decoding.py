r"""Bytes to values, believing nothing.

Python's `json` accepts more than is good for a warehouse: keys told twice (the last wins, silently), `NaN`, integers of
thousands of digits, nesting until the stack ends, and characters that no database stores (NUL, and halves of surrogate
pairs, both only reachable through `\u` escapes). Everything of that kind is refused here, or, where it is only text,
made harmless. This is the one place where it happens.

Nor is an answer believed to be as small as it came: `[[],[],[],...` grows fiftyfold. So its values are counted before there is
any of them, by its commas and brackets: those in texts are left out only where they would make too many.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

LONGEST_NUMBER_DIGITS = 64
DEEPEST_NESTING = 64
MAX_VALUES = 2_000_000
"""Texts, numbers, objects and so on, all together. An event has some fifty, a person four to thirty."""
WINDOW_BYTES = 1024 * 1024
_CONTAINERS = frozenset({dict, list})
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAY_HOLD_UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)


class NotJsonError(Exception):
    """The bytes are no JSON at all: an HTML page, a cut-off body. Another try may bring the answer."""


class UnsafeJsonError(Exception):
    """Nearly JSON, but ambiguous or monstrous: keys told twice, endless numbers, a depth bomb."""


class TooManyValuesError(UnsafeJsonError):
    """More values than any answer has: it would take the memory of all."""


def decoded(body: bytes, *, content_type: str = "", most_values: int = MAX_VALUES) -> object:
    """The value of a body. Raises `NotJsonError`, `TooManyValuesError` or `UnsafeJsonError`, whose texts never quote the body."""
    problem: Exception
    try:
        _bounded(body, most_values)
        text = body.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_no_constant,
        )
        if _is_deep(value):
            raise UnsafeJsonError("nested too deeply")
        return _storable(value) if _MAY_HOLD_UNSTORABLE.search(text) else value
    except UnsafeJsonError as error:
        problem = type(error)(str(error))
    except RecursionError:
        problem = UnsafeJsonError("nested too deeply")
    except ValueError:  # no UTF-8, no JSON
        problem = NotJsonError(_what_it_is_instead(body, content_type))
    raise problem  # outside the handler: the parser's exception carries the whole body with it


def values_at_most(body: bytes) -> int:
    """At least as many as there are values: whatever stands in a list or an object has a comma or a bracket before it."""
    return 1 + body.count(b",") + body.count(b"[") + body.count(b"{")


def without_unstorable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _bounded(body: bytes, most_values: int) -> None:
    """Refuse too many values; of what is no JSON nothing is sure but that it is refused later."""
    if values_at_most(body) > most_values and _values_outside_texts(body, most_values) > most_values:
        raise TooManyValuesError(f"more than {most_values:,} values")


def _values_outside_texts(body: bytes, enough: int) -> int:
    """`values_at_most` without the commas and brackets in texts, counted until there are enough; in windows, to take little memory."""
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")  # what is escaped stands in texts only
    values, is_in_text = 1, False
    for start in range(0, len(plain), WINDOW_BYTES):
        parts = plain[start : start + WINDOW_BYTES].split(b'"')
        values += values_at_most(b"".join(parts[is_in_text::2])) - 1
        is_in_text ^= len(parts) % 2 == 0
        if values > enough:
            break
    return values


def _is_deep(value: object) -> bool:
    """Whether lists and objects are nested deeper than the bound: looked at level by level, so that no depth hurts here."""
    level: list[Any] = [value] if type(value) in _CONTAINERS else []
    for _ in range(DEEPEST_NESTING):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
    return bool(level)


def _what_it_is_instead(body: bytes, content_type: str) -> str:
    if not body.strip():
        return "an empty body instead of JSON"
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return "HTML instead of JSON"
    return "no JSON, or a part of it"


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise UnsafeJsonError("a key told twice")
    return value


def _bounded_int(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER_DIGITS:
        raise UnsafeJsonError("a number of too many digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    if len(digits) > LONGEST_NUMBER_DIGITS:
        raise UnsafeJsonError("a number of too many digits")
    value = float(digits)
    if not math.isfinite(value):
        raise UnsafeJsonError("a number too large")
    return value


def _no_constant(name: str) -> float:
    raise UnsafeJsonError(f"{name}, which is no JSON")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return without_unstorable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {without_unstorable(key): _storable(item) for key, item in value.items()}
    return value
