"""The types of the settings that say how long Sequel keeps its analytics."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo
from pydantic_settings import NoDecode

MAX_DAYS = 36_500


def fewest_days(late_window_hours: int) -> int:
    """Return the smallest retention: when a day becomes final, its first hour must still be there."""
    return -(-late_window_hours // 24) + 1


def _outlasts_late_window(days: int, info: ValidationInfo) -> int:
    hours = info.data.get("late_window_hours")  # absent where that setting is wrong itself
    if hours is not None and days < fewest_days(hours):
        raise ValueError(
            f"{days} is too few: a day turns final {hours} hours after its end (SEQUEL_LATE_WINDOW_HOURS), "
            f"so {fewest_days(hours)} is the least"
        )
    return days


def _decode(value: Any) -> Any:
    """Return the object of a JSON text. Pydantic's own JSON type keeps the last of two equal keys without an error."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg} at character {error.pos + 1})") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name} appears twice")
        found[name] = value
    return found


_Days = Annotated[int, Field(ge=1, le=MAX_DAYS), AfterValidator(_outlasts_late_window)]
DaysKept = _Days | None
DaysKeptByCompany = Annotated[dict[str, Annotated[_Days, Strict()] | None], BeforeValidator(_decode), NoDecode]
