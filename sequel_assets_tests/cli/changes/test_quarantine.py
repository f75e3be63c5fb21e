"""What is late, quarantined or ruled out: `status` names it, and its owner accepts or excludes it."""

import json
import re
from datetime import date
from typing import Any

import pytest

from sequel_assets.refresh.core.datasets import AT_CLOSE_NAMES, SLICED
from sequel_assets.sandbox import Attendance, Sandbox
from sequel_assets.warehouse.tables.core import (
    event_participants,
    exclusions,
    problems,
    restatements,
)
from sequel_assets_tests.cli.changes.helpers import FIRST_DAY, changes_of, key_of
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.small_world import ACME, BOLT, PERSONAL, ROOT, YVO, ZOE, at
from sequel_assets_tests.support.stage import rows_of

pytestmark = pytest.mark.slow


def status_of(checkout: Checkout, **told: str) -> tuple[int, dict[str, Any]]:
    """What `status --json` answers."""
    done = checkout.quickly("status", "--json", **told)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def facts_of(checkout: Checkout, company_id: str, day: date) -> list[tuple[Any, ...]]:
    """The stored minutes of a company and day."""
    return [row for row in rows_of(checkout.url, event_participants) if row[:2] == (company_id, day)]


def requested_events(sandbox: Sandbox) -> list[str]:
    """The events' analytics that are asked for from now on."""
    paths: list[str] = []

    def note(request: Any) -> None:
        if "top-participants" in request.path:
            paths.append(request.path)

    sandbox.api.on_request = note
    return paths


def test_status_says_what_is_late_and_exits_1(whole: Checkout) -> None:
    """The hour that nobody refreshed is owed; within the allowance it is not yet."""
    code, told = status_of(whole, SEQUEL_NOW="2026-03-04T16:34:00Z")
    assert (code, told["late"]) == (0, [])
    code, told = status_of(whole, SEQUEL_NOW="2026-03-04T16:35:00Z")
    assert code == 1
    names = [dataset.name for dataset in SLICED if dataset.name not in AT_CLOSE_NAMES]
    keys = [company["company"] for company in told["companies"]]
    assert [(late["company"], late["dataset"]) for late in told["late"]] == [
        (key, name) for key in keys for name in names
    ]
    assert told["late"][0] == {
        "company": keys[0],
        "dataset": names[0],
        "day": "2026-03-04",
        "owes": "2026-03-04T16:00:00+00:00",
        "covers": "2026-03-04T15:00:00+00:00",
        "rule": "hour",
    }


def test_status_shows_the_first_twenty_that_are_late_and_the_count(whole: Checkout) -> None:
    """Three days later: 2 and 3 March are not final, 4 March is not closed, 5 to 7 March are not there at all; 7 March is open and owes its insights nothing yet."""
    done = whole.quickly("status", SEQUEL_NOW="2026-03-07T12:00:00Z")
    assert (done.returncode, done.stderr) == (1, "")
    late = 3 * (6 * len(SLICED) - len(AT_CLOSE_NAMES))
    section = done.stdout.partition(f"Late: {late} slices")[2]
    assert f"and {late - 20} more; all of them: sequel-assets status --late" in section
    rows = section.partition(" more;")[0]
    assert len(re.findall(r"^│ ", rows, re.MULTILINE)) == 20
    for words in ("2026-03-02", "2026-03-05 00:00", "2026-03-07", "2026-03-07 11:00"):
        assert words in rows


