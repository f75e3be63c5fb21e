"""Turns a decoded response into a model, or raises an error that names the place of the field and quotes no value."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_origin

from pydantic import AliasGenerator, BaseModel, ConfigDict, FailFast, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from sequel_assets.sequel.parsing.fields import WrongShapeError

MAX_ITEMS = 200_000
"""Of one list: each becomes an object of up to a kilobyte and more."""

T = TypeVar("T")


class Model(BaseModel):
    """The base of all response models: unknown fields are ignored, values are frozen, errors never show their input."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)


class Camel(Model):
    """A model whose fields Sequel spells in camelCase."""

    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_camel))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """The validator of a type; a list ends at its first item that does not fit."""
    return TypeAdapter(Annotated[kind, FailFast()] if get_origin(kind) is list else kind)


def validated(kind: type[T], value: object, where: str = "") -> T:
    """The value as a model or a list of them, or a `WrongShapeError` that names the first place that does not fit.

    Only messages of our own readers are used: a `ValueError` of anything else may quote the value.
    """
    try:
        checked: T = _adapter(cast(Any, kind)).validate_python(value)
        return checked
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    place, cause = _place(where, first["loc"]), first.get("ctx", {}).get("error")
    if first["type"] == "missing":
        raise WrongShapeError(f"{place} is missing")
    if isinstance(cause, WrongShapeError):
        raise WrongShapeError(f"{place} {cause}")
    raise WrongShapeError(f"{place} is of the wrong kind ({first['type']})")


def an_object(value: object, where: str = "the answer") -> dict[str, Any]:
    """The value, which must be a JSON object."""
    if not isinstance(value, dict):
        raise WrongShapeError(f"{where} is not an object")
    return value


def a_list(value: object, where: str = "the answer") -> list[Any]:
    """The value, which must be a JSON array, and no longer than any that is right."""
    if not isinstance(value, list):
        raise WrongShapeError(f"{where} is not a list")
    if len(value) > MAX_ITEMS:
        raise WrongShapeError(f"{where} has more than {MAX_ITEMS:,} items")
    return value


def read(reader: Callable[[object], T], value: object, where: str) -> T:
    """One field through its reader; an error names the field's place."""
    try:
        return reader(value)
    except WrongShapeError as error:
        complaint = str(error)
    raise WrongShapeError(f"{where} {complaint}")


class FieldReader:
    """Reads the fields of one object, and keeps the places of those that cannot be read."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self.bad: list[str] = []

    def of(self, reader: Callable[[object], T | None], *places: tuple[str, ...]) -> T | None:
        """The first value that is present at any of the places."""
        for place in places:
            try:
                value = reader(_at(self._raw, place))
            except WrongShapeError:
                self.bad.append(".".join(place))
            else:
                if value is not None:
                    return value
        return None

    def each(self, reader: Callable[[object], T], place: str) -> tuple[T, ...] | None:
        """The items of a list that can be read; None where the list is absent."""
        listed = self._raw.get(place)
        if not isinstance(listed, list):
            self.bad += [] if listed is None else [place]
            return None
        found = []
        for item in listed:
            try:
                found.append(reader(item))
            except WrongShapeError:
                self.bad += [] if place in self.bad else [place]
        return tuple(found)


def _at(raw: dict[str, Any], place: tuple[str, ...]) -> object:
    """The value at a place; whatever is missing, null or no object on the way is None."""
    value: object = raw
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _place(where: str, loc: tuple[int | str, ...]) -> str:
    """`topParticipants[17].engagedMinutes`, from pydantic's tuple."""
    place = where
    for step in loc:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step}" if place else step
    return place or "the answer"
