r"""Decodes JSON from an untrusted source into values that a warehouse can store.

Python's `json` accepts too much: repeated keys (the last one wins without a warning), `NaN`, integers of thousands of
digits, nesting until the stack overflows, and characters that no database stores (NUL and lone surrogates, both only
reachable through `\u` escapes). All of these are refused here; characters in texts are replaced instead. No other
module does this.

A small body can need much memory: `[[],[],[],...` grows fiftyfold. So values are counted before any is made, by commas
and brackets; those within texts are left out only where they would exceed the bound. No error text may quote the body.
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
_MAY_CONTAIN_UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)


class NotJsonError(Exception):
    """The bytes are no JSON at all: an HTML page, a truncated body. Another attempt may succeed."""


class UnsafeJsonError(Exception):
    """JSON, but ambiguous or excessive: repeated keys, numbers of too many digits, nesting that is too deep."""


class TooManyValuesError(UnsafeJsonError):
    """More values than any valid response has: it would exhaust the memory."""


def decoded(body: bytes, *, content_type: str = "", max_values: int = MAX_VALUES) -> object:
    """The value of a body. Raises `NotJsonError`, `TooManyValuesError` or `UnsafeJsonError`; none quotes the body."""
    problem: Exception
    try:
        _bounded(body, max_values)
        text = body.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_without_repeated_keys,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_no_constant,
        )
        if _is_deep(value):
            raise UnsafeJsonError("nested too deeply")
        return _storable(value) if _MAY_CONTAIN_UNSTORABLE.search(text) else value
    except UnsafeJsonError as error:
        problem = type(error)(str(error))
    except RecursionError:
        problem = UnsafeJsonError("nested too deeply")
    except ValueError:  # not UTF-8, or not JSON
        problem = NotJsonError(_what_it_is_instead(body, content_type))
    raise problem  # outside the handler: a chained exception of the parser has the entire body


def max_value_count(body: bytes) -> int:
    """An upper bound of the number of values: each item of a list or an object has a comma or a bracket before it."""
    return 1 + body.count(b",") + body.count(b"[") + body.count(b"{")


def without_unstorable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _bounded(body: bytes, max_values: int) -> None:
    """Refuse too many values. Bytes that are not JSON may pass here; they are refused later."""
    if max_value_count(body) > max_values and _values_outside_texts(body, max_values) > max_values:
        raise TooManyValuesError(f"more than {max_values:,} values")


def _values_outside_texts(body: bytes, enough: int) -> int:
    """`max_value_count` without the commas and brackets in texts, up to `enough`; in windows, to save memory."""
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")  # escaped characters occur in texts only
    values, is_in_text = 1, False
    for start in range(0, len(plain), WINDOW_BYTES):
        parts = plain[start : start + WINDOW_BYTES].split(b'"')
        values += max_value_count(b"".join(parts[is_in_text::2])) - 1
        is_in_text ^= len(parts) % 2 == 0
        if values > enough:
            break
    return values


def _is_deep(value: object) -> bool:
    """Whether lists and objects are nested deeper than the bound; level by level, since recursion would overflow."""
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


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise UnsafeJsonError("a repeated key")
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
