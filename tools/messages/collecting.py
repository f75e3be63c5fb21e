"""Collects the texts that may reach a user from the package's syntax trees; where a value is put in stands an ellipsis.

A text counts where it is handed to an exception (also one that is only made), to what is raised, to a console, to a log or to
Dagster as a failure or a reason to skip; and everything that the modules say which are lists of messages. Nothing is executed.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path("sequel_assets")
LEFT_OUT = ("sandbox/", "warehouse/migrations/")
"""The synthetic Sequel, and records."""
LISTS_OF_MESSAGES = (
    "cli/support/arguments.py",
    "orchestration/checks/",
    "orchestration/resources.py",
    "orchestration/storage/errors.py",
    "refresh/usage/verification.py",
    "safety/file_modes.py",
    "sequel/codes.py",
    "sequel/transport/",
    "settings/",
    "warehouse/database/error_codes.py",
    "warehouse/database/errors.py",
    "warehouse/database/postgres.py",
    "warehouse/database/urls.py",
    "warehouse/identity/",
    "webhooks/receiver/verify.py",
    "webhooks/subscriptions/actions.py",
)
"""Modules that build their messages apart from where they raise them."""
NOT_SHOWN = {"typer.Exit", "SystemExit", "Exit"}
SHOWN_BY_DAGSTER = {"Failure", "SkipReason"}
LOGS = {"debug", "info", "warning", "error", "exception"}
ELSEWHERE = {
    "Field",
    "Option",
    "Argument",
    "Column",
    "Table",
    "compile",
    "getattr",
    "get_logger",
    "getLogger",
    "Literal",
    "as_markdown",
}
"""Calls and functions whose texts are documented elsewhere, or are none."""
GAP = "…"
_WORD, _PLAIN_WORD = re.compile(r"[A-Za-z]{2,}"), re.compile(r"\b[a-z]{2,}\b")
_PATTERN = re.compile(r"\w\|\w|\\\(")
"""What a pattern has and a message has not."""
MIN_WORDS, MIN_WORDS_OF_LISTS = 2, 3
"""A text of fewer words is a name; in a list of messages there are more of these."""


@dataclass(frozen=True, order=True)
class Message:
    """A text with gaps, the module that has it, and whether it is an error or what a command says while it works."""

    text: str
    module: str
    is_error: bool


def modules() -> list[Path]:
    """Return the modules that are looked through, relative to the package."""
    paths = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return [path for path in paths if not path.as_posix().startswith(LEFT_OUT)]


@cache
def exceptions() -> frozenset[str]:
    """Return the names of the package's exceptions, whatever they are called."""
    bases = {
        node.name: {ast.unparse(base) for base in node.bases}
        for path in modules()
        for node in ast.walk(_syntax(path))
        if isinstance(node, ast.ClassDef)
    }
    known = {name for name, of in bases.items() if any(base.endswith(("Error", "Exception")) for base in of)}
    while more := {name for name, of in bases.items() if of & known} - known:
        known |= more
    return frozenset(known)


@cache
def collect() -> tuple[Message, ...]:
    """Return every message, once for each module that has it."""
    found = {message for path in modules() for message in _of_module(path)}
    return tuple(sorted(found))


@cache
def _syntax(path: Path) -> ast.Module:
    return ast.parse((PACKAGE / path).read_text(encoding="utf-8"))


def _of_module(path: Path) -> Iterator[Message]:
    name = path.as_posix()
    for node in ast.walk(_syntax(path)):
        call = node.exc if isinstance(node, ast.Raise) else node
        if isinstance(call, ast.Call) and (shown := _is_error(call, is_raised=isinstance(node, ast.Raise))) is not None:
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                yield from (Message(_line(text), name, shown) for text in texts_of(argument) if _says_something(text))
    if name.startswith(LISTS_OF_MESSAGES):
        for text in _all_texts(_syntax(path)):
            if _says_something(text, MIN_WORDS_OF_LISTS) and not _PATTERN.search(text):
                yield Message(_line(text), name, True)


def _is_error(call: ast.Call, *, is_raised: bool) -> bool | None:
    """Say whether what is called shows an error (True) or anything else (False); None where it shows nothing."""
    called = ast.unparse(call.func)
    last = called.rpartition(".")[2]
    if called in NOT_SHOWN:
        return None
    if is_raised or last in exceptions() or last.endswith("Error") or last in SHOWN_BY_DAGSTER:
        return True
    if last == "print" and "." in called:
        return called.startswith("errors()")
    if last in LOGS and called.rpartition(".")[0].rpartition(".")[2] in {"log", "_log", "logger"}:
        return last != "info"
    return None


def _says_something(text: str, words: int = MIN_WORDS) -> bool:
    return (
        "\0" not in text
        and len(_WORD.findall(text)) >= words
        and " " in text.strip()
        and bool(_PLAIN_WORD.search(text))
    )


def _line(text: str) -> str:
    return " ".join(text.replace("{}", GAP).split())


def texts_of(node: ast.expr) -> list[str]:
    """Return what an expression may say; of a condition both sides."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            parts = (str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
            return ["".join(parts)]
        case ast.BinOp(op=ast.Add()):
            return [f"{a}{b}" for a in texts_of(node.left) for b in texts_of(node.right)]
        case ast.BinOp(op=ast.Mult()):
            return texts_of(node.left)
        case ast.IfExp():
            return [*texts_of(node.body), *texts_of(node.orelse)]
        case ast.BoolOp():
            return [text for value in node.values for text in texts_of(value)]
        case ast.Tuple() | ast.List():
            return [text for value in node.elts for text in texts_of(value)]
        case ast.Dict():
            return [text for value in node.values if value is not None for text in texts_of(value)]
        case _:
            return [GAP]


def _all_texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that is a list of messages; docstrings, keys of what is looked up, and descriptions left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.FunctionDef) and child.name in ELSEWHERE:
            continue
        if isinstance(child, ast.Call) and ast.unparse(child.func).rpartition(".")[2] in ELSEWHERE:
            continue
        if isinstance(child, ast.Dict):
            yield from (text for value in child.values for text in _all_texts(ast.Expression(ast.Tuple([value]))))
            continue
        if isinstance(child, ast.Constant | ast.JoinedStr | ast.BinOp):
            if any(_says_something(text) for text in texts_of(child)):
                yield from texts_of(child)
            continue
        yield from _all_texts(child)
