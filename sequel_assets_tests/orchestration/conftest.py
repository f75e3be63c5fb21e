"""The stages that these tests play on, with Dagster's storage pooled."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from sequel_assets_tests.support.dagster_storage import pooled_storage
from sequel_assets_tests.support.stage import folder_of_catalog, folder_of_refresh, stage

__all__ = ["folder_of_catalog", "folder_of_refresh", "stage"]


STORAGE = {"test_batched_event_log.py", "test_errors.py"}
"""Tests of the storage itself, which run on Dagster's own connections."""


@pytest.fixture(autouse=True)
def _pooled(request: pytest.FixtureRequest) -> Iterator[None]:
    with nullcontext() if request.path.name in STORAGE else pooled_storage():
        yield
