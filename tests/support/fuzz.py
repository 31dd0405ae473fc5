"""Fuzz the configurations of models: python -m tests.support.fuzz [--cases 2000] [--seed 0].

Each configuration of tests/support/configurations.py must either train one step and answer the
same after save and load, or raise a documented error. What does neither is printed, with the
smallest configuration that does it; exit code 1 if there is any.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import keras
import numpy as np
from hypothesis import HealthCheck

from tests.support.configurations import Configuration, configurations
from tests.support.models import FAST, array, event, values

QUIET: Any = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
}
Place = tuple[str, str, int]


def try_out(case: Configuration) -> str:
    """What became of a configuration: "works" or "refused"; any other exception comes out."""
    before = keras.config.dtype_policy()
    try:
        model = case.construct()
        x = case.data(model)
        model.compile(case.optimizer, **FAST)
        weights = case.sample_weights()
        y = None if weights is None else event(x)
        model.fit(x, y, sample_weight=weights, batch_size=case.rows, verbose=0)
        assert int(array(model.steps)) == 1
        assert_reloads(model, x)
    except (ValueError, TypeError) as error:
        if not is_documented(error):
            raise
        return "refused"
    finally:
        keras.config.set_dtype_policy(before)
    return "works"


def is_documented(error: Exception) -> bool:
    """Whether an error has the form that the library promises."""
    return "Expected" in str(error) and "Received" in str(error)


def assert_reloads(model: Any, x: Any) -> None:
    """A saved model has the same numbers and gives the same answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
    for verb in ("reconstruct", "encode", "score"):
        assert_same(*(array(getattr(each, verb)(x)) for each in (model, loaded)))
    for one, other in zip(values(model.variables), values(loaded.variables), strict=True):
        assert_same(one, other)


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal numbers; NaN is equal to NaN, of which NumPy's bfloat16 knows nothing."""
    np.testing.assert_array_equal(one.astype("float64"), other.astype("float64"))


class Fuzz:
    """Tries configurations until there are no more to try; finds each kind of failure once."""

    def __init__(self, cases: int, seed: int) -> None:
        self.cases, self.seed = cases, seed
        self.counts: Counter[str] = Counter()
        self.found: dict[Place, str] = {}
        self.last: tuple[Place, str] | None = None
        self.shrinking = False
        self.begin = time.monotonic()

    def run(self) -> None:
        """Hypothesis stops at a failure and makes it small; go on with another seed."""
        while (left := self.cases - self.counts.total()) > 0:
            self.shrinking, self.last = False, None
            options = hypothesis.settings(max_examples=left, **QUIET)
            seeded = hypothesis.seed(self.seed + len(self.found))
            try:
                seeded(options(hypothesis.given(configurations())(self.one)))()
            except Exception:
                if self.last is None:
                    raise
                place, text = self.last
                self.found[place] = text
                print(f"\n{text}", flush=True)

    def one(self, case: Configuration) -> None:
        """Try one out; a failure that was found before is counted and passed over."""
        try:
            outcome = try_out(case)
        except Exception as error:
            outcome, place = "failed", _place(error)
            if place not in self.found and (self.last is None or self.last[0] == place):
                # The last that Hypothesis tries is the smallest.
                self.last = place, f"{type(error).__name__}: {error}\n  at {place}\n  {case}"
                self._count(outcome)
                self.shrinking = True
                raise
        self._count(outcome)

    def _count(self, outcome: str) -> None:
        if not self.shrinking:
            self.counts[outcome] += 1
            self._show()

    def _show(self) -> None:
        done, seconds = self.counts.total(), time.monotonic() - self.begin
        if done % 10 and done < self.cases:
            return
        bar = "#" * (30 * done // self.cases)
        parts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        line = f"[{bar:<30}] {done}/{self.cases} {seconds:,.0f} s: {parts}"
        print(f"\r{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True, end="")
        print(end="" if sys.stderr.isatty() else "\n", file=sys.stderr)


def _place(error: Exception) -> Place:
    """What tells one failure from another: its type and the last line of ours."""
    root = str(Path(__file__).parents[2])
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(root)]
    frames = [f for f in frames if "site-packages" not in f.filename and f.lineno]
    last = frames[-1]
    return type(error).__name__, str(Path(last.filename).relative_to(root)), last.lineno or 0


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    fuzz = Fuzz(options.cases, options.seed)
    fuzz.run()
    counts = ", ".join(f"{count} {what}" for what, count in sorted(fuzz.counts.items()))
    print(f"{fuzz.counts.total()} configurations: {counts}; undocumented errors: {len(fuzz.found)}")
    return 1 if fuzz.found else 0


if __name__ == "__main__":
    sys.exit(main())
