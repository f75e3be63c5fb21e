r"""Bytes to values, believing nothing.

Python's `json` accepts more than is good for a warehouse: keys told twice (the last wins, silently), `NaN`, integers of
thousands of digits, nesting until the stack ends, and characters that no database stores (NUL, and halves of surrogate
pairs, both only reachable through `\u` escapes). Everything of that kind is refused here, or, where it is only text,
made harmless. This is the one place where it happens.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

LONGEST_NUMBER_DIGITS = 64
DEEPEST_NESTING = 64
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAY_HOLD_UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)


class NotJsonError(Exception):
    """The bytes are no JSON at all: an HTML page, a cut-off body. Another try may bring the answer."""


class UnsafeJsonError(Exception):
    """Nearly JSON, but ambiguous or monstrous: keys told twice, endless numbers, a depth bomb."""


def decoded(body: bytes, *, content_type: str = "") -> object:
    """The value of a body. Raises `NotJsonError` or `UnsafeJsonError`, whose texts never quote the body."""
    problem: Exception
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_no_constant,
        )
        return _storable(value, 0) if _MAY_HOLD_UNSTORABLE.search(text) else value
    except UnsafeJsonError as error:
        problem = UnsafeJsonError(str(error))
    except RecursionError:
        problem = UnsafeJsonError("nested too deeply")
    except ValueError:  # no UTF-8, no JSON
        problem = NotJsonError(_what_it_is_instead(body, content_type))
    raise problem  # outside the handler: the parser's exception carries the whole body with it


def without_unstorable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


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
    value = float(digits)
    if not math.isfinite(value):
        raise UnsafeJsonError("a number too large")
    return value


def _no_constant(name: str) -> float:
    raise UnsafeJsonError(f"{name}, which is no JSON")


def _storable(value: Any, depth: int) -> Any:
    if depth > DEEPEST_NESTING:
        raise UnsafeJsonError("nested too deeply")
    if isinstance(value, str):
        return without_unstorable(value)
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {without_unstorable(key): _storable(item, depth + 1) for key, item in value.items()}
    return value
