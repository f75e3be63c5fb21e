"""Each `sequel-assets ...` that a page shows in a block of code is a command, with these options, and each `make ...` a target."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from sequel_assets.cli.app import app
from sequel_assets_tests.house.source import pages
from sequel_assets_tests.support.paths import PROJECT

BLOCK = re.compile(r"^```(?:bash|sh)?\n(.*?)^```|((?:^(?: {4,}|\t)[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
"""A block of code: fenced without a language or of a shell's, or indented."""
COMMAND = re.compile(r"(?:^|[\s(]|bin/)sequel-assets ((?!\.\.\.)[a-z][^\n]*)", re.MULTILINE)
TARGET = re.compile(r"^ *make ([a-z]+)", re.MULTILINE)
ROOT = typer.main.get_command(app)


def blocks(page: Path) -> Iterator[str]:
    """Yield a page's blocks of code without comments, lines that go on joined."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        yield re.sub(r"\s#\s.*", "", (found[1] or found[2] or "").replace("\\\n", " "))


def commands(page: Path) -> Iterator[str]:
    """Yield the commands of a page as they are typed, without pipes and what follows another command."""
    for block in blocks(page):
        for line in COMMAND.findall(block):
            typed = re.split(r"\s\|\s|\s&&\s|\s>\s|;|\)|`", line)[0].strip()
            if "..." not in typed and "[" not in typed:
                yield typed


def wrong(typed: str) -> str:
    """Say what is wrong with a command; nothing of it is executed."""
    parsed, arguments, name = ROOT, shlex.split(typed), "sequel-assets"
    try:
        while hasattr(parsed, "resolve_command"):
            context = parsed.make_context(name, list(arguments))
            name, parsed, arguments = parsed.resolve_command(context, [*context._protected_args, *context.args])
        parsed.make_context(name, list(arguments))
    except Exception as error:  # noqa: BLE001 - whatever it does not understand is the answer
        return f"{typed}: {error}"
    return ""


@pytest.mark.parametrize("page", [page for page in pages() if [*commands(page)]], ids=lambda page: page.name)
def test_each_command_of_a_page_is_one(page: Path) -> None:
    assert [error for typed in commands(page) if (error := wrong(typed))] == []


def test_each_target_of_a_page_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {target for page in pages() for block in blocks(page) for target in TARGET.findall(block)}
    assert len(shown) > 10
    assert shown - targets == set()


def test_commands_are_found_and_wrong_ones_noticed() -> None:
    """In the README too."""
    found = [typed for page in pages() for typed in commands(page)]
    assert len(found) > 40
    assert len([*commands(Path("README.md"))]) > 4
    assert "No such option" in wrong("status --everything")
    assert "No such command" in wrong("statuses")