def test_a_held_day_is_told_and_accepted_by_its_owner_alone(checkout: Checkout, sandbox: Sandbox) -> None:
    """A final day that comes back empty: skipped, then held by --force, then let through by accept; changes lists it."""
    day, acme = date(2026, 3, 1), key_of(checkout, ACME)
    before = facts_of(checkout, ACME, day)
    assert sum(row[-1] for row in before) == 40
    sandbox.world.restate("e-acme", [])
    asked = requested_events(sandbox)
    done = checkout.call("backfill", *FIRST_DAY, "--company", acme)
    assert (done.returncode, asked, facts_of(checkout, ACME, day)) == (0, [], before), done

    done = checkout.call("backfill", *FIRST_DAY, "--company", acme, "--force")
    assert done.returncode == 1
    assert asked != []
    assert f"failed: {acme} 2026-03-01 event_participants: quarantined: the day is final" in done.stderr
    assert facts_of(checkout, ACME, day) == before
    code, told = status_of(checkout)
    assert (code, told["late"]) == (0, [])  # it is not late: it is held
    (problem,) = [problem for problem in told["problems"] if problem["dataset"] == "event_participants"]
    assert (problem["company"], problem["day"]) == (acme, "2026-03-01")
    assert "sequel-assets accept" in problem["reason"]
    assert rows_of(checkout.url, restatements) == []

    requests = len(asked)
    shown = checkout.quickly("accept", "--company", "acme", *FIRST_DAY, "--dry-run")
    assert (shown.returncode, len(asked)) == (0, requests)
    assert "Nothing was changed." in shown.stdout
    assert "event_participants" in shown.stdout
    done = checkout.call("accept", "--company", " Acme | Events ", *FIRST_DAY)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "Changed" in done.stdout
    assert facts_of(checkout, ACME, day) == []
    assert rows_of(checkout.url, problems) == []
    found = changes_of(checkout, "2026-03-04")
    assert {(change["company"], change["day"]) for change in found if change["dataset"] != "company_rollup"} == {
        (acme, "2026-03-01")
    }
    rolled_up = {change["company"] for change in found if change["dataset"] == "company_rollup"}
    assert rolled_up == {acme, key_of(checkout, ROOT)}
    numbers = {(change["dataset"], change["key"], change["column"]): (change["from"], change["to"]) for change in found}
    assert numbers["event_participants", "e-acme", "engaged_minutes"] == (40, 0)
    assert numbers["event_participants", "e-acme", "people"] == (2, 0)
    assert numbers["daily_usage", "all", "engaged_minutes"] == (40, 0)
    assert {change["seen_at"] for change in found} == {"2026-03-04T15:07:00+00:00"}
    assert len({change["run_id"] for change in found}) == 1
    shown = checkout.quickly("changes", "--since", "2026-03-04").stdout
    assert [word for word in PERSONAL if word in (done.stdout + shown).lower()] == []
    for words in ("event_participants", "e-acme", "engaged_minutes", found[0]["run_id"]):
        assert words in shown
        assert words in done.stdout


def test_a_smaller_change_of_a_final_day_needs_nobodys_leave(checkout: Checkout, sandbox: Sandbox) -> None:
    """It is taken by --force and recorded."""
    sandbox.world.restate("e-acme", [Attendance(ZOE, live=[(at(1, 9), 33)]), Attendance(YVO, live=[(at(1, 9, 5), 10)])])
    done = checkout.call("backfill", *FIRST_DAY, "--company", ACME, "--force")
    assert done.returncode == 0, done.stderr
    assert [
        row[-2:]
        for row in rows_of(checkout.url, restatements)
        if row[1:5:3] == ("event_participants", "engaged_minutes")
    ] == [(40, 43)]


def test_a_ghost_is_ruled_out_and_taken_back_in(checkout: Checkout, sandbox: Sandbox) -> None:
    """Its slices fail until it is ruled out; its stored rows stay; status shows it; undone it is asked again."""
    day, bolt = date(2026, 3, 3), key_of(checkout, BOLT)
    before = facts_of(checkout, BOLT, day)
    force = ["backfill", "--from", "2026-03-03", "--to", "2026-03-04", "--company", "Bolt", "--force"]
    sandbox.faults.always("*e-bolt/top-participants*", "http_404")
    assert checkout.call(*force, SEQUEL_RETRY_BUDGET_SECONDS="0.1").returncode == 1
    assert "e-bolt" in {row[3] for row in rows_of(checkout.url, problems)}

    done = checkout.quickly("exclude", "--company", bolt, "--event", "e-bolt", "--reason", " never\n [b]answers[/b] ")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"e-bolt of {bolt} is excluded: it is not requested any more, and status shows it. Its stored rows stay and count; "
        "its problems go with the next refresh of their days, at their close or by sequel-assets backfill (--force where they are final).\n"
    )
    excluded = {
        "company": bolt,
        "event_id": "e-bolt",
        "reason": "never [b]answers[/b]",
        "since": "2026-03-04T15:07:00+00:00",
    }
    assert status_of(checkout)[1]["excluded"] == [excluded]
    shown = checkout.quickly("status").stdout.partition("Excluded events")[2]
    assert "never [b]answers[/b]" in shown
    done = checkout.call(*force)
    assert done.returncode == 0, done.stderr
    assert facts_of(checkout, BOLT, day) == before != []
    assert rows_of(checkout.url, problems) == []

    done = checkout.quickly("exclude", "--company", "Bolt", "--event", "e-bolt", "--undo")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"e-bolt of {bolt} is included: ")
    assert rows_of(checkout.url, exclusions) == []
