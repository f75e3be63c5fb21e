"""Where settings are read from: variables, the env file, the clock; and that each is documented."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sequel_assets.settings import Settings, SettingsError, as_markdown, load, variable
from sequel_assets_tests.settings.wrong_settings import _nothing_set
from sequel_assets_tests.support.paths import PROJECT

__all__ = ["_nothing_set"]
NAMES = list(Settings.model_fields)


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SEQUEL_` and the name; addresses lose the slash at their end, ids the blanks around them."""
    for name, value in {
        "API_URL": "http://127.0.0.1:1/", "ANALYTICS_URL": "http://127.0.0.1:2//", "CLIENT_ID": " me ", "COMPANY_ID": " a/b ",
        "START_DATE": "2025-06-01", "MAX_CONCURRENCY": "3", "UNKNOWN": "x", "LATE_WINDOW_HOURS": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SEQUEL_{name}", value)
    changed = {
        "api_url": "http://127.0.0.1:1", "analytics_url": "http://127.0.0.1:2", "client_id": "me", "company_id": "a/b",
        "start_date": date(2025, 6, 1), "max_concurrency": 3,
    }  # fmt: skip
    assert load().model_dump(include=set(changed)) == changed
    assert load().late_window_hours == 48


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` in the working directory, with what else may stand in it."""
    Path(".env").write_text(
        "# ours\nSEQUEL_COMPANY_ID=file\nSEQUEL_CLIENT_ID='file'\nexport SEQUEL_AUDIENCE=file\nOTHER=1\n"
    )
    monkeypatch.setenv("SEQUEL_CLIENT_ID", "environment")
    settings = load()
    assert (settings.company_id, settings.client_id, settings.audience) == ("file", "environment", "file")


def test_an_env_file_that_cannot_be_read_is_told() -> None:
    """As Windows' editors write it, in UTF-16."""
    Path(".env").write_bytes("SEQUEL_COMPANY_ID=é".encode("utf-16"))
    with pytest.raises(SettingsError) as told:
        load()
    assert str(told.value) == ".env: cannot be read: it is not UTF-8. What it is: settings, one NAME=value a line"


def test_the_clock_may_be_pinned_in_any_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in UTC."""
    for text in ("2021-01-01T00:30:00+02:00", "2020-12-31T22:30:00Z"):
        monkeypatch.setenv("SEQUEL_NOW", text)
        assert load().clock() == datetime(2020, 12, 31, 22, 30, tzinfo=UTC)
        assert load().clock().tzinfo is UTC


def test_history_begins_on_the_same_day_whatever_the_calendar_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that moved on New Year's Day would take a year out of every lifetime number."""
    starts = set()
    for now in ("2026-12-31T23:07:00Z", "2027-01-01T01:07:00Z"):
        monkeypatch.setenv("SEQUEL_NOW", now)
        starts.add(load().start_date)
    assert starts == {date(2025, 1, 1)}


def test_without_a_pin_the_clock_is_the_machines() -> None:
    """In UTC."""
    assert abs(datetime.now(UTC) - load().clock()) < timedelta(seconds=5)


def test_settings_cannot_be_changed_in_flight() -> None:
    """One process, one set of rules."""
    with pytest.raises(ValueError, match="frozen"):
        load().settle_minutes = 7


def test_the_example_of_an_env_file_names_settings_and_can_be_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is copied, and with all that stands in comments."""
    text = (PROJECT / ".env.example").read_text()
    lines = re.findall(r"^(# )?(SEQUEL_[A-Z_]+)=(.*)$", text, re.MULTILINE)
    assert {name for _, name, _ in lines} - {variable(name) for name in NAMES} == set()
    for with_comments in (False, True):
        for comment, name, value in lines:
            if with_comments or not comment:
                monkeypatch.setenv(name, value)
        assert load().start_date == date(2026, 1, 1)
    assert (load().webhook_url, load().retention_days) == ("https://hooks.example.com/sequel", 30)


def test_every_setting_is_documented_with_an_example() -> None:
    """In the table that docs/settings.md is made from."""
    table = as_markdown()
    for name in NAMES:
        field = Settings.model_fields[name]
        assert field.description
        assert field.examples
        assert f"| `{variable(name)}` |" in table
