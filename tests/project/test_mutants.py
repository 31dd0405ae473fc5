"""The mutation run: which faults it makes, which tests it runs, and what it remembers."""

import ast
import importlib.util
import inspect
import json
import linecache
from collections import Counter
from pathlib import Path

import pytest

from tools.mutants import __main__ as program
from tools.mutants import operators, server, targets
from tools.mutants.__main__ import Records, order_tests
from tools.mutants.operators import Mutant
from tools.mutants.survivors import REASONS

ROOT = Path(__file__).parents[2]

SOURCE = '''
"""Text."""
LIMIT: float = 2.0

@decorated(1)
def f(x: "a" = 3, *, y=True) -> int:
    """Text of 1."""
    if x < LIMIT and not y:
        raise ValueError(f"Expected {x + 1}" + "2")
    self.a = -x
    g(x, axis=1)
    return ops.exp(x) if y else max(x, 0)

def words(x) -> str:
    return x + 1
'''


def changes(source):
    """Every change of a source, as `before -> after`."""
    found = set()
    for index, (node, _) in enumerate(operators.walk(ast.parse(source))):
        for variant, _ in enumerate(operators.alternatives(node)):
            tree = operators.mutate(source, Mutant("a.py", index, variant, "", ""))
            compile(tree, "a.py", "exec")
            before, after = (ast.unparse(t).splitlines() for t in (ast.parse(source), tree))
            lines = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
            assert len(lines) == 1, lines
            found.add(" -> ".join(line.strip() for line in lines[0]))
    return found


def test_each_change_is_one_small_fault_in_code_and_none_in_text():
    found = changes(SOURCE)
    assert {
        "LIMIT: float = 2.0 -> LIMIT: float = 3.0",
        "LIMIT: float = 2.0 -> LIMIT: float = 4.0",
        "if x < LIMIT and (not y): -> if x <= LIMIT and (not y):",
        "if x < LIMIT and (not y): -> if x > LIMIT and (not y):",
        "if x < LIMIT and (not y): -> if x < LIMIT or not y:",
        "if x < LIMIT and (not y): -> if x < LIMIT and y:",
        "if x < LIMIT and (not y): -> if not (x < LIMIT and (not y)):",
        "self.a = -x -> pass",
        "self.a = -x -> self.a = x",
        "g(x, axis=1) -> pass",
        "g(x, axis=1) -> g(x)",
        "g(x, axis=1) -> g(x, axis=2)",
        "return ops.exp(x) if y else max(x, 0) -> return ops.exp(x) if not y else max(x, 0)",
        "return ops.exp(x) if y else max(x, 0) -> return ops.expm1(x) if y else max(x, 0)",
        "return ops.exp(x) if y else max(x, 0) -> return x if y else max(x, 0)",
        "return ops.exp(x) if y else max(x, 0) -> return ops.exp(x) if y else min(x, 0)",
        "return ops.exp(x) if y else max(x, 0) -> return ops.exp(x) if y else max(x, 1)",
    } <= found
    assert not any("Text" in one or "Expected" in one or "decorated" in one for one in found)
    assert "return x + 1 -> return x - 1" not in found


def test_there_is_one_mutant_a_place_which_the_seed_chooses():
    mutants = operators.find_mutants("a.py", SOURCE, seed=0)
    assert len({m.node for m in mutants}) == len(mutants) == len({m.label for m in mutants})
    assert mutants == operators.find_mutants("a.py", SOURCE, seed=0)
    assert mutants != operators.find_mutants("a.py", SOURCE, seed=1)
    assert {m.function for m in mutants} == {"", "f"}


def test_functions_note_that_they_are_called():
    source = (
        "class A:\n    def f(self):\n        'Text.'\n        return g()\n\ndef g():\n    return 1"
    )
    calls = []
    space = {"note_call": calls.append}
    exec(compile(operators.note_calls(source), "a.py", "exec"), space)
    assert space["A"]().f() == 1 and space["A"].f.__doc__ == "Text."
    assert calls == ["A.f", "g"]


