"""A sandbox that answers otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sequel_assets.sandbox import api
from sequel_assets.sandbox.memory import Memory


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Any], Any]], None]:
    """Return a function that changes what the sandbox answers to a call, once and for all."""

    def change(shape: str, to: Callable[[Any], Any]) -> None:
        def changed(handler: api.Handler) -> api.Handler:
            return lambda view, key, query: to(handler(view, key, query))

        calls = (replace(call, handler=changed(call.handler)) if call.shape == shape else call for call in api.CALLS)
        monkeypatch.setattr(api, "CALLS", tuple(calls))
        monkeypatch.setattr(Memory, "recall", lambda *_: None)  # it does not know of this change

    return change
