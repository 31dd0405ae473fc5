"""The mutation run: python -m tools.mutants [--count 305] [--only PATH] [--page PAGE]."""

import argparse
import dataclasses
import hashlib
import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.mutants import operators, server
from tools.mutants.operators import Mutant
from tools.mutants.survivors import REASONS
from tools.mutants.targets import TARGETS, Target

ROOT = server.ROOT
FOLDER = ROOT / "build" / "mutants"
# Five of each module, times its share.
COUNT = 305
# Smallest fraction of mutants that must be killed.
KILLED = 0.95
# A mutant that takes more seconds than this, and than this many times its tests, is killed.
SECONDS, TIMES = 60.0, 3.0
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"


def choose(targets: tuple[Target, ...], count: int, seed: int) -> list[tuple[Target, Mutant]]:
    """Choose mutants in turn from all modules, and sort them by module.

    A smaller number gives a part of what a larger one gives.
    """
    queues = []
    for path, target in sorted({path: each for each in targets for path in each.paths}.items()):
        mutants = operators.find_mutants(path, (ROOT / path).read_text(), seed)
        random.Random(f"{seed} {path}").shuffle(mutants)
        for part in range(target.share):
            queues.append([(target, mutant) for mutant in mutants[part :: target.share]])
    turns = itertools.chain.from_iterable(itertools.zip_longest(*queues))
    chosen = list(itertools.islice((each for each in turns if each is not None), count))
    return sorted(chosen, key=lambda each: (targets.index(each[0]), each[1].path))


class Records:
    """The results of earlier runs, in a file to which each new one is added at once.

    A killed mutant stays killed while its module is the same: tests are added, and one that is
    taken away needs `--fresh`. A survivor is tried again when its tests have changed.
    """

    def __init__(self, path: Path, fresh: bool) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {each["key"]: each for each in map(json.loads, lines)}

    def find(self, key: str, state: str) -> dict[str, Any] | None:
        """Return a record that holds for this state of the tests, or None."""
        found = self.known.get(key)
        killed = found is not None and found.get("status") in ("killed", "timeout")
        return found if found and (killed or found["state"] == state) else None

    def add(self, key: str, state: str, record: dict[str, Any]) -> dict[str, Any]:
        """Keep a record."""
        self.known[key] = {"key": key, "state": state, **record}
        with self.path.open("a") as file:
            file.write(json.dumps(self.known[key]) + "\n")
        return self.known[key]


