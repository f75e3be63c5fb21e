"""Wrong arguments, settings and companies: refused in one line, and nothing is written."""

import re
import shutil
from pathlib import Path

import pytest

from sequel_assets.cli.support.arguments import choose
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.sandbox import Company, Sandbox, World
from sequel_assets.warehouse.stores.catalog import KnownCompany
from sequel_assets.warehouse.tables.core import companies, metadata
from sequel_assets_tests.cli.checkout import RANGE, Checkout
from sequel_assets_tests.support.small_world import ACME, BOLT, NOW, ROOT, small_world
from sequel_assets_tests.support.stage import files_below, rows_of

pytestmark = pytest.mark.slow


def whole_warehouse(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, with when and by whom."""
    return {table.name: rows_of(url, table, without=set()) for table in metadata.sorted_tables}


BAD_DAYS = [
    (["2026-03-02", "2026-03-01"], "--from 2026-03-02 is after --to 2026-03-01; give the earlier day first"),
    (["2026-03-01", "2026-03-04"], "--to 2026-03-04 is in the future; today is 2026-03-03 (UTC)"),
    (
        ["2026-02-28", "2026-03-01"],
        "--from 2026-02-28 is before the start of history, 2026-03-01; ask for later days, or set SEQUEL_START_DATE (environment or "
        ".env) to an earlier one and backfill from it",
    ),
    *(
        ([text, "2026-03-03"], f"--from {text}: it must be a day (UTC) such as 2026-11-23, without time or zone")
        for text in (
            "2026-03-01T00:00",
            "2026-03-01Z",
            "2026-03-01+02:00",
            "2026-03-01 Europe/Berlin",
            "20260301",
            "2026-3-1",
            "2026-02-30",
            "01.03.2026",
            "yesterday",
            "",
        )
    ),
]


@pytest.mark.parametrize(("days", "words"), BAD_DAYS)
def test_wrong_days_are_refused_in_one_line(days: list[str], words: str, refusing: Checkout) -> None:
    """Exit 2, the value named, and what is allowed; nothing is written."""
    assert refusing.refused_quickly(2, "backfill", "--from", days[0], "--to", days[1]) == [words]
    assert files_below(refusing.folder, refusing.home) == set()


def _setting(name: str) -> str:
    return f"{name}: is not set. What it is: "


BAD_SETTINGS = [
    ({"SEQUEL_CLIENT_SECRET": ""}, [_setting("SEQUEL_CLIENT_SECRET")]),
    (
        {"SEQUEL_CLIENT_ID": "", "SEQUEL_CLIENT_SECRET": " ", "SEQUEL_COMPANY_ID": "", "SEQUEL_PERSON_KEY": ""},
        [_setting(f"SEQUEL_{name}") for name in ("CLIENT_ID", "CLIENT_SECRET", "COMPANY_ID", "PERSON_KEY")],
    ),
    ({"SEQUEL_PERSON_KEY": "too short"}, ["SEQUEL_PERSON_KEY: it must have 32 characters or more"]),
    (
        {"SEQUEL_WAREHOUSE_URL": "mysql://u:pw@h/d"},
        ["SEQUEL_WAREHOUSE_URL mysql://u:***@h/d is of a kind that is not known"],
    ),
    ({"SEQUEL_WAREHOUSE_URL": "warehouse.db"}, ["SEQUEL_WAREHOUSE_URL is not a database URL; examples:"]),
    (
        {"SEQUEL_WAREHOUSE_URL": "sqlite:////no/such/folder/w.db"},
        ["the warehouse sqlite:////no/such/folder/w.db cannot be opened: there is no folder /no/such/folder"],
    ),
    ({"SEQUEL_NOW": "2026-03-03T15:07:00"}, ["SEQUEL_NOW: it must have a time zone, for example a Z at its end"]),
    ({"SEQUEL_API_URL": "sequel.example"}, ["SEQUEL_API_URL: it must begin with http:// or https://"]),
    (
        {"SEQUEL_API_URL": "http://api.introvoke.com"},
        [
            "SEQUEL_API_URL is http:// to another machine: the client secret and people's data would travel in clear; use https://, or set"
        ],
    ),
    (
        {"SEQUEL_ANALYTICS_URL": "http://localhost.example.com"},
        ["SEQUEL_ANALYTICS_URL is http:// to another machine"],
    ),
    (
        {"SEQUEL_API_URL": "https://ann:pw@api.introvoke.com"},
        ["SEQUEL_API_URL must hold no user name, password, ? or #"],
    ),
    (
        {"SEQUEL_DEBUG_ANSWERS": "/no/such/folder/a"},
        ["SEQUEL_DEBUG_ANSWERS: /no/such/folder/a: No such file or directory"],
    ),
    (
        {"SEQUEL_SETTLE_MINUTES": "61"},
        ["SEQUEL_SETTLE_MINUTES: input should be less than or equal to 59. What it is: "],
    ),
    ({"SEQUEL_SETTLE_MINUTES": "-1"}, ["SEQUEL_SETTLE_MINUTES: input should be greater than or equal to 0"]),
    ({"SEQUEL_LATE_WINDOW_HOURS": "-48"}, ["SEQUEL_LATE_WINDOW_HOURS: input should be greater than or equal to 0"]),
    ({"SEQUEL_START_DATE": "2026-03-01T00:00+02:00"}, ["SEQUEL_START_DATE: "]),
    ({"SEQUEL_MAX_CONCURRENCY": "0"}, ["SEQUEL_MAX_CONCURRENCY: input should be greater than or equal to 1"]),
    ({"SEQUEL_MAX_CONCURRENCY": "many"}, ["SEQUEL_MAX_CONCURRENCY: "]),
    ({"DAGSTER_HOME": "relative/home"}, ["DAGSTER_HOME: relative/home is not an absolute path"]),
    ({"DAGSTER_HOME": "/no/such/home"}, ["DAGSTER_HOME: there is no folder /no/such/home; create it, or unset"]),
    (
        {"SEQUEL_COMPANY_ID": "no such/company"},
        ["SEQUEL_COMPANY_ID: Sequel knows no company no such/company (404); nothing was written"],
    ),
]


@pytest.mark.parametrize(("told", "words"), BAD_SETTINGS)
def test_wrong_settings_are_refused_in_one_line_each(
    told: dict[str, str], words: list[str], refusing: Checkout
) -> None:
    """Exit 2, each by its name; nothing is written and no password shown."""
    lines = refusing.refused_quickly(2, *RANGE, **told)
    assert [line[: len(start)] for line, start in zip(lines, words, strict=True)] == words
    assert ":pw@" not in "".join(lines)
    assert {path for path in files_below(refusing.folder, refusing.home) if not path.endswith("/.sequel")} == set()


def test_a_broken_dagster_yaml_is_refused_in_one_line(checkout: Checkout, tmp_path: Path) -> None:
    """Both what YAML and what Dagster cannot read."""
    home = tmp_path / "dagster home"
    home.mkdir()
    for text in ("a: [", "no_such_key: 1\n"):
        (home / "dagster.yaml").write_text(text)
        (line,) = checkout.refused(2, *RANGE, DAGSTER_HOME=str(home))
        assert line.startswith(f"DAGSTER_HOME {home}: Dagster cannot use it: ")


def test_a_file_in_the_way_is_said_in_one_line(checkout: Checkout) -> None:
    """`.sequel` is a file, so nothing can be kept beneath it."""
    (checkout.folder / ".sequel").write_text("")
    for command in (RANGE, ["demo", "--once", "--days", "1", "--companies", "1"], ["migrate"]):
        (line,) = checkout.refused_quickly(2, *command)
        assert ".sequel" in line


def test_unknown_companies_are_named_and_nothing_is_written(whole: Checkout, checkout: Checkout) -> None:
    """One typo in a list refuses the list; the known ones are told, and neither warehouse nor Dagster's home is made."""
    keys = ", ".join(row[1] for row in sorted(rows_of(whole.url, companies), key=lambda row: (row[4], row[1])))
    lines = checkout.refused(2, *RANGE, "--company", ACME, "--company", "Blot", "--company", "nemo")
    (bolt,) = [row[1] for row in rows_of(whole.url, companies) if row[0] == BOLT]
    assert lines == [
        f"--company Blot: there is no such company; did you mean {bolt}?",
        f"--company nemo: there is no such company; known are {keys}",
    ]
    assert files_below(checkout.folder, checkout.home) == set()


def test_an_unknown_company_changes_nothing_that_is_there(
    whole: Checkout, checkout: Checkout, sandbox: Sandbox
) -> None:
    """Though a company has another name and a new one has come: what the walk found is stored once nothing is wrong."""
    shutil.copytree(whole.folder / ".sequel", checkout.folder / ".sequel")

    def everything() -> tuple[object, ...]:
        with checkout.dagster() as instance:
            partitions = instance.get_dynamic_partitions("company")
        return whole_warehouse(checkout.url), partitions, checkout.runs(), files_below(checkout.folder, checkout.home)

    before, world = everything(), sandbox.world
    sandbox.world = small_world()
    sandbox.world.rename_company(BOLT, "Bolted")
    sandbox.world.add_company(Company("new", "New", ROOT))
    try:
        (line,) = checkout.refused(2, *RANGE, "--company", "Blot")
    finally:
        sandbox.world = world
    assert re.fullmatch(r"--company Blot: there is no such company; did you mean bolt\.[0-9a-f]{8}\?", line)
    assert everything() == before


def test_a_name_that_two_companies_have_is_refused_with_their_keys(checkout: Checkout, sandbox: Sandbox) -> None:
    """The keys are told, so that the right one can be taken."""
    before = sandbox.world
    sandbox.world = World([Company(ROOT, "Root"), Company("n1", "North"), Company("n2", "North ")], [], now=NOW)
    for company in sandbox.world.companies[1:]:
        company.parent_id = ROOT
    try:
        (line,) = checkout.refused(2, *RANGE, "--company", "North")
    finally:
        sandbox.world = before
    assert re.fullmatch(
        r"--company North: 2 companies have this name; use one of north\.[0-9a-f]{8}, north\.[0-9a-f]{8}", line
    )


def test_typers_own_refusals_exit_2_too(refusing: Checkout) -> None:
    """A missing option, an unknown one, an unknown command, a number out of range."""
    before = files_below(refusing.folder, refusing.home)
    wrong_workers = [[*RANGE, "--workers", text] for text in ("0", "17", "-1", "two", "1.5")]
    for arguments in (
        ["backfill"],
        ["backfill", "--form", "x"],
        ["backfil"],
        ["demo", "--days", "0"],
        *wrong_workers,
    ):
        lines = refusing.refused_quickly(2, *arguments)
        assert lines, arguments
        assert arguments not in wrong_workers or "--workers" in "".join(lines)
    assert files_below(refusing.folder, refusing.home) == before


def test_a_company_is_chosen_by_its_id_in_any_case_where_only_one_is_meant(whole: Checkout) -> None:
    """The exact one first."""
    known = [KnownCompany(one, f"{one}.key", "Name", None, 0, None) for one in ("kid", "KID", "Solo")]
    assert [one.company_id for one in choose(known, ["KID", " solo", "SOLO.KEY"])] == ["KID", "Solo"]
    with pytest.raises(UsageError):
        choose(known, ["Kid"])


def test_a_retention_of_a_company_that_there_is_not_is_refused_by_name(whole: Checkout, checkout: Checkout) -> None:
    """A typo would have days asked for that Sequel has forgotten; `status` tells it too."""
    typo = {"SEQUEL_COMPANY_RETENTION_DAYS": '{"bolt": 30, "blot": 30}'}
    (line,) = checkout.refused(2, *RANGE, **typo)
    assert line.startswith("SEQUEL_COMPANY_RETENTION_DAYS: there is no company blot; known are ")
    assert files_below(checkout.folder, checkout.home) == set()
    assert (
        "SEQUEL_COMPANY_RETENTION_DAYS names blot: there is no such company." in whole.quickly("status", **typo).stdout
    )
