"""The results of trainings in a file, and tables of them."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.defaults import plan
from benchmarks.defaults.trial import Trial, mean_image_psnr, run
from benchmarks.report import Section, machine

HEADER = ("data", "steps", "candidate", "seeds")
COLUMNS = {"psnr": "PSNR, dB", "elbo": "ELBO, nats", "ms": "CPU ms a step"}
COLUMNS_OF = {"explosions": {"largest": "largest mean loss, nats"}}
PLAIN = Trial()


class Results:
    """Results by training, in a file of one JSON object a line.

    Args:
        path: The file. It need not exist.
        train: From a training to its results.
    """

    def __init__(self, path: Path, train: Callable[[Trial], dict[str, float]] = run) -> None:
        self.path, self.train = path, train
        lines = path.read_text().splitlines() if path.is_file() else []
        read = [json.loads(line) for line in lines]
        self.found = {Trial(**entry["trial"]): entry["found"] for entry in read}

    def measure(self, trial: Trial) -> None:
        """Train, unless the file has the result."""
        if trial in self.found:
            return
        self.found[trial] = self.train(trial)
        entry = {"trial": dataclasses.asdict(trial), "found": self.found[trial]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            print(json.dumps(entry), file=file)
        print(describe(trial), {k: round(v, 2) for k, v in entry["found"].items()}, flush=True)

    def section(self, name: str) -> Section:
        """Return the table of a pass, with the trainings of it that are in the file."""
        trials, columns = plan.PASSES[name], COLUMNS_OF.get(name, COLUMNS)
        text = f"`python -m benchmarks.defaults {name}`. {machine()} {_baselines(trials)}"
        rows = list(self._rows(trials, list(columns)))
        return Section(f"The {name} pass", text, (*HEADER, *columns.values()), rows)

    def _rows(self, trials: list[Trial], keys: list[str]) -> Iterator[list[str]]:
        """Yield a row for each candidate, over its seeds, in the order of the plan."""
        for one in dict.fromkeys(dataclasses.replace(trial, seed=0) for trial in trials):
            every = [t for t in trials if dataclasses.replace(t, seed=0) == one and t in self.found]
            if every:
                results = [self.found[trial] for trial in every]
                parts = [_spread([r[key] for r in results]) for key in keys]
                yield [one.data, str(one.steps), describe(one), str(len(every)), *parts]


def _baselines(trials: list[Trial]) -> str:
    """Return a sentence with the PSNR of the mean training image of each data set."""
    names = dict.fromkeys(trial.data for trial in trials)
    found = [f"{name} {mean_image_psnr(name):.1f} dB" for name in names]
    return f"PSNR of the mean training image: {', '.join(found)}."


def describe(trial: Trial) -> str:
    """Return the choices of a trial that differ from those of before, as text."""
    fields = [f.name for f in dataclasses.fields(trial) if f.name not in ("data", "steps", "seed")]
    chosen = [(name, getattr(trial, name)) for name in fields]
    text = [f"{n} {v}" for n, v in chosen if v != getattr(PLAIN, n) and n != "activation"]
    return ", ".join([trial.activation, *text])


def _spread(values: list[float]) -> str:
    """Return mean and range."""
    if len(values) == 1:
        return f"{values[0]:,.1f}"
    return f"{np.mean(values):,.1f} [{min(values):,.1f}, {max(values):,.1f}]"
