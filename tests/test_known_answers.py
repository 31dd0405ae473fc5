"""The tests that docs/tests-with-known-answers.md names are there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "tests-with-known-answers.md"


def rows():
    """Number of a row to the tests it names, as (file, function)."""
    lines = re.findall(r"^\| (\d+) \|(.*)$", TABLE.read_text(), flags=re.MULTILINE)
    return {int(number): re.findall(r"`(test_\w+\.py)::(\w+)`", text) for number, text in lines}


def functions(file):
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_named_test_exists():
    named = {pair for tests in rows().values() for pair in tests}
    files = {file: functions(file) for file, _ in named}
    assert [f"{file}::{name}" for file, name in sorted(named) if name not in files[file]] == []


def test_at_least_25_of_the_29_points_are_covered():
    found = rows()
    assert sorted(found) == list(range(1, 30))
    assert sum(bool(tests) for tests in found.values()) >= 25
