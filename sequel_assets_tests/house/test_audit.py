"""`make audit`: what could not be asked about is never all well."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sequel_assets_tests.support.paths import PROJECT


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """The script, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("audit", PROJECT / "tools" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name: str, *ids: str) -> dict[str, Any]:
    """A package as pip-audit tells it, with its weaknesses."""
    return {"name": name, "version": "1.0", "vulns": [{"id": one, "fix_versions": ["1.1"]} for one in ids]}


SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1.0)"}


@pytest.mark.parametrize(
    ("told", "code", "lines"),
    [
        ([package("a"), package("b")], 0, ["2 packages were audited; no vulnerability is known of any"]),
        ([package("a", "PYSEC-1"), package("b")], 1, ["a 1.0: PYSEC-1; fixed in 1.1"]),
        ([package("a"), SKIPPED], 2, ["not audited: 1 of 2 packages could not be looked up (Dependency not found on PyPI and could not be audited: c (1.0)); nothing is known of them; is the service reachable from here?"]),
        ([package("a", "PYSEC-1"), SKIPPED], 2, ["a 1.0: PYSEC-1; fixed in 1.1", "not audited: 1 of 2 packages could not be looked up (Dependency not found on PyPI and could not be audited: c (1.0)); nothing is known of them; is the service reachable from here?"]),
        ([], 2, ["not audited: 0 of 0 packages could not be looked up (no package was found); nothing is known of them; is the service reachable from here?"]),
    ],
)  # fmt: skip
def test_what_is_known_is_told_and_what_is_not_known_is_not_well(
    audit: ModuleType, told: list[dict[str, Any]], code: int, lines: list[str]
) -> None:
    assert audit.report(json.dumps({"dependencies": told}), "") == (code, lines)


@pytest.mark.parametrize("output", ["", "null", "[]", "{}", "<html>"])
def test_a_tool_that_did_not_work_is_told_by_its_last_words(audit: ModuleType, output: str) -> None:
    code, lines = audit.report(output, "trying\nERROR: Max retries exceeded\n")
    assert (code, lines) == (2, ["not audited: pip-audit could not work: ERROR: Max retries exceeded"])


def test_the_worst_of_the_files_is_the_exit_code(
    audit: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tool is called for each; one that is not there is told."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!{sys.executable}\nimport json, sys\nname = sys.argv[-1]\nprint(json.dumps({{'dependencies': [{{'name': name, 'version': '1', 'vulns': [{{'id': 'X', 'fix_versions': []}}] if name == 'weak' else []}}]}}))\n")  # fmt: skip
    tool.chmod(0o700)
    assert audit.main(str(tool), ["fine", "weak"]) == 1
    assert capsys.readouterr().out.splitlines() == ["fine: 1 packages were audited; no vulnerability is known of any", "weak: weak 1: X; fixed in no version yet"]  # fmt: skip
    assert audit.main(str(tmp_path / "none"), ["fine"]) == 2
    assert capsys.readouterr().out == f"fine: not audited: {tmp_path / 'none'}: No such file or directory\n"
