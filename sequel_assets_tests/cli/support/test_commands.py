"""Every command's help: an example that is a command, values by what they are, and a width of 80 columns."""

import shlex
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from sequel_assets.cli.app import app

EXAMPLE = "Example: "


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Yield every command with the words that call it."""
    for name, one in group.commands.items():
        if isinstance(one, TyperGroup):
            yield from commands(one, (*path, name))
        elif isinstance(one, TyperCommand):
            yield (*path, name), one


ALL = dict(commands(typer.main.get_command(app)))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_each_command_has_an_example_that_can_be_given_to_it(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert command.epilog is not None, "declare it with Commands.declare"
    assert command.epilog.startswith(EXAMPLE)
    program, *words = shlex.split(command.epilog.removeprefix(EXAMPLE))
    assert (program, tuple(words[: len(path)])) == ("sequel-assets", path)
    assert command.make_context(path[-1], words[len(path) :]).command is command


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_says_what_a_value_is_in_80_columns(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert shown.exit_code == 0
    assert [line for line in shown.stdout.splitlines() if len(line) > 80] == []
    assert [word for word in ("<bool>", "<str>", "<list[str]>") if word in shown.stdout] == []
    assert EXAMPLE.strip() in shown.stdout
