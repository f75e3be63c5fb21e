"""What may stand in the settings of how long Sequel keeps its analytics; each mistake is one clear line."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_settings import NoDecode

MAX_ENTRIES = 36_500


def fewest_days(late_window_hours: int) -> int:
    """Return the fewest days: when a day turns final, its first hour must still be there."""
    return -(-late_window_hours // 24) + 1


def _check(days: Any, info: ValidationInfo) -> None:
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MAX_ENTRIES:
        raise ValueError(f"{json.dumps(days)} is not a whole number of days from 1 to {MAX_ENTRIES}")
    hours = info.data.get("late_window_hours")  # absent where it is wrong itself
    if hours is not None and days < fewest_days(hours):
        raise ValueError(
            f"{days} is too few: a day turns final {hours} hours after its end (SEQUEL_LATE_WINDOW_HOURS), "
            f"so {fewest_days(hours)} is the least"
        )


def _days(days: int | None, info: ValidationInfo) -> int | None:
    if days is not None:
        _check(days, info)
    return days


def _by_company(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=_once_each)
        except json.JSONDecodeError as error:
            raise ValueError(f"it is not JSON ({error.msg} at character {error.pos + 1})") from None
    if not isinstance(value, dict):
        raise ValueError("it must be a JSON object of companies and days")
    for company, days in value.items():
        try:
            _days(days, info)
        except ValueError as error:
            raise ValueError(f"{company}: {error}") from None
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} stands in it twice")
    return dict(pairs)


DaysKept = Annotated[int | None, AfterValidator(_days)]
DaysKeptByCompany = Annotated[dict[str, int | None], BeforeValidator(_by_company), NoDecode]
