"""The tests that pages of docs name are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEV = ROOT / "docs" / "dev"
FILES = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}
KNOWN_ANSWERS, COMPLAINTS = "known-answers.md", "user-needs.md"


def rows(page):
    """Number of a row to the tests it names, as (file, function)."""
    text = (DEV / page).read_text()
    lines = re.findall(r"^\| (\d+) \|(.*)$", text, flags=re.MULTILINE)
    return {int(number): re.findall(r"`(test_\w+\.py)::(\w+)`", text) for number, text in lines}


def functions(file):
    tree = ast.parse(FILES[file].read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", [KNOWN_ANSWERS, COMPLAINTS])
def test_every_named_test_exists(page):
    named = {pair for tests in rows(page).values() for pair in tests}
    files = {file: functions(file) for file, _ in named}
    assert [f"{file}::{name}" for file, name in sorted(named) if name not in files[file]] == []


def test_at_least_25_of_the_29_points_are_covered():
    found = rows(KNOWN_ANSWERS)
    assert sorted(found) == list(range(1, 30))
    assert sum(bool(tests) for tests in found.values()) >= 25


def test_every_complaint_has_a_test():
    found = rows(COMPLAINTS)
    assert sorted(found) == list(range(1, 26)) and all(found.values())
