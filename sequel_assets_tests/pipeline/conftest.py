"""A sandbox that answers otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sequel_assets.sandbox.api import app
from sequel_assets.sandbox.api.cache import AnswerCache


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Any], Any]], None]:
    """Return a function that changes what the sandbox answers to a call, once and for all."""

    def change(shape: str, to: Callable[[Any], Any]) -> None:
        def changed(handler: app.Handler) -> app.Handler:
            return lambda view, key, query: to(handler(view, key, query))

        calls = (replace(call, handler=changed(call.handler)) if call.shape == shape else call for call in app.CALLS)
        monkeypatch.setattr(app, "CALLS", tuple(calls))
        monkeypatch.setattr(AnswerCache, "recall", lambda *_: None)  # it does not know of this change

    return change
