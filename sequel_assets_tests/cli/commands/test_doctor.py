"""`sequel-assets doctor`: what it prints, writes and keeps, and what it never shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from sequel_assets.cli.backfill.progress import offers_doctor
from sequel_assets.refresh.core.api_profile import NO_USAGE, WHAT_TO_DO, Fact
from sequel_assets.sandbox import Sandbox, Variations
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores import api_profile
from sequel_assets_tests.doctor.altered import CROWD, altered_world
from sequel_assets_tests.support.commands.calls import call_in_process, environment

PERSONAL = ("example.org", "sandbox-secret", "Event big", "Root", *(person.name for person in CROWD))


@contextmanager
def serving(variations: str, folder: Path) -> Iterator[dict[str, str]]:
    """Serve another Sequel; yield the variables of a program that talks to it."""
    with Sandbox(altered_world(), variations=Variations.parse(variations)) as sandbox:
        yield environment(sandbox, f"sqlite:///{folder / 'warehouse.db'}")


def facts(folder: Path) -> dict[str, str]:
    """Return what the warehouse knows."""
    warehouse = Warehouse(f"sqlite:///{folder / 'warehouse.db'}")
    try:
        return {one.fact: one.value for one in warehouse.ask(api_profile.learned)}
    finally:
        warehouse.dispose()


def shows_nobody(done: CompletedProcess[str], *texts: str) -> bool:
    """Say whether neither output nor texts name anybody, an event, or a secret."""
    return not any(word in text for word in PERSONAL for text in (done.stdout, done.stderr, *texts))


def test_it_says_what_is_different_keeps_it_and_drops_it_on_request(tmp_path: Path) -> None:
    """A line per check and what it means; the report has the same, and nobody's name is in either."""
    with serving("exclusive-dates,list-cap=4", tmp_path) as env:
        done = call_in_process(["doctor", "--report", "report.md", "--webhooks"], tmp_path, env)
        forgotten = call_in_process(["doctor", "--forget"], tmp_path, env)
        again = call_in_process(["doctor", "--forget"], tmp_path, env)
    report = (tmp_path / "report.md").read_text()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "sign-in            as documented  accepted; a token lives 24.0 h" in lines
    assert "dates              different      a range ends before its endDate (events early, late)" in lines
    assert "list cap           different      big: 4 of 14 users are listed with limit=128" in lines
    assert "webhooks           as documented  a subscription was created, read and deleted" in lines
    assert lines[-1].endswith("requests. Numbers can be had. Next: sequel-assets backfill")
    assert "## list cap: different\n\n- found: big: 4 of 14 users are listed with limit=128\n" in report
    assert "- end_date = excluded (sequel-assets doctor " in report
    assert shows_nobody(done, report)
    assert forgotten.stdout == "2 facts dropped; Sequel is requested as documented.\n"
    assert again.stdout == "Nothing was learned.\n"


def test_without_a_key_for_people_it_says_what_a_backfill_needs_besides(tmp_path: Path) -> None:
    """It needs none itself."""
    with serving("no-webhooks", tmp_path) as env:
        done = call_in_process(["doctor", "--dry-run"], tmp_path, env | {"SEQUEL_PERSON_KEY": ""})
    last = done.stdout.splitlines()[-1]
    assert last.endswith("Numbers can be had. Next: set SEQUEL_PERSON_KEY, then sequel-assets backfill")


def test_as_json_it_has_every_check_and_ends_with_1_where_numbers_cannot_be_had(tmp_path: Path) -> None:
    with serving("time-zone=-8", tmp_path) as env:
        done = call_in_process(["doctor", "--json"], tmp_path, env)
    said = json.loads(done.stdout)
    (days,) = [check for check in said["checks"] if check["check"] == "days"]
    assert (done.returncode, days["verdict"], days["is_blocking"]) == (1, "different", True)
    assert [fact["fact"] for fact in said["profile"]] == ["days"] == list(facts(tmp_path))
    assert said["conclusion"] == "Some numbers cannot be had as things are: days. The lines above say why."
    assert shows_nobody(done)


def test_a_dry_run_and_a_documented_sequel_leave_no_warehouse_behind(tmp_path: Path) -> None:
    """There is nothing to be kept."""
    for variations, options in (("exclusive-dates", ["--dry-run"]), ("", [])):
        with serving(variations, tmp_path) as env:
            done = call_in_process(["doctor", *options], tmp_path, env)
        assert (done.returncode, done.stderr) == (0, "")
        assert list(tmp_path.iterdir()) == []


def test_an_address_in_the_settings_is_not_overruled_but_named(tmp_path: Path) -> None:
    with serving("published-path", tmp_path) as env:
        done = call_in_process(["doctor"], tmp_path, env)
        address = f"{env['SEQUEL_API_URL']}/api/v1"
        changed_address = call_in_process(["doctor", "--dry-run"], tmp_path, env | {"SEQUEL_ANALYTICS_URL": address})
    assert (done.returncode, changed_address.returncode) == (1, 0)
    assert f"to do: SEQUEL_ANALYTICS_URL={address}" in done.stdout


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"SEQUEL_COMPANY_ID": "nobody"}, 2, "SEQUEL_COMPANY_ID: Sequel knows no company nobody (404)"),
        ({"SEQUEL_CLIENT_SECRET": "wrong-one"}, 3, "refuses the client id and secret (401)"),
        ({"SEQUEL_COMPANY_ID": ""}, 2, "SEQUEL_COMPANY_ID: is not set"),
    ],
)
def test_a_wrong_account_is_one_line(changed: dict[str, str], code: int, said: str, tmp_path: Path) -> None:
    with serving("", tmp_path) as env:
        done = call_in_process(["doctor"], tmp_path, env | changed)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert said in done.stderr
    assert "wrong-one" not in done.stderr


@pytest.mark.parametrize(
    ("reasons", "is_offered"),
    [
        (
            ["the live list does not add up: 4 people with 9 minutes listed, 5 with 10 expected: Sequel caps the list"],
            True,
        ),
        (["slow", "Sequel answers 404 for its analytics, though it still knows the event"], True),
        (["the connection was lost (api.introvoke.com)"], False),
        ([f"{NO_USAGE[Fact.TOTALS]}; Sequel's totals contradict {WHAT_TO_DO}"], False),
        ([], False),
    ],
)
def test_a_backfill_offers_it_for_failures_that_other_answers_would_have(reasons: list[str], is_offered: bool) -> None:
    """Not where it has found the reason itself."""
    assert offers_doctor(reasons) is is_offered
