"""Settings: what is missing or wrong is told by name; secrets are not told at all; importing does nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sequel_assets.settings import Settings, SettingsError, as_markdown, load, variable
from sequel_assets_tests.support.paths import PROJECT

NAMES = list(Settings.model_fields)
SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours, and an empty working directory."""
    for name in list(os.environ):
        if name.upper().startswith("SEQUEL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


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
        "max_concurrency": 8,
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


IMPORT_AND_WATCH = r"""
import importlib, json, os, pkgutil, sys, time
import dagster, httpx, pandas, pydantic_settings, rich, sqlalchemy, starlette, typer, uvicorn  # not ours to judge

HERE = os.path.join(os.path.dirname(importlib.util.find_spec("sequel_assets").origin), "")
seen = []

def whose():
    # the module being imported is the innermost one: ours, or one of somebody else's that it imports
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return frame.f_globals.get("__name__") if frame.f_code.co_filename.startswith(HERE) else None
        frame = frame.f_back

# switches that pydantic and Dagster look up whenever a class or a job is made
THEIRS = ("PYDANTIC_DISABLE_PLUGINS", "DAGSTER_RECORD_DEFENSIVE_CHECKS")
def note(what):
    module = whose()
    if module and not any(name in what for name in THEIRS):
        seen.append([module, what])

CODE = (".py", ".pyc", ".so", ".zip")
def audited(event, arguments):
    if event == "open" and not str(arguments[0]).endswith(CODE) and "__pycache__" not in str(arguments[0]):
        note(f"opens {arguments[0]}")
    elif event.startswith(("socket.", "subprocess.", "sqlite3.", "os.mkdir", "os.system")):
        note(event)

class Watched(type(os.environ)):
    def __getitem__(self, name):
        note(f"reads {name} of the environment")
        return super().__getitem__(name)
    def __contains__(self, name):
        note(f"looks for {name} in the environment")
        return super().__contains__(name)
    def __iter__(self):
        note("reads the environment")
        return super().__iter__()

CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "now", "utcnow", "today"}
def profiled(frame, event, function):
    if event == "c_call" and function.__name__ in CLOCKS and frame.f_code.co_filename.startswith(HERE):
        note(f"asks the clock: {function.__name__}")

def names(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if found.name != "sequel_assets.definitions" and not found.name.endswith("__main__"):
            yield found.name
            if found.ispkg and found.name != "sequel_assets.warehouse.migrations":
                yield from names(importlib.import_module(found.name))

import importlib.util
sys.addaudithook(audited)
os.environ.__class__ = Watched
sys.setprofile(profiled)
import sequel_assets
modules = list(names(sequel_assets))
for name in modules:
    importlib.import_module(name)
sys.setprofile(None)
print(json.dumps([len(modules), seen]))
"""


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    """No environment, file, socket, process, database or clock, in a fresh interpreter; all modules but `definitions`."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_WATCH],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules, seen = json.loads(done.stdout.splitlines()[-1])
    assert sorted(set(map(tuple, seen))) == []
    assert modules > 40
    assert list(tmp_path.iterdir()) == []


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
