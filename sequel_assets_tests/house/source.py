"""Reads the project's own source for the house rules: names, texts, comments and pages. It runs none of it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sequel_assets_tests.support.paths import PROJECT

PACKAGE, TESTS, BENCH, TOOLS, PAGES = "sequel_assets", "sequel_assets_tests", "bench", "tools", "docs"
MIGRATIONS = "versions"
"""A folder of records: what they say is not changed any more."""
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Found:
    """A name or a text, and where it stands."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        """Return it as an editor opens it."""
        return f"{self.path}:{self.line} {self.text}"


@cache
def modules(*tops: str) -> tuple[Path, ...]:
    """Return the modules in some of the project's folders, migrations left out, relative to the project."""
    paths = sorted(path.relative_to(PROJECT) for top in tops for path in (PROJECT / top).rglob("*.py"))
    return tuple(path for path in paths if MIGRATIONS not in path.parts)


def pages() -> list[Path]:
    """Return the pages that people read, relative to the project; the changelog is a record."""
    written = [Path(name) for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    return written + sorted(path.relative_to(PROJECT) for path in (PROJECT / PAGES).rglob("*.md"))


def room_of(path: Path) -> str:
    """Return the room that a file belongs to: a folder of the package or of the tests, else its top folder."""
    depth = 2 if path.parts[0] in (PACKAGE, TESTS) else 1
    return "/".join(path.parent.parts[:depth]) or path.name


def lines_of(path: Path) -> list[str]:
    """Return a file's lines."""
    return (PROJECT / path).read_text(encoding="utf-8").splitlines()


@cache
def syntax_of(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse((PROJECT / path).read_text(encoding="utf-8"))


def words_of(name: str) -> set[str]:
    """Return the words that a name consists of, in lower case."""
    return {part.lower() for part in _PARTS.findall(name)}


def names(path: Path) -> Iterator[Found]:
    """Yield the names that a module gives: its own, those of classes, functions, methods and members of enums."""
    yield Found(path, 1, path.parent.name if path.stem == "__init__" else path.stem)
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.ClassDef):
            yield Found(path, node.lineno, node.name)
            if any("Enum" in ast.unparse(base) for base in node.bases):
                for statement in node.body:
                    if isinstance(statement, ast.Assign):
                        yield from (Found(path, statement.lineno, ast.unparse(one)) for one in statement.targets)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("test_"):
            yield Found(path, node.lineno, node.name)  # the name of a test is a sentence


def inner_names(path: Path) -> Iterator[Found]:
    """Yield the names of fields and parameters of a module."""
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.ClassDef):
            fields = (one.target for one in node.body if isinstance(one, ast.AnnAssign))
            yield from (Found(path, field.lineno, ast.unparse(field)) for field in fields)
        elif isinstance(node, ast.arg):
            yield Found(path, node.lineno, node.arg)


def classes(path: Path) -> Iterator[Found]:
    """Yield the classes of a module that are defined at its top."""
    for node in syntax_of(path).body:
        if isinstance(node, ast.ClassDef):
            yield Found(path, node.lineno, node.name)


def texts(path: Path) -> Iterator[Found]:
    """Yield the texts of a module (docstrings, messages; of f-strings what stands between braces left out) and comments."""
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for number, line in enumerate(node.value.splitlines()):
                yield Found(path, node.lineno + number, line)
    source = io.StringIO((PROJECT / path).read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.COMMENT:
            yield Found(path, token.start[0], token.string)


def prose(path: Path) -> Iterator[Found]:
    """Yield the lines of a page."""
    for number, line in enumerate(lines_of(path), start=1):
        yield Found(path, number, line)
