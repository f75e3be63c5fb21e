"""A client of the settings requests as the warehouse's profile says; what the settings name themselves wins."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sequel_assets import settings
from sequel_assets.refresh.core.config import open_client
from sequel_assets.sequel import SequelConfig
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.schema import migrate
from sequel_assets.warehouse.stores import api_profile

LEARNED = {"analytics_url": "https://data.sequel.io", "end_date": "excluded", "activity_unit": "seconds"}


def settings_of(folder: Path, **more: str) -> Settings:
    """Return settings of an account, and a warehouse in a folder."""
    url = f"sqlite:///{folder / 'warehouse.db'}"
    return settings.load(client_id="id", client_secret="secret", company_id="root", warehouse_url=url, **more)


def config_for(settings: Settings) -> SequelConfig:
    """Return what a client of these settings is made with."""
    with closing(open_client(settings)) as client:
        return client.config


def test_what_was_learned_is_used_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    known = settings_of(tmp_path)
    plain = config_for(known)
    assert (plain.analytics_url, plain.end_date_is_included) == ("https://analytics.introvoke.com", True)
    assert plain.activity_unit_seconds == 60
    assert list(tmp_path.iterdir()) == []
    warehouse = Warehouse(known.warehouse_url)
    migrate(warehouse)
    at = datetime(2026, 3, 3, tzinfo=UTC)
    warehouse.change(lambda connection: api_profile.replace(connection, "root", LEARNED, at=at, by="a test"))
    warehouse.dispose()
    learned = config_for(known)
    assert (learned.analytics_url, learned.end_date_is_included) == ("https://data.sequel.io", False)
    assert learned.activity_unit_seconds == 1
    named = config_for(settings_of(tmp_path, analytics_url="https://proxy.example.com"))
    assert (named.analytics_url, named.end_date_is_included) == ("https://proxy.example.com", False)
