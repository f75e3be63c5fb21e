"""A receiver as a process, for the tests of what it does under pressure."""

from __future__ import annotations

import httpx
import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets_tests.webhooks.receiver.harness import (
    settle_companies,
    subscribe,
)


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    """A warehouse with companies and a subscription."""
    settle_companies(warehouse)
    subscribe(warehouse)
    return warehouse


def said_ready(port: int) -> tuple[int, str]:
    """What `/health/ready` answers."""
    answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=20)
    return answer.status_code, answer.text


def url_of(warehouse: Warehouse) -> str:
    """The URL that a user would write."""
    return warehouse.url.render_as_string(hide_password=False).replace("+psycopg", "")
