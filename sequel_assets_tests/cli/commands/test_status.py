"""`status`, `migrate`, `sandbox` and every command's help."""

import json
import re
from importlib import metadata
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from sequel_assets.cli import app
from sequel_assets.cli.commands import sandbox as sandbox_command
from sequel_assets.refresh.core.datasets import SLICED
from sequel_assets.sandbox import HUB, Sandbox
from sequel_assets.warehouse.schema import newest
from sequel_assets_tests.cli.checkout import Checkout
from sequel_assets_tests.support.commands.calls import call_in_process, run_command
from sequel_assets_tests.support.small_world import ACME, ROOT

pytestmark = pytest.mark.slow


def test_status_has_this_shape_for_machines(whole: Checkout) -> None:
    """`status --json`: companies, a record per company and dataset, what is late or ruled out, the problems that stand."""
    done = whole.quickly("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    lists = ("excluded", "late", "problems", "unavailable", "unknown_companies")
    assert sorted(told) == sorted(["companies", "datasets", *lists])
    assert {name: told[name] for name in lists} == {name: [] for name in lists}
    keys = {company["company_id"]: company["company"] for company in told["companies"]}
    assert told["companies"][0] == {
        "company_id": ROOT,
        "company": keys[ROOT],
        "gone": False,
        "unknown_days": 0,
        "counts_from": "2026-03-01",
        "data_through": "2026-03-03T15:00:00+00:00",
        "late": 0,
        "quarantined": 0,
        "unavailable": 0,
        "problems": 0,
        "refreshed_at": "2026-03-03T15:07:00+00:00",
    }
    assert len(told["datasets"]) == 3 * len(SLICED)
    assert [d for d in told["datasets"] if (d["company"], d["dataset"]) == (keys[ACME], "event_participants")] == [
        {
            "company": keys[ACME],
            "dataset": "event_participants",
            "days": 3,
            "first_day": "2026-03-01",
            "last_day": "2026-03-03",
            "final_days": 0,
            "data_through": "2026-03-03T15:00:00+00:00",
            "refreshed_at": "2026-03-03T15:07:00+00:00",
            "rows": 3,
        }
    ]
    assert whole.quickly("status", "--format", "json").stdout == done.stdout


def test_status_is_a_row_per_company_for_people(whole: Checkout) -> None:
    """Also where the terminal knows no UTF-8."""
    for told in ({}, {"PYTHONIOENCODING": "ascii"}):
        done = whole.call("status", **told)
        assert (done.returncode, done.stderr) == (0, "")
        assert "event_participants" not in done.stdout
        assert done.stdout.count("2026-03-03 15:00") == 3
        assert done.stdout.rstrip().endswith("Nothing is late.\nNo problem is open.")


def test_status_of_a_company_and_of_all_lists_the_datasets(whole: Checkout) -> None:
    """A company by the beginning of its name; a name that is none is refused with what may be meant."""
    everything, one = whole.quickly("status", "--all").stdout, whole.quickly("status", "--company", "acme").stdout
    assert (everything.count(" event_participants "), one.count(" event_participants ")) == (3, 1)
    assert ("bolt" in everything, "bolt" in one) == (True, False)
    (line,) = whole.refused_quickly(2, "status", "--company", "blot")
    assert re.fullmatch(r"--company blot: there is no such company; did you mean bolt\.[0-9a-f]{8}\?", line)


def test_status_late_names_every_late_slice_and_nobody_else(whole: Checkout) -> None:
    """Hours later, as text and as CSV; exit 1."""
    later = {"SEQUEL_NOW": "2026-03-03T19:07:00Z"}
    done = whole.quickly("status", "--late", "--company", "bolt", **later)
    assert done.returncode == 1
    assert ("Late: " in done.stdout, "acme" in done.stdout, "No problem" in done.stdout) == (True, False, False)
    assert whole.quickly("status", "--late").stdout.splitlines() == ["Nothing is late."]
    rows = whole.quickly("status", "--late", "--format", "csv", **later).stdout.splitlines()
    assert rows[0] == '"company","data_through","late","quarantined","unavailable","problems","refreshed_at"'
    assert [re.sub(r"\.[0-9a-f]{8}", "", row.split(",")[0]) for row in rows[1:]] == [
        '"root"',
        '"acme-events"',
        '"bolt"',
    ]


def test_status_before_any_tables_says_what_to_do_and_makes_nothing(refusing: Checkout) -> None:
    """For people and machines alike."""
    for arguments in (["status"], ["status", "--json"]):
        assert refusing.refused_quickly(2, *arguments) == [
            "the warehouse sqlite:///.sequel/warehouse.db does not exist yet; run: sequel-assets backfill, or sequel-assets migrate"
        ]


def test_beside_a_demo_it_says_how_to_ask_that_one(checkout: Checkout) -> None:
    """The demo's warehouse is there, and is another one."""
    (checkout.folder / ".sequel" / "demo").mkdir(parents=True)
    (checkout.folder / ".sequel" / "demo" / "env").touch()
    (line,) = checkout.refused_quickly(2, "status")
    assert line.endswith("or sequel-assets migrate (the demo's is another one; to ask it: . .sequel/demo/env)")


def test_migrate_makes_the_tables_once(checkout: Checkout) -> None:
    """Twice is as once; status then has nothing to tell, and does not call that well."""
    for _ in range(2):
        done = checkout.quickly("migrate")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"the warehouse has schema {newest()}\n", "")
    done, for_people = checkout.quickly("status", "--json"), checkout.quickly("status")
    assert (done.returncode, for_people.returncode) == (1, 1)
    for shown in (for_people, checkout.quickly("status", "--late"), checkout.quickly("status", "--all")):
        assert "No company is known yet, so nothing is fresh" in shown.stdout
    assert json.loads(done.stdout) == {
        "companies": [],
        "datasets": [],
        "excluded": [],
        "problems": [],
        "late": [],
        "unavailable": [],
        "unknown_companies": [],
    }


