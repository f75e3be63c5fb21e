"""The sensor `alerts` on a real instance, with real runs and checks, delivering to a real server."""

from __future__ import annotations

import json
import logging

import dagster as dg
import pytest

from sequel_assets_tests.orchestration.alerts.fake_platform import (
    SECRET,
    AlertedPlatform,
    AlertInbox,
    alerting,
    inbox,
    platform,
)

__all__ = ["alerting", "inbox", "platform"]


def test_without_an_address_it_skips_and_says_why(platform: AlertedPlatform) -> None:
    """And remembers nothing, so that whatever stands is told once there is one."""
    platform.world.is_right = False
    platform.run("run_checks")
    assert platform.tick() == "no alerts are sent: SEQUEL_ALERT_URLS is not set"
    assert platform.cursor is None


def test_a_red_check_and_its_recovery_are_each_told_once(alerting: AlertedPlatform, inbox: AlertInbox) -> None:
    """Though it is seen red every hour, and well every hour."""
    alerting.world.is_right = False
    for _ in range(2):
        alerting.run("run_checks")
        alerting.tick(1)
    assert inbox.titles == ["Sequel: check freshness of daily_usage failed"]
    assert inbox.received[0]["type"] == "failure"
    first, second, _, since, severity, what_next = inbox.received[0]["message"].splitlines()
    assert [first, second] == ["1 slice is late:", "acme.3f9a1c07 2026-11-23 by 2 hours"]
    assert since.startswith("Since: 20")
    assert since.endswith(" UTC")
    assert severity == "Severity: ERROR"
    assert what_next.startswith("Next: run `sequel-assets status`")
    alerting.world.is_right = True
    alerting.run("run_checks")
    assert alerting.tick() == "0 red; 0 messages sent, 0 put off to the next tick"
    alerting.tick(11)
    alerting.run("run_checks")
    alerting.tick(60)
    assert inbox.titles[1:] == ["Sequel: check freshness of daily_usage is well again"]
    assert inbox.received[1]["type"] == "success"


def test_a_warning_is_said_to_be_one(alerting: AlertedPlatform, inbox: AlertInbox) -> None:
    """By its severity, and by Apprise's colour."""
    alerting.world.is_right, alerting.world.severity = False, dg.AssetCheckSeverity.WARN
    alerting.run("run_checks")
    alerting.tick()
    assert "Severity: WARN" in inbox.received[0]["message"]
    assert inbox.received[0]["type"] == "warning"


def test_a_failed_run_is_told_in_our_own_words(alerting: AlertedPlatform, inbox: AlertInbox) -> None:
    """The description of the `Failure` that our op raised, and which run it was."""
    alerting.world.failure = dg.Failure(
        "1 slices failed:\nacme.3f9a1c07 2026-11-23 daily_usage: ann@example.com is odd"
    )
    run_id = alerting.run("refresh_slices")
    alerting.tick()
    (message,) = inbox.received
    assert message["title"] == "Sequel: job refresh_slices failed"
    assert message["message"].splitlines()[:2] == [
        f"Run {run_id[:8]}: 1 slices failed:",
        "acme.3f9a1c07 2026-11-23 daily_usage: [e-mail] is odd",
    ]
    alerting.world.failure = None
    alerting.run("refresh_slices")
    alerting.tick()
    alerting.tick(11)
    assert inbox.titles[1:] == ["Sequel: job refresh_slices is well again"]


def test_of_a_foreign_error_only_its_name_is_told(alerting: AlertedPlatform, inbox: AlertInbox) -> None:
    """Its text may hold anything, such as the parameters of an INSERT."""
    alerting.world.failure = ValueError("Ann Smith, born 1970")
    alerting.run("refresh_slices")
    alerting.tick()
    assert "daily_usage: ValueError; the run's log has the rest" in inbox.received[0]["message"]
    assert "Ann" not in json.dumps(inbox.received)
    assert "Ann" not in (alerting.cursor or "")


