"""The addresses of alerts: how they are written, and which are refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sequel_assets import settings
from sequel_assets.orchestration.alerts.sensor import try_out
from sequel_assets_tests.orchestration.alerts.fake_platform import SECRET, AlertInbox, inbox

__all__ = ["inbox"]


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (f"json://host, {SECRET}", "address 2 (without a scheme)"),
        (f"slack://{SECRET}", "address 1 (slack)"),
        (f"json://h nope://{SECRET} mailto://", "address 2 (nope), address 3 (mailto)"),
    ],
)
def test_an_address_that_is_not_one_is_said_by_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, urls: str, said: str
) -> None:
    """And never quoted: it holds secrets."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQUEL_ALERT_URLS", urls)
    with pytest.raises(settings.SettingsError) as wrong:
        settings.load()
    assert str(wrong.value).startswith(
        f"SEQUEL_ALERT_URLS: apprise does not understand {said}. What it is: recipients of alerts"
    )
    assert SECRET not in str(wrong.value) + caplog.text


def test_addresses_are_apart_by_commas_or_blanks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A comma between two recipients of a mail is not one of them; nothing but blanks is no address."""
    from sequel_assets.settings.alert_addresses import split

    assert split(" json://a/b,json://c  slack://x\nmailtos://u:p@e.com?to=a@b.com,c@d.com, , ") == [
        "json://a/b",
        "json://c",
        "slack://x",
        "mailtos://u:p@e.com?to=a@b.com,c@d.com",
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQUEL_ALERT_URLS", " , ")
    assert settings.load().alert_urls is None


def test_the_trial_says_which_address_took_it(
    inbox: AlertInbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By number, as the log does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQUEL_ALERT_URLS", f"{inbox.url}, json://127.0.0.1:9/{SECRET}")
    assert try_out() == 1
    assert capsys.readouterr().out == "address 1 (json): took it\naddress 2 (json): did not take it\n"
    assert inbox.titles == ["Sequel: a trial"]