def test_a_fork_answers_is_stopped_or_has_ended():
    assert server.run_in_fork(lambda: {"a": 1}, 20.0) == {"a": 1}
    assert server.run_in_fork(lambda: {}[0], 20.0) == {}

    def never():
        while True:
            pass

    assert server.run_in_fork(never, 0.2) is None


def test_the_source_of_a_mutated_module_is_that_of_its_mutant(tmp_path):
    """TensorFlow compiles the source of a function."""
    file = tmp_path / "of_a_mutant.py"
    file.write_text("# A comment.\n\n\ndef f(x):\n    return x + 1\n")
    tree = ast.parse(file.read_text().replace("+", "-"))
    loader = server._TreeLoader(file.stem, str(file), tree)
    spec = importlib.util.spec_from_file_location(file.stem, file, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    linecache.updatecache(str(file), vars(module))  # TensorFlow reads the file again.
    assert module.f(3) == 2
    assert inspect.getsource(module.f) == "def f(x):\n    return x - 1\n"


TESTS = {
    "b.py::slow": {"seconds": 9.0, "calls": ["a.py f"]},
    "b.py::fast": {"seconds": 2.0, "calls": ["a.py f"]},
    "c.py::other": {"seconds": 0.1, "calls": ["a.py g"]},
    "c.py::both": {"seconds": 1.0, "calls": ["a.py f", "a.py g"]},
}


def test_the_tests_that_call_the_function_run_the_fastest_first():
    def order(function):
        return order_tests(TESTS, Mutant("a.py", 0, 0, function, ""))

    assert order("f") == ["c.py::both", "b.py::fast", "b.py::slow"]
    # In a module or a class anything may be a fault.
    assert order("") == ["c.py::other", "c.py::both", "b.py::fast", "b.py::slow"]


def test_a_kill_is_remembered_and_a_survivor_until_its_tests_change(tmp_path):
    path = tmp_path / "results" / "a.jsonl"
    records = Records(path, fresh=False)
    records.add("one", "before", {"status": "killed"})
    records.add("two", "before", {"status": "survived"})
    again = Records(path, fresh=False)
    assert again.find("one", "after")["status"] == "killed"
    assert again.find("two", "before")["status"] == "survived"
    assert again.find("two", "after") is None and again.find("three", "before") is None
    assert len(path.read_text().splitlines()) == 2
    assert json.loads(path.read_text().splitlines()[0])["key"] == "one"
    assert Records(path, fresh=True).find("one", "after") is None


@pytest.fixture(scope="module")
def chosen():
    return program.choose(targets.TARGETS, program.COUNT, seed=0)


def test_modules_and_tests_exist_and_every_module_has_mutants(chosen):
    for target in targets.TARGETS:
        assert all((program.ROOT / file).is_file() for file in (*target.paths, *target.tests))
    assert {m.path for _, m in chosen} == {path for t in targets.TARGETS for path in t.paths}
    few = program.choose(targets.TARGETS, 60, seed=0)
    assert len(chosen) == program.COUNT and set(few) <= set(chosen)


def test_a_module_with_a_larger_share_has_as_many_times_more(chosen):
    counts = Counter(mutant.path for _, mutant in chosen)
    wanted = {path: 5 * target.share for target in targets.TARGETS for path in target.paths}
    assert counts == wanted and max(wanted.values()) == 15


@pytest.mark.parametrize("label", REASONS)
def test_a_reason_is_of_code_that_there_is(label):
    """Which mutant of a place is tried changes with the module; the place must exist."""
    path, function, change = label.split(": ", 2)
    source = ast.parse((ROOT / path).read_text())
    names = [node.name for node in ast.walk(source) if isinstance(node, ast.FunctionDef)]
    assert function.rpartition(".")[2] in (*names, "module")
    assert change.split("` -> `")[0].removeprefix("`") in ast.unparse(source)
    assert REASONS[label]
