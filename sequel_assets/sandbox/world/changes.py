"""Counts every change of the objects of all worlds, so that a response cached before a change is not used after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class Changing:
    """What counts it when an attribute of it is set; private ones hold what follows from the others."""

    changes: ClassVar[int] = 0

    def __setattr__(self, name: str, value: Any) -> None:
        """Set it, and count that."""
        super().__setattr__(name, value)
        if not name.startswith("_"):
            changed()


def changed() -> None:
    """Count a change that has been made."""
    Changing.changes += 1


def _counted(name: str) -> Callable[..., Any]:
    change = getattr(dict, name)

    def method(self: ChangingDict, *arguments: Any, **named: Any) -> Any:
        try:
            return change(self, *arguments, **named)
        finally:
            changed()

    return method


class ChangingDict(dict[str, Any]):
    """A dict that counts it when it is changed; what it holds does not."""

    __setitem__ = _counted("__setitem__")
    __delitem__ = _counted("__delitem__")
    __ior__ = _counted("__ior__")
    clear = _counted("clear")
    pop = _counted("pop")
    popitem = _counted("popitem")
    setdefault = _counted("setdefault")
    update = _counted("update")
