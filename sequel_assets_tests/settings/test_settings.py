"""Settings: what is missing or wrong is told by name; secrets are not told at all; importing does nothing."""

from __future__ import annotations

from datetime import date

import pytest

from sequel_assets.settings import Settings, SettingsError, load, variable
from sequel_assets_tests.settings.wrong_settings import _nothing_set

__all__ = ["_nothing_set"]
SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


def wrong(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    """Return the lines that these variables are refused with."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as told:
        load()
    return str(told.value).splitlines()


def test_everything_has_a_default_or_is_asked_for_on_use() -> None:
    """Definitions load without any variable set."""
    settings = load()
    assert settings.model_dump() == {
        "start_date": date(2025, 1, 1),
        "api_url": "https://api.introvoke.com",
        "analytics_url": "https://analytics.introvoke.com",
        "client_id": None,
        "client_secret": None,
        "audience": "https://www.introvoke.com/api",
        "company_id": None,
        "warehouse_url": "sqlite:///.sequel/warehouse.db",
        "person_key": None,
        "settle_minutes": 5,
        "late_window_hours": 48,
        "retention_days": None,
        "company_retention_days": {},
        "include_companies": (),
        "exclude_companies": (),
        "max_concurrency": 8,
        "companies_per_run": 50,
        "connect_timeout_seconds": 10,
        "read_timeout_seconds": 60,
        "total_timeout_seconds": 300,
        "max_answer_values": 2_000_000,
        "allow_plain_http": False,
        "debug_answers": None,
        "retry_budget_seconds": 120,
        "people_view": None,
        "file_mode": "0600",
        "alert_urls": None,
        "now": None,
        "webhook_url": None,
        "webhook_secret_key": None,
        "webhook_key_header": "x-introvoke-web-hook-auth",
        "webhook_demands": "key,timestamp,company",
        "webhook_window_hours": 72,
        "webhook_signing_secrets": None,
        "webhook_body_bytes": 1 << 20,
        "webhook_ended_body_bytes": 32 << 20,
        "webhook_read_seconds": 15,
        "webhook_concurrency": 256,
        "webhook_keep_days": 90,
        "webhook_companies": "",
        "webhook_length_days": 90,
    }


def test_each_missing_setting_is_named_with_its_meaning_and_an_example() -> None:
    """All of them at once, a line each."""
    with pytest.raises(SettingsError) as told:
        load().require("client_id", "audience", "client_secret", "company_id", "person_key")
    assert str(told.value) == "\n".join(
        [
            "SEQUEL_CLIENT_ID: is not set. What it is: client id of your Sequel API credentials. Example: a1b2c3",
            "SEQUEL_CLIENT_SECRET: is not set. What it is: client secret of your Sequel API credentials. "
            "Example: (from Sequel's admin page)",
            "SEQUEL_COMPANY_ID: is not set. What it is: uid of your parent company at Sequel; all its sub-companies "
            "are found from there. Example: 0b9ff4b4-6c9c-4a1e-9df0-6b6f1a1f0a11",
            "SEQUEL_PERSON_KEY: is not set. What it is: key of the hash that identifies a person (HMAC-SHA-256), "
            "32 characters or more; never change it: with another key every person gets another id. "
            "Example: (openssl rand -hex 32)",
        ]
    )


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_setting_is_a_missing_one(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    """An empty line in `.env.example` that was copied and not filled in."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "COMPANY_ID"):
        monkeypatch.setenv(f"SEQUEL_{name}", blank)
    with pytest.raises(SettingsError) as told:
        load().require("client_id", "client_secret", "company_id")
    assert [line.split(":")[0] for line in str(told.value).splitlines()] == [
        "SEQUEL_CLIENT_ID", "SEQUEL_CLIENT_SECRET", "SEQUEL_COMPANY_ID",
    ]  # fmt: skip


WRONG = {
    "api_url": ("api.introvoke.com", "it must begin with http:// or https://"),
    "analytics_url": ("ftp://x", "it must begin with http:// or https://"),
    "person_key": ("k" * 31, "it must have 32 characters or more"),
    "start_date": ("1. Januar", "it must be a day (UTC) such as 2026-11-23, without time or zone"),
    "settle_minutes": ("60", "input should be less than or equal to 59"),
    "late_window_hours": ("-1", "input should be greater than or equal to 0"),
    "retention_days": ("0", "input should be greater than or equal to 1"),
    "company_retention_days": ("acme=3", "it is not JSON (Expecting value at character 1)"),
    "max_concurrency": ("0", "input should be greater than or equal to 1"),
    "companies_per_run": ("0", "input should be greater than or equal to 1"),
    "connect_timeout_seconds": ("0", "input should be greater than 0"),
    "read_timeout_seconds": ("soon", "input should be a valid number"),
    "retry_budget_seconds": ("3601", "input should be less than or equal to 3600"),
    "webhook_url": ("http://hooks.example.com", "it must begin with https://; http:// is for this machine alone"),
    "webhook_secret_key": ("short", "key 1 is not 32 bytes in URL-safe base64 (44 characters); make one: openssl"),
    "webhook_key_header": ("x auth", "string should match pattern"),
    "webhook_demands": ("key,signature", "signature cannot be demanded, only key, timestamp, company"),
    "webhook_window_hours": ("0", "input should be greater than 0"),
    "webhook_signing_secrets": ("whsec_", "secret 1 is not whsec_ and base64"),
    "webhook_body_bytes": ("1", "input should be greater than or equal to 1024"),
    "webhook_concurrency": ("0", "input should be greater than or equal to 1"),
    "now": ("2026-11-23T15:07:00", "it must have a time zone, for example a Z at its end"),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_setting_is_named_with_its_meaning_and_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """And what is wrong with it."""
    value, what = WRONG[name]
    field = Settings.model_fields[name]
    (line,) = wrong(monkeypatch, **{variable(name): value})
    assert line.startswith(f"SEQUEL_{name.upper()}: {what}")
    assert line.endswith(f". What it is: {field.description}. Example: {(field.examples or [''])[0]}")


TOO_FEW = "2 is too few: a day turns final 48 hours after its end (SEQUEL_LATE_WINDOW_HOURS), so 3 is the least"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("retention_days", "2", TOO_FEW),
        ("retention_days", "36501", "input should be less than or equal to 36500"),
        ("company_retention_days", '{"acme": 2}', f"acme: {TOO_FEW}"),
        ("company_retention_days", '{"a": 9, "b": true}', "b: input should be a valid integer"),
        ("company_retention_days", '{"a": 9, "b": "9"}', "b: input should be a valid integer"),
        ("company_retention_days", '{"a": 9, "b": 9.5}', "b: input should be a valid integer"),
        ("company_retention_days", '{"a": 36501}', "a: input should be less than or equal to 36500"),
        ("company_retention_days", '{"a": 9, "a": 8}', "a appears twice"),
        ("company_retention_days", "[9]", "input should be a valid dictionary"),
        ("company_retention_days", "{'a': 9}", "it is not JSON (Expecting property name enclosed in double quotes at character 2)"),
    ],
)  # fmt: skip
def test_a_wrong_retention_is_one_line_that_says_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str
) -> None:
    """A day must be able to turn final before it freezes; of several companies the wrong one is named."""
    (line,) = wrong(monkeypatch, **{variable(name): value})
    assert line.startswith(f"SEQUEL_{name.upper()}: {what}. What it is: ")