def test_the_sandbox_says_what_to_export_and_ends_on_sigterm(checkout: Checkout) -> None:
    """A taken port is said in one line."""
    process = checkout.start(
        "sandbox", "--port", "0", "--companies", "2", "--days", "1", "--now", "2026-03-03T15:07:00Z", "--speed", "0"
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(9)]
    assert re.match(r"Sandbox of 2 companies, \d+ events at http://127\.0\.0\.1:\d+", said[0])
    exports = dict(line.removeprefix("export ").rstrip().split("=", 1) for line in said[2:])
    assert sorted(exports) == sorted(environment_names())
    port = exports["SEQUEL_API_URL"].rsplit(":", 1)[1]
    assert httpx.get(f"{exports['SEQUEL_API_URL']}/sandbox/state", trust_env=False, timeout=60).status_code == 200
    (line,) = checkout.refused(2, "sandbox", "--port", port, "--companies", "1", "--days", "1")
    assert line.startswith(f"--port {port}: cannot listen on 127.0.0.1:{port}")
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_the_sandbox_takes_a_big_event_and_a_company_of_hubs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is there unless it is asked for."""
    made: list[Sandbox] = []
    monkeypatch.setattr(sandbox_command, "serve_forever", lambda sandbox, verbose: made.append(sandbox))
    small = ["sandbox", "--port", "0", "--companies", "3", "--days", "3", "--people", "5"]
    for more in ([], ["--big-event", "9", "--hub-only"]):
        assert CliRunner().invoke(app.app, [*small, *more]).exit_code == 0
    crowds = []
    for world in (sandbox.world for sandbox in made):
        last = world.companies[-1].id
        stages = [event for event in world.events if event.event_type != HUB and event.company_id == last]
        big = [len(event.rows) for event in world.events if event.name == "Keynote"]
        crowds.append((any(event.rows for event in stages), all(event.hub_id for event in stages), big))
    assert crowds == [(True, False, []), (False, True, [9])]


def environment_names() -> list[str]:
    """What the sandbox exports while its clock stands still."""
    names = ("API_URL", "ANALYTICS_URL", "CLIENT_ID", "CLIENT_SECRET", "AUDIENCE", "COMPANY_ID", "NOW")
    return [f"SEQUEL_{name}" for name in names]


def test_wrong_arguments_of_the_sandbox_are_refused_in_one_line(refusing: Checkout) -> None:
    """By name, with what is allowed."""
    for arguments, words in (
        (["--now", "2026-03-03T15:07:00"], "--now 2026-03-03T15:07:00: it must have a time zone"),
        (["--faults", "http_5000=1"], "--faults http_5000=1: "),
        (["--faults", "http_500=2"], "--faults http_500=2: "),
        (["--webhook-faults", "fall=1"], "--webhook-faults fall=1: no such webhook fault: 'fall'"),
        (["--speed", "-1"], "--speed -1: time cannot go backwards"),
        (["--speed", "nan"], "--speed nan: it must be a number up to 1,000,000"),
        (["--speed", "inf"], "--speed inf: it must be a number up to 1,000,000"),
        (["--now", "9999-12-31T23:59:59Z"], "--now 9999-12-31T23:59:59Z: its year must lie between 1970 and 8999"),
    ):
        (line,) = refusing.refused_quickly(2, "sandbox", "--port", "0", *arguments)
        assert line.startswith(words)


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    """And nothing else is printed, wherever it is called."""
    done = call_in_process(["--version"], tmp_path, {})
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"sequel-assets {metadata.version('sequel_assets')}\n",
        "",
    )
    assert list(tmp_path.iterdir()) == []


def test_h_is_help(tmp_path: Path) -> None:
    """For a command and for all of them."""
    for command in ([], ["status"], ["query", "usage"]):
        assert call_in_process([*command, "-h"], tmp_path, {}).stdout.lstrip().startswith("Usage:")


def test_a_port_that_is_none_is_refused_in_one_line(refusing: Checkout) -> None:
    """Of each command that listens."""
    for command in (["sandbox"], ["demo"], ["serve", "receiver"]):
        (line,) = refusing.refused_quickly(2, *command, "--port", "99999")
        assert line.startswith("Invalid value for '--port': Input should be less than or equal to 65535"), line


def test_what_is_served_has_a_name_and_the_old_form_still_works(refusing: Checkout) -> None:
    """The old one says what the new one is."""
    assert refusing.refused_quickly(2, "serve") == [
        "nothing to serve; write: sequel-assets serve receiver, or: sequel-assets serve ui"
    ]
    new, old = (refusing.refused_quickly(2, "serve", form) for form in ("receiver", "--receiver"))
    assert old == ["--receiver is the old form and still works; the new one: sequel-assets serve receiver", *new]


@pytest.mark.parametrize(
    "command", ["", "backfill", "status", "accept", "exclude", "changes", "migrate", "sandbox", "demo"]
)
def test_help_needs_no_settings(command: str, tmp_path: Path) -> None:
    """Exit 0, what the command is for, and nothing is written."""
    arguments, env = [*filter(None, [command]), "--help"], {"SEQUEL_PERSON_KEY": "wrong"}
    done = (
        call_in_process(arguments, tmp_path, env) if command else run_command(arguments, tmp_path, env, is_fresh=True)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout
    assert list(tmp_path.iterdir()) == []
