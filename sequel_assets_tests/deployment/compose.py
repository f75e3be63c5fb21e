"""Reads deploy/: the Compose file with its variables put in, the Dockerfile's settings, the environment files, the units."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sequel_assets_tests.support.paths import PROJECT

DEPLOY = PROJECT / "deploy"
VARIABLE = re.compile(r"\$\{(\w+)(?::(-|\?)([^${}]*))?\}")
"""One of Compose's: plain, with a default, or required with the words of its error."""
OUR_IMAGE = "sequel-assets:"


@dataclass(frozen=True)
class ComposeService:
    """A service, as far as it matters for a process without a container."""

    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    env_files: list[str]
    healthcheck: list[str]
    volumes: list[str]
    waits_for: dict[str, str]

    @property
    def is_ours(self) -> bool:
        """Say whether it runs this project."""
        return self.image.startswith(OUR_IMAGE)


def compose_text() -> str:
    """Return the Compose file."""
    return (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


def named_variables(text: str) -> set[str]:
    """Return the variables that a Compose file takes from `.env`."""
    return set(re.findall(r"\$\{(\w+)", text))


def put_in(text: str, variables: Mapping[str, str]) -> str:
    """Put in the variables as Compose does, the innermost first; a required one that is not there fails."""

    def value(found: re.Match[str]) -> str:
        name, how, words = found.groups()
        if variables.get(name):
            return variables[name]
        assert how != "?", f"{name}: {words}"
        return words or ""

    while (after := VARIABLE.sub(value, text)) != text:
        text = after
    return text


def services(variables: Mapping[str, str]) -> dict[str, ComposeService]:
    """Return the services of the Compose file, with these variables."""
    told = yaml.safe_load(put_in(compose_text(), variables))
    return {name: _service(name, entry) for name, entry in told["services"].items()}


def _service(name: str, entry: dict[str, Any]) -> ComposeService:
    waits = entry.get("depends_on", {})
    return ComposeService(
        name,
        entry["image"],
        entry.get("command", []),
        {key: str(value) for key, value in entry.get("environment", {}).items()},
        entry.get("env_file", []),
        entry.get("healthcheck", {}).get("test", []),
        entry.get("volumes", []),
        {other: how["condition"] for other, how in waits.items()},
    )


def env_file(path: Path) -> dict[str, str]:
    """Return the variables of an environment file, quotes taken off as Compose and systemd do; comments say nothing."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def all_names_in(path: Path) -> set[str]:
    """Return the variables that an environment file names, those that are commented out too."""
    return set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", path.read_text(encoding="utf-8"), re.MULTILINE))


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return [(instruction, rest.strip()) for instruction, _, rest in found]


def entrypoint() -> list[str]:
    """Return what the image puts before each command."""
    return list(json.loads(dict(dockerfile())["ENTRYPOINT"]))


def units() -> dict[str, list[tuple[str, str, str]]]:
    """Return the systemd units: section, key and value of each line."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for path in sorted((DEPLOY / "systemd").iterdir()):
        if path.suffix == ".example":
            continue
        section, found[path.name] = "", []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line:
                key, _, value = line.partition("=")
                found[path.name].append((section, key, value))
    return found


def commands_of_units() -> dict[str, list[str]]:
    """Return the command of each unit."""
    return {
        name: shlex.split(value) for name, lines in units().items() for _, key, value in lines if key == "ExecStart"
    }
