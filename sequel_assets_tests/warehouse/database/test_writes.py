"""Every write of the package can be done once more, by its source."""

from __future__ import annotations

import ast

from sequel_assets_tests.support.paths import PACKAGE

RECEIVING = {"webhooks/receiver/batch_writer.py"}
"""It tells Sequel to send again instead."""


def test_every_write_of_the_package_can_be_done_again() -> None:
    """`Warehouse.write` stands within a function marked `@repeats` or `@repeats_if_undone`, or it is `Warehouse.change`."""
    bare = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if name in RECEIVING or name == "warehouse/database/engine.py" or name.startswith("sandbox/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        marked: set[int] = set()
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                marks = {ast.unparse(mark) for mark in function.decorator_list}
                if marks & {"repeats", "repeats_if_undone"}:
                    marked |= {id(node) for node in ast.walk(function)}
        bare += [
            f"{name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "write"
            and "warehouse" in ast.unparse(node.func.value)
            and id(node) not in marked
        ]
    assert bare == [], (
        "mark the function @repeats, or use Warehouse.change (sequel_assets/warehouse/database/transactions.py)"
    )


def test_no_connection_is_changed_for_longer_than_a_transaction() -> None:
    """Behind a pooler another client has it next: no SET for a session, no lock of a session, nothing held or listened to."""
    forbidden = (
        "pg_advisory_lock",
        "pg_try_advisory_lock(",
        "SET SESSION",
        "LISTEN ",
        "WITH HOLD",
        "CREATE TEMP",
        "PREPARE ",
    )
    found = [
        (str(path.relative_to(PACKAGE)), word)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in forbidden
        if word in node.value
    ]
    assert found == []
