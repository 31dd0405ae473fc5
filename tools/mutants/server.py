"""Tests of a mutated module in a fork of this process, which has TensorFlow imported and no op run.

The fork imports `keras_vae` anew, with the mutated module in place of its own. TensorFlow starts
its threads at the first op, so the process that forks must never run one.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import linecache
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tools.mutants import operators

ROOT = Path(__file__).parents[2]
# What tests import besides keras_vae, imported once for all forks.
HEAVY = ("tensorflow", "numpy", "pytest", "scipy.integrate", "scipy.special", "scipy.stats")
OPTIONS = ["-x", "-q", "--no-header", "--tb=no", "-rN", "-m", "not long"]
OPTIONS += ["-p", "no:cacheprovider", "-p", "no:xdist"]


def import_heavy() -> None:
    """Import what takes long, before the first fork."""
    for name in HEAVY:
        importlib.import_module(name)
    assert not any(name.partition(".")[0] == "keras_vae" for name in sys.modules)


def measure_tests(file: str, paths: Sequence[str]) -> dict[str, Any]:
    """Run the tests on the library as it is: {test: {"seconds": ..., "calls": [...]}}.

    Args:
        file: A file of tests.
        paths: The modules whose calls are noted, as "PATH FUNCTION".

    Raises:
        RuntimeError: If a test fails without a mutant.
    """
    trees = {path: operators.note_calls((ROOT / path).read_text()) for path in paths}
    found = run_in_fork(lambda: _measure(file, trees), 1800.0)
    if found is None or found["status"] != 0:
        raise RuntimeError(f"Expected tests that pass without a mutant. Received: {found}.")
    return found["tests"]


def kill(path: str, tree: ast.AST, order: Sequence[str], timeout: float) -> dict[str, Any]:
    """Run tests on a mutated module until one fails.

    Args:
        path: The module.
        tree: Its mutated tree.
        order: The tests, in the order in which they run.
        timeout: Seconds after which the mutant counts as killed.

    Returns:
        `status`: "killed", "timeout" or "survived", and `by`, the test that failed.
    """
    if not order:
        return {"status": "survived", "by": ""}
    found = run_in_fork(lambda: _try_to_kill(path, tree, order), timeout)
    if found is None:
        return {"status": "timeout", "by": ""}
    if found.get("status") == 0:
        return {"status": "survived", "by": ""}
    return {"status": "killed", "by": found.get("failed", "the process ended")}


def run_in_fork(work: Callable[[], dict[str, Any]], timeout: float) -> dict[str, Any] | None:
    """Return what `work` returns in a forked process; None if it takes more than `timeout` s.

    If the process ends without an answer, the answer is empty.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(work, writer)
    os.close(writer)
    try:
        return _read(reader, time.monotonic() + timeout)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _answer(work: Callable[[], dict[str, Any]], writer: int) -> NoReturn:
    """Write what `work` returns, in the forked process, and end it."""
    try:
        log = os.open(
            os.environ.get("MUTANTS_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND
        )
        for stream in (1, 2):
            os.dup2(log, stream)
        with os.fdopen(writer, "w") as answer:
            json.dump(work(), answer)
    finally:
        os._exit(0)


def _read(reader: int, end: float) -> dict[str, Any] | None:
    """Read an answer until the process closes its end; None if that takes too long."""
    parts: list[bytes] = []
    while select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
        if not (part := os.read(reader, 1 << 16)):
            return json.loads(b"".join(parts) or b"{}")
        parts.append(part)
    return None


def _measure(file: str, trees: Mapping[str, ast.AST]) -> dict[str, Any]:
    recorder = _Recorder()
    _Finder.install(trees, recorder.note)
    return {
        "status": _pytest([file], recorder),
        "tests": recorder.measurements(),
        "failed": recorder.failed,
    }


def _try_to_kill(path: str, tree: ast.AST, order: Sequence[str]) -> dict[str, Any]:
    _Finder.install({path: tree})
    plugin = _Order(order)
    files = dict.fromkeys(name.partition("::")[0] for name in order)
    return {"status": _pytest(list(files), plugin), "failed": plugin.failed}


def _pytest(files: Sequence[str], plugin: Any) -> int:
    import pytest

    os.chdir(ROOT)
    return int(pytest.main([*OPTIONS, *files], plugins=[plugin]))


class _Order:
    """A pytest plugin that runs some tests in an order and notes the first that fails."""

    def __init__(self, order: Sequence[str]) -> None:
        self.ranks = {name: rank for rank, name in enumerate(order)}
        self.failed = "collection"

    def pytest_collection_finish(self, session: Any) -> None:
        """Leave and sort the tests, after tests/conftest.py has sorted them."""
        items = [item for item in session.items if item.nodeid in self.ranks]
        session.items[:] = sorted(items, key=lambda item: self.ranks[item.nodeid])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a failure."""
        if report.failed:
            self.failed = report.nodeid


class _Recorder(_Order):
    """A pytest plugin that notes the seconds of each test and the functions that it calls.

    What the setup of a test calls may serve all tests of its file, and what is called before the
    first test serves all.
    """

    def __init__(self) -> None:
        super().__init__([])
        self.tests: dict[str, Any] = {}
        self.calls: set[str] = set()
        self.shared: dict[str, set[str]] = {"": self.calls}

    def note(self, call: str) -> None:
        """Note that a function is called."""
        self.calls.add(call)

    def pytest_collection_finish(self, session: Any) -> None:
        """Leave the order as it is."""

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin with a test."""
        self.calls = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the seconds and the calls of a phase."""
        super().pytest_runtest_logreport(report)
        test = self.tests.setdefault(report.nodeid, {"seconds": 0.0, "calls": []})
        test["seconds"] += report.duration
        if report.when == "setup":
            self.shared.setdefault(_file(report.nodeid), set()).update(self.calls)
        test["calls"] = sorted(self.calls.union(test["calls"]))

    def measurements(self) -> dict[str, Any]:
        """Return what was measured, by test."""
        for name, test in self.tests.items():
            test["calls"] = sorted({*test["calls"], *self.shared[""], *self.shared[_file(name)]})
        return self.tests


def _file(test: str) -> str:
    return test.partition("::")[0]


class _Finder(importlib.abc.MetaPathFinder):
    """A finder of modules whose trees are given."""

    def __init__(self, trees: Mapping[str, ast.AST], note: Callable[[str], None] | None) -> None:
        self.paths = {_name(path): path for path in trees}
        self.trees, self.note = trees, note

    @classmethod
    def install(
        cls, trees: Mapping[str, ast.AST], note: Callable[[str], None] | None = None
    ) -> None:
        """Let the modules of these files be imported from their trees, which may call `note`."""
        sys.path.insert(0, str(ROOT))
        sys.meta_path.insert(0, cls(trees, note))

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of one of the modules; None for all others."""
        if name not in self.paths:
            return None
        path = self.paths[name]
        loader = _TreeLoader(name, str(ROOT / path), self.trees[path])
        if self.note is not None:
            note = self.note
            loader.given = {"note_call": lambda call: note(f"{path} {call}")}
        return importlib.util.spec_from_file_location(name, ROOT / path, loader=loader)


class _TreeLoader(importlib.machinery.SourceFileLoader):
    """A loader that compiles a tree in place of the file."""

    def __init__(self, name: str, path: str, tree: ast.AST) -> None:
        super().__init__(name, path)
        self.tree = tree
        self.given: dict[str, Any] = {}

    def get_code(self, fullname: str) -> Any:
        """Return the code of the tree, and show its text to those who read the source of a module.

        TensorFlow compiles the source of functions, not their code: it would compile the file. It
        reads files again, so the name is that of no file.
        """
        text, name = ast.unparse(self.tree) + "\n", f"{self.path} (mutant)"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        return compile(text, name, "exec")

    def exec_module(self, module: ModuleType) -> None:
        """Run the code, with the names that it is given."""
        vars(module).update(self.given)
        super().exec_module(module)


def _name(path: str) -> str:
    parts = list(Path(path).with_suffix("").parts)
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] == "keras_vae" else ["keras_vae", *parts])
