"""The tests that `make chaos` runs exist."""

import ast
from pathlib import Path

import pytest

from tests.support.chaos import BAD_INPUT, DAMAGE

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("named", [*DAMAGE, *BAD_INPUT])
def test_what_make_chaos_runs_exists(named):
    path, _, name = named.partition("::")
    found = {getattr(node, "name", "") for node in ast.parse((ROOT / path).read_text()).body}
    assert not name or name in found


def test_all_tables_of_bad_input_are_run():
    assert len(BAD_INPUT) >= 12
