"""Start-up time: `--help` of every program, and imports."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import Section, machine
from keras_vae.__main__ import PROGRAMS

LIMIT = 0.3  # Seconds.
ROOT = Path(__file__).parents[2]
IMPORTS = ("numpy", "keras_vae", "keras", "tensorflow", "torch", "pythae.models", "jax")


def run(rounds: int = 5) -> Section:
    """Measure the start-up of programs and imports.

    Args:
        rounds: Starts of each, in turn.
    """
    calls = {
        f"`keras-vae {name} --help`": ["-m", "keras_vae", *name.split(), "--help"]
        for name in PROGRAMS
    }
    calls |= {f"`import {name}`": ["-c", f"import {name}"] for name in IMPORTS}
    times: dict[str, list[float]] = {name: [] for name in calls}
    missing = set()
    for _ in range(rounds):
        for name, words in calls.items():
            seconds, code = time_process(words)
            times[name].append(seconds)
            if code:
                missing.add(name)
    rows = [
        [name, "not installed, or failed" if name in missing else _cell(times[name])]
        for name in calls
    ]
    slow = [
        name
        for name in calls
        if "--help" in name and name not in missing and statistics.median(times[name]) > LIMIT
    ]
    verdict = f"Over the limit: {', '.join(slow)}." if slow else "No program is over it."
    text = (
        f"Seconds of a whole process: median and range of {rounds} starts in turn. The limit for "
        f"`--help` is {LIMIT} s. {verdict} {machine()}"
    )
    return Section("Start-up", text, ["", "seconds"], rows)


def time_process(words: list[str]) -> tuple[float, int]:
    """Run one Python process and return its seconds and exit code."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return time.perf_counter() - begin, done.returncode


def _cell(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} [{min(times):.2f}-{max(times):.2f}]"
