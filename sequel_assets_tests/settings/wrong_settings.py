"""What is said of wrong settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours, and an empty working directory."""
    for name in list(os.environ):
        if name.upper().startswith("SEQUEL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
