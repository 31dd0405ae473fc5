"""Start-up: `--help` of every program, imports, the first training step, memory of a training."""

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.child import MEGABYTE
from benchmarks.paired import busy_seconds, spread
from benchmarks.report import NOISY, Section, machine
from keras_vae.__main__ import PROGRAMS

LIMIT = 0.3  # Seconds of processor time.
ROOT = Path(__file__).parents[2]
IMPORTS = ("numpy", "keras_vae", "keras", "tensorflow", "torch", "pythae.models", "jax")
RECIPES = ("conv_vae_digits", "conv_vae_fashion_mnist")  # Those of `keras-vae demo`.


@dataclasses.dataclass(frozen=True)
class Start:
    """One run of a process.

    Attributes:
        seconds: Wall time.
        cpu: Processor time in seconds, of its children too.
        memory: Peak memory in MB.
        status: The exit status.
        foreign: The number of processors that other programs kept busy meanwhile.
    """

    seconds: float
    cpu: float
    memory: float
    status: int
    foreign: float = 0.0


def run(rounds: int = 5) -> Section:
    """Measure the start-up of programs, imports and trainings.

    Args:
        rounds: Starts of each, in turn.
    """
    names = [*_calls(Path())]
    found: dict[str, list[Start]] = {name: [] for name in names}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, words in _calls(Path(folder)).items():
                found[name].append(time_process(words))
    text = (
        f"Whole processes: median and range of {rounds} starts in turn. The limit for `--help` is "
        f"{LIMIT} s of processor time. {_over_limit(found)} A first step ends with the first "
        "execution of steps: 24 steps of 64 digits, 67 steps of 128 images of Fashion-MNIST. Whole "
        f"trainings have one epoch here. {_noise(found)} {machine()}"
    )
    header = ["", "seconds", "CPU seconds", "peak MB"]
    return Section("Start-up", text, header, [_row(name, found[name]) for name in names])


def _calls(folder: Path) -> dict[str, list[str]]:
    """Return the name and the words of each call; trainings write into `folder`."""
    calls = {
        f"`keras-vae {name} --help`": ["-m", "keras_vae", *name.split(), "--help"]
        for name in PROGRAMS
    }
    calls |= {f"`import {name}`": ["-c", f"import {name}"] for name in IMPORTS}
    for recipe in RECIPES:
        first, whole = (["--out", str(folder / f"{kind}-{recipe}")] for kind in ("first", "whole"))
        calls[f"`keras-vae train {recipe}`, first step"] = [
            *("-m", "benchmarks.first_step", recipe),
            *first,
        ]
        calls[f"`keras-vae train {recipe} --epochs 1`"] = [
            *("-m", "keras_vae", "train", recipe, "--epochs", "1"),
            *whole,
        ]
    return calls


def time_process(words: list[str]) -> Start:
    """Run one Python process and return its times, memory and exit status."""
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    with open(os.devnull, "w") as sink:
        begin, busy = time.perf_counter(), busy_seconds()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, stdout=sink, stderr=sink
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds, busy = time.perf_counter() - begin, busy_seconds() - busy
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / MEGABYTE
    return Start(seconds, cpu, memory, process.returncode, max(0.0, (busy - cpu) / seconds))


def _over_limit(found: dict[str, list[Start]]) -> str:
    slow = [
        name
        for name, starts in found.items()
        if "--help" in name and statistics.median(start.cpu for start in starts) > LIMIT
    ]
    return f"Over the limit: {', '.join(slow)}." if slow else "No program is over it."


def _noise(found: dict[str, list[Start]]) -> str:
    """Return a sentence about other load on the machine."""
    busy = max(statistics.median(start.foreign for start in starts) for starts in found.values())
    if busy <= NOISY:
        return "The machine did nothing else."
    return (
        f"**The machine was not quiet**: others kept up to {busy:.1f} processors busy (median of a "
        "row). So seconds are too long, and CPU seconds a little."
    )


def _row(name: str, starts: list[Start]) -> list[str]:
    if any(start.status for start in starts):
        return [name, "not installed, or failed", "", ""]
    numbers: list[tuple[Callable[[Start], float], int]] = [
        (lambda start: start.seconds, 2),
        (lambda start: start.cpu, 2),
        (lambda start: start.memory, 0),
    ]
    return [name, *(spread([get(start) for start in starts], digits) for get, digits in numbers)]