class Run:
    """A mutation run.

    Args:
        chosen: The mutants, each with its target.
        fresh: Forget what earlier runs found.
    """

    def __init__(self, chosen: list[tuple[Target, Mutant]], fresh: bool) -> None:
        self.chosen = chosen
        self.records = Records(FOLDER / "results.jsonl", fresh)
        self.baselines = Records(FOLDER / "baselines.jsonl", fresh)
        self.found: dict[Mutant, dict[str, Any]] = {}
        self.spent: list[float] = []

    def run(self) -> None:
        """Try to kill all mutants."""
        for target, mutant in self.chosen:
            key = f"{mutant.label} {_digest(mutant.path)}"
            state = _digest(*target.tests)
            known = self.records.find(key, state)
            if known is None:
                self._baseline(target)  # Its time is not that of this mutant.
                begin = time.monotonic()
                known = self.records.add(key, state, self._kill(target, mutant))
                self.spent.append(time.monotonic() - begin)
            self.found[mutant] = known
            self._show(mutant, known)

    def _kill(self, target: Target, mutant: Mutant) -> dict[str, Any]:
        tests = self._baseline(target)
        order = order_tests(tests, mutant)
        timeout = max(SECONDS, TIMES * sum(tests[name]["seconds"] for name in order))
        tree = operators.mutate((ROOT / mutant.path).read_text(), mutant)
        return server.kill(mutant.path, tree, order, timeout)

    def _baseline(self, target: Target) -> dict[str, Any]:
        """Return the seconds and calls of the tests, which pass without a mutant."""
        tests: dict[str, Any] = {}
        for file in target.tests:
            key, state = " ".join([*target.paths, file]), _digest(*target.paths, file)
            known = self.baselines.find(key, state)
            if known is None:
                print(f"measure {file}", file=sys.stderr, flush=True)
                found = server.measure_tests(file, target.paths)
                known = self.baselines.add(key, state, {"tests": found})
            tests |= known["tests"]
        return tests

    def _show(self, mutant: Mutant, record: dict[str, Any]) -> None:
        done, total = len(self.found), len(self.chosen)
        left = (total - done) * (sum(self.spent) / len(self.spent) if self.spent else 0.0)
        bar = "#" * (20 * done // total)
        line = f"[{bar:<20}] {done}/{total} {self.rate():.1%} killed, {left / 60:.0f} min left: "
        print(f"{line}{record['status']:8} {mutant.label}", file=sys.stderr, flush=True)

    def rate(self) -> float:
        """Return the fraction of killed mutants among those that were tried."""
        return 1.0 - len(self.survivors()) / max(len(self.found), 1)

    def survivors(self) -> list[Mutant]:
        """Return the mutants that no test noticed."""
        return [m for m, record in self.found.items() if record["status"] == "survived"]


def order_tests(tests: dict[str, Any], mutant: Mutant) -> list[str]:
    """Return the tests that call the mutated function, the fastest first.

    For a mutant outside of functions these are all tests.
    """
    call = f"{mutant.path} {mutant.function}"
    is_function = any(call in test["calls"] for test in tests.values())
    chosen = [name for name, test in tests.items() if not is_function or call in test["calls"]]
    fastest: dict[str, float] = {}
    for name in chosen:
        file, seconds = name.partition("::")[0], tests[name]["seconds"]
        fastest[file] = min(fastest.get(file, seconds), seconds)

    def rank(name: str) -> tuple[float, str, float]:
        # Files stay together: their fixtures are shared.
        file = name.partition("::")[0]
        return fastest[file], file, tests[name]["seconds"]

    return sorted(chosen, key=rank)


def _digest(*paths: str) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()[:16]


def report(run: Run) -> Iterator[str]:
    """Yield the lines of the report: a table of packages, then the survivors with reasons."""
    survived = set(run.survivors())
    by_package: dict[str, Counter[str]] = {}
    for mutant, record in run.found.items():
        package = mutant.path.rpartition("/")[0]
        by_package.setdefault(package, Counter())[record["status"]] += 1
    yield "| package | mutants | killed | of these by timeout | survived |"
    yield "|---|---|---|---|---|"
    for package, counts in [*by_package.items(), ("all", sum(by_package.values(), Counter()))]:
        killed = counts["killed"] + counts["timeout"]
        numbers = (counts.total(), killed, counts["timeout"], counts["survived"])
        yield f"| {package} | {' | '.join(map(str, numbers))} |"
    yield ""
    date = time.strftime("%-d %B %Y")
    yield f"{run.rate():.1%} of {len(run.found)} mutants are killed (`make mutants`, {date})."
    if survived:
        yield from ("", "| survivor | reason |", "|---|---|")
    for mutant in sorted(survived, key=lambda mutant: mutant.label):
        yield f"| {mutant.label.replace('|', chr(92) + '|')} | {REASONS.get(mutant.label, '')} |"


def write_page(page: Path, lines: list[str]) -> None:
    """Replace the section of a page between the two comments."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    text = "\n".join(lines)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> int:
    """Run the program; the status is 1 if too few mutants are killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=COUNT, help="number of mutants")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice")
    parser.add_argument("--only", default="", help="only modules whose path begins so")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--page", type=Path, help="write the report to this page")
    options = parser.parse_args()
    targets = tuple(
        dataclasses.replace(target, paths=paths)
        for target in TARGETS
        if (paths := tuple(path for path in target.paths if path.startswith(options.only)))
    )
    server.import_heavy()
    run = Run(choose(targets, options.count, options.seed), options.fresh)
    run.run()
    lines = list(report(run))
    print("\n".join(lines))
    if options.page is not None:
        write_page(options.page, lines)
    return 0 if run.rate() >= KILLED else 1


if __name__ == "__main__":
    sys.exit(main())
