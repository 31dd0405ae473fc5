"""Comparison of warm child processes, timed in turn A B C, C B A, so that drift cancels."""

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.errors import UnavailableError

PAUSE = 0.3  # Seconds in which the threads of the last unit go to sleep.
PEERS = "benchmarks.peers"


@dataclasses.dataclass(frozen=True)
class Peer:
    """One row of a table.

    Attributes:
        name: The name of the row.
        place: `module:function` in `benchmarks.peers` that prepares it.
        options: The options of that function.
        environment: Environment variables of its process, in addition to those of this one.
        amount: Examples of one unit, if they differ from those of the others.
    """

    name: str
    place: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    amount: int | None = None


@dataclasses.dataclass
class Measurement:
    """The measured units of a peer, or the reason why it has none.

    Attributes:
        peer: The peer.
        missing: The name of a package that is not installed, or None.
        units: For each round `seconds`, `cpu`, `value`, `memory` and `foreign`, the number of
            processors that other programs kept busy meanwhile.
        failure: The reason why it failed, or None.
    """

    peer: Peer
    missing: str | None = None
    units: list[dict[str, float]] = dataclasses.field(default_factory=list)
    failure: str | None = None

    @property
    def can_run(self) -> bool:
        """True if nothing is missing and nothing failed."""
        return self.missing is None and self.failure is None

    def middle(self, key: str) -> float:
        """Return the median of the rounds."""
        return statistics.median(unit[key] for unit in self.units)

    def rate(self, amount: int) -> float:
        """Return examples per second, the median of the rounds."""
        return (self.peer.amount or amount) / self.middle("seconds")


def ratios(of: Measurement, to: Measurement, amount: int, key: str = "seconds") -> list[float]:
    """Return the speed of `of` relative to `to` in each round."""
    scale = (of.peer.amount or amount) / (to.peer.amount or amount)
    return [scale * b[key] / a[key] for a, b in zip(of.units, to.units, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return median and range as text."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} [{low:.{digits}f}-{high:.{digits}f}]"


def measure(
    peers: Sequence[Peer], rounds: int, log: Callable[[str], Any] = print
) -> list[Measurement]:
    """Start all peers, then time one unit of each in turn, forwards and backwards.

    Args:
        peers: The rows.
        rounds: Units of each.
        log: A function that is called with one sentence per step.

    Returns:
        A measurement for each peer, in the same order, with the reason if it could not run.
    """
    found = [Measurement(peer) for peer in peers]
    with contextlib.ExitStack() as stack:
        running = []
        for measured in found:
            child = stack.enter_context(_start(measured.peer))
            answer = child.answer()
            measured.missing, measured.failure = answer.get("missing"), answer.get("failed")
            ready = f"ready after {answer.get('ready')} s"
            log(f"{measured.peer.name}: {measured.missing or measured.failure or ready}")
            if measured.can_run:
                running.append((child, measured))
        for number in range(rounds):
            for child, measured in running if number % 2 == 0 else running[::-1]:
                measured.units.append(child.unit())
            log(f"round {number + 1} of {rounds}")
    return found


class _Child:
    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process, self.log = process, log

    def answer(self) -> dict[str, Any]:
        """Return the next line of the child, or the last line of its standard error."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        said = self.log.read_text(errors="replace").strip().splitlines()
        return {"failed": f"failed: {said[-1] if said else 'without a word'}"}

    def unit(self) -> dict[str, float]:
        """Run one unit in the child."""
        assert self.process.stdin is not None
        time.sleep(PAUSE)
        begin, busy = time.perf_counter(), busy_seconds()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        unit = self.answer()
        if "failed" in unit:
            raise UnavailableError(f"Expected a peer that goes on. Received: {unit['failed']}")
        wall = time.perf_counter() - begin
        return unit | {"foreign": max(0.0, (busy_seconds() - busy - unit["cpu"]) / wall)}


@contextlib.contextmanager
def _start(peer: Peer) -> Iterator[_Child]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with open(log, "w") as errors:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.child",
                    f"{PEERS}.{peer.place}",
                    json.dumps(dict(peer.options)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=folder,  # Some peers write files into the working directory.
                env=_environment(peer),
            )
        try:
            yield _Child(process, log)
        finally:
            process.kill()
            process.communicate()


def _environment(peer: Peer) -> dict[str, str]:
    """Return this process's environment without the choice of a backend, with the peer's."""
    root = str(Path(__file__).parents[1])
    chosen = {"KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS"}
    kept = {name: value for name, value in os.environ.items() if name not in chosen}
    return {
        **kept,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        **peer.environment,
    }


def busy_seconds() -> float:
    """Return processor seconds of the whole machine since its start; 0 where unknown."""
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    ticks = [int(value) for value in first]
    idle = ticks[3] + ticks[4]
    return (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK")
