"""How commands are declared: each with an example of its use, and a help that says what a value is instead of its type."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose help shows DAY or COMPANY where Typer would show <str>, and nothing for a flag."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options and arguments, `--help` included."""
        params = super().get_params(ctx)
        for option in params:
            if isinstance(option, TyperOption) and (option.is_flag or option.metavar):
                option.display_type_rich = partial(_type_shown, option)  # type: ignore[method-assign]
        return params


def _type_shown(option: TyperOption, ctx: object) -> str | None:  # noqa: ARG001 - Typer's signature
    """Return what the help shows of an option's value."""
    return None if option.is_flag else str(option.metavar)


class Commands(typer.Typer):
    """A group of commands."""

    def declare(self, example: str) -> Callable[[Function], Function]:
        """Return the decorator that makes a function a command; `example` is a command line, shown below its help."""
        return self.command(cls=Command, epilog=f"Example: {example}")