def test_a_run_that_will_be_tried_again_has_not_failed_yet(alerting: AlertedPlatform, inbox: AlertInbox) -> None:
    """Dagster's own retry decides."""
    alerting.world.failure = dg.Failure("no")
    run_id = alerting.run("refresh_slices")
    alerting.instance.add_run_tags(run_id, {"dagster/will_retry": "true"})
    alerting.tick()
    assert inbox.titles == []


def test_a_server_that_fails_is_tried_again_at_the_next_tick(
    alerting: AlertedPlatform, inbox: AlertInbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The cause stays untold; neither the log nor the tick nor the cursor holds the address."""
    caplog.set_level(logging.DEBUG)
    alerting.world.is_right = False
    alerting.run("run_checks")
    inbox.status = 500
    said = [alerting.tick(), alerting.tick(1)]
    assert said == ["1 red; 0 messages sent, 1 put off to the next tick"] * 2
    logged = capfd.readouterr().err
    assert logged.count("an alert did not arrive at address 1 (json)\n") == logged.count("did not arrive") == 2
    inbox.status = 200
    said.append(alerting.tick(1))
    assert inbox.titles == ["Sequel: check freshness of daily_usage failed"]
    assert SECRET not in caplog.text + logged + "".join(said) + (alerting.cursor or "")
    assert SECRET not in "".join(repr(record.args) for record in caplog.records)


def test_one_dead_address_does_not_make_the_others_repeat(
    alerting: AlertedPlatform, inbox: AlertInbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Told is what anybody has; who has it not is named by number."""
    monkeypatch.setenv("SEQUEL_ALERT_URLS", f"json://127.0.0.1:9/{SECRET} {inbox.url}")
    alerting.world.is_right = False
    alerting.run("run_checks")
    alerting.tick()
    alerting.tick(1)
    assert inbox.titles == ["Sequel: check freshness of daily_usage failed"]
    logged = capfd.readouterr().err
    assert logged.count("an alert did not arrive at address 1 (json)\n") == 1
    assert SECRET not in logged


def test_the_sensor_never_fails(
    alerting: AlertedPlatform, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither of a setting that is wrong nor of an instance that cannot be read; the memory stays."""
    alerting.cursor = "rubbish"
    monkeypatch.setenv("SEQUEL_SETTLE_MINUTES", "61")
    assert "SEQUEL_SETTLE_MINUTES" in alerting.tick()
    monkeypatch.delenv("SEQUEL_SETTLE_MINUTES")

    def broken(*_: object, **__: object) -> None:
        raise OSError(SECRET)

    monkeypatch.setattr(alerting.instance, "get_run_records", broken)
    assert alerting.tick() == "put off to the next tick: OSError"
    assert alerting.cursor == "rubbish"
    assert SECRET not in capfd.readouterr().err


def test_a_check_that_is_under_way_is_what_it_was(alerting: AlertedPlatform, inbox: AlertInbox) -> None:
    """A planned execution, of a run that has not come to it or died before, is neither red nor well."""
    alerting.world.is_right = False
    alerting.run("run_checks")
    alerting.tick()
    key = dg.AssetCheckKey(dg.AssetKey("daily_usage"), "freshness")
    job = alerting.repository.get_job("run_checks")
    alerting.instance.create_run_for_job(job)
    latest = alerting.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.status.value == "PLANNED"
    alerting.tick(60)
    assert inbox.titles == ["Sequel: check freshness of daily_usage failed"]


def test_since_is_the_first_of_the_failures_in_a_row(
    platform: AlertedPlatform, inbox: AlertInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody was told until now."""
    platform.world.is_right = False
    platform.run("run_checks")
    key = dg.AssetCheckKey(dg.AssetKey("daily_usage"), "freshness")
    first = platform.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    platform.run("run_checks")
    monkeypatch.setenv("SEQUEL_ALERT_URLS", inbox.url)
    platform.tick()
    assert first.event is not None
    assert json.loads(platform.cursor or "")["causes"][0][3] == first.event.timestamp
