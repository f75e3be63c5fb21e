"""From settings to the things that a refresh works with. Nothing is opened before it is used."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sequel_assets.refresh.core.api_profile import ApiProfile, profile_of
from sequel_assets.refresh.core.retention import Retention
from sequel_assets.safety.file_modes import make_folder
from sequel_assets.sequel import SequelClient, SequelConfig
from sequel_assets.settings import DATA_FOLDER, Settings, SettingsError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.identity import identity
from sequel_assets.warehouse.identity.adoption import adopt
from sequel_assets.warehouse.identity.identity import IdentitySettings
from sequel_assets.warehouse.stores import api_profile


@dataclass(frozen=True)
class RefreshConfig:
    """The settings that decide what a refresh does."""

    start: date
    settle: timedelta
    late_window: timedelta
    max_concurrency: int
    person_key: str
    retention: Retention = field(default_factory=Retention)


def open_client(settings: Settings) -> SequelClient:
    """Return a client for the account of the settings, which requests as the warehouse's profile says."""
    settings.require("client_id", "client_secret", "company_id")
    return new_client(client_config(settings, known_profile(settings)))


def new_client(config: SequelConfig, **more: Any) -> SequelClient:
    """Return a client made with a configuration; a file that cannot be written raises a `SettingsError`."""
    with _named_as_settings():
        return SequelClient(config, **more)


@contextmanager
def _named_as_settings() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        name, said, wrong = str(error).partition(" ")
        raise SettingsError(f"SEQUEL_{name.upper()}{said}{wrong}") from None


def client_config(settings: Settings, profile: ApiProfile) -> SequelConfig:
    """Return what a client is made with; what is missing or wrong raises a `SettingsError`."""
    settings.require("client_id", "client_secret", "company_id")
    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    with _named_as_settings():
        return SequelConfig(
            api_url=settings.api_url,
            analytics_url=analytics_url(settings, profile),
            client_id=settings.client_id or "",
            client_secret=secret,
            audience=settings.audience,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            read_timeout_seconds=settings.read_timeout_seconds,
            total_timeout_seconds=settings.total_timeout_seconds,
            max_concurrency=settings.max_concurrency,
            max_values=settings.max_answer_values,
            allow_plain_http=settings.allow_plain_http,
            retry_budget_seconds=settings.retry_budget_seconds,
            debug_answers=settings.debug_answers,
            end_date_is_included=profile.end_date_is_included,
            activity_unit_seconds=profile.activity_unit_seconds,
        )


def analytics_url(settings: Settings, profile: ApiProfile) -> str:
    """Return the address of the analytics: the settings', where they name one, else the learned one, else the default."""
    is_set = "analytics_url" in settings.model_fields_set
    return settings.analytics_url if is_set else profile.analytics_url or settings.analytics_url


def known_profile(settings: Settings) -> ApiProfile:
    """Return what the warehouse knows of how Sequel answers; nothing where it does not exist or is of another release."""
    warehouse = Warehouse(settings.warehouse_url)
    if warehouse.is_sqlite and not Path(warehouse.url.database or "").exists():
        return ApiProfile()
    try:
        return warehouse.ask(stored_profile)
    finally:
        warehouse.dispose()


def stored_profile(connection: sa.Connection) -> ApiProfile:
    """Return the profile of a warehouse; that of one without tables, or with those of another release, is empty."""
    if schema.version(connection) != schema.newest():
        return ApiProfile()
    return profile_of(api_profile.learned(connection))


def guard(settings: Settings, *, root_only: bool = False) -> Callable[[Warehouse], bool]:
    """Return what refuses a warehouse that was made with other settings, before the first write (`identity`).

    A receiver compares the root company alone: it has no business with the key of persons.
    """
    with_what = IdentitySettings(settings.company_id) if root_only else mine(settings)
    return partial(identity.ensure, mine=with_what, at=settings.clock, adopt=adopt)


def mine(settings: Settings) -> IdentitySettings:
    """Return what the settings say of what a warehouse is made with."""
    key = settings.person_key.get_secret_value() if settings.person_key else None
    return IdentitySettings(settings.company_id, settings.api_url, key)


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse of the settings. The folder of the embedded default is made; any other must be there."""
    warehouse = Warehouse(settings.warehouse_url, guard=guard(settings))
    if "warehouse_url" not in settings.model_fields_set:
        make_folder(Path(DATA_FOLDER))
    return warehouse


def rules(settings: Settings) -> RefreshConfig:
    """Return the rules of a refresh; a missing key of persons raises a `SettingsError`."""
    settings.require("person_key")
    return RefreshConfig(
        start=settings.start_date,
        settle=timedelta(minutes=settings.settle_minutes),
        late_window=timedelta(hours=settings.late_window_hours),
        max_concurrency=settings.max_concurrency,
        person_key=settings.person_key.get_secret_value() if settings.person_key else "",
        retention=retention(settings),
    )


def retention(settings: Settings) -> Retention:
    """Return how many days Sequel keeps, by the settings."""
    return Retention(settings.retention_days, settings.company_retention_days)