def test_retentions_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day more than the late window is the least; null is a company of which all is kept."""
    monkeypatch.setenv("SEQUEL_LATE_WINDOW_HOURS", "25")
    monkeypatch.setenv("SEQUEL_RETENTION_DAYS", "3")
    monkeypatch.setenv("SEQUEL_COMPANY_RETENTION_DAYS", '{"acme/1 %|\u00f6": 400, "b": null}')
    settings = load()
    assert (settings.retention_days, settings.company_retention_days) == (3, {"acme/1 %|ö": 400, "b": None})


def test_all_wrong_settings_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody likes to mend one after the other."""
    lines = wrong(monkeypatch, **{variable(name): value for name, (value, _) in WRONG.items()})
    assert sorted(line.split(":")[0] for line in lines) == sorted(variable(name) for name in WRONG)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in `repr` and `str` nor in errors, wrong ones included."""
    secret = SECRET[:20]
    monkeypatch.setenv("SEQUEL_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("SEQUEL_PERSON_KEY", SECRET)
    monkeypatch.setenv("SEQUEL_WAREHOUSE_URL", f"postgresql://u:{SECRET}@h/d")
    settings = load()
    assert settings.warehouse_url == f"postgresql://u:{SECRET}@h/d"
    assert settings.client_secret is not None
    assert settings.client_secret.get_secret_value() == SECRET
    assert secret not in f"{settings!r} {settings}"
    assert secret not in "\n".join(wrong(monkeypatch, SEQUEL_PERSON_KEY=secret, SEQUEL_SETTLE_MINUTES=secret))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://hooks.example.com", ""),
        ("https://hooks.example.com/sequel/", "/sequel"),
        ("https://hooks.example.com/a%20b/%73equel", "/a b/sequel"),
        ("http://127.0.0.1:8750/s", "/s"),
    ],
)
def test_the_receiver_answers_the_public_addresss_path_as_servers_decode_it(url: str, path: str) -> None:
    """Else every delivery would be told that there is no such address."""
    assert load(webhook_url=url).receiver_path() == path


@pytest.mark.parametrize("url", ["https://user:pw@hooks.example.com/s", "https://user@hooks.example.com/s"])
def test_the_public_address_holds_no_password(url: str) -> None:
    """It would be told to Sequel; and the error does not quote it."""
    with pytest.raises(SettingsError, match="it must not hold a user or password") as told:
        load(webhook_url=url)
    assert "pw" not in str(told.value).replace("password", "")
