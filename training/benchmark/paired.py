"""Peers in child processes, each warm, timed in turn A B C, C B A, so that drift cancels."""

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

PAUSE = 0.3  # Seconds, in which the threads of the last unit go to sleep.
PEERS = "training.benchmark.peers"


@dataclasses.dataclass(frozen=True)
class Peer:
    """One row of a table.

    Attributes:
        name: What the row is called.
        place: `module:function` in `training.benchmark.peers` that prepares it.
        options: Of that function.
        environment: Variables of its process, over those of this one.
        amount: Examples of one unit, where they are not those of the others.
    """

    name: str
    place: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    amount: int | None = None


@dataclasses.dataclass
class Measured:
    """What was found of a peer.

    Attributes:
        peer: Which.
        why_not: What is not installed, or how it failed; None if it ran.
        units: Of each round `seconds`, `cpu`, `value`, `memory` and `foreign`, the processors
            that others kept busy meanwhile.
    """

    peer: Peer
    why_not: str | None = None
    units: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def middle(self, key: str) -> float:
        """The median of the rounds."""
        return statistics.median(unit[key] for unit in self.units)

    def rate(self, amount: int) -> float:
        """Examples a second, the median of the rounds."""
        return (self.peer.amount or amount) / self.middle("seconds")


def ratios(of: Measured, to: Measured, amount: int, key: str = "seconds") -> list[float]:
    """How many times as fast as `to` each round of `of` was, paired by round."""
    scale = (of.peer.amount or amount) / (to.peer.amount or amount)
    return [scale * b[key] / a[key] for a, b in zip(of.units, to.units, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range as text."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} [{low:.{digits}f}-{high:.{digits}f}]"


def measure(
    peers: Sequence[Peer], rounds: int, say: Callable[[str], Any] = print
) -> list[Measured]:
    """Start all peers, then time one unit of each in turn, forwards and backwards.

    Args:
        peers: The rows.
        rounds: Units of each.
        say: Called with one sentence a step.

    Returns:
        As many, in the same order; those that could not run say why.
    """
    found = [Measured(peer) for peer in peers]
    with contextlib.ExitStack() as stack:
        running = []
        for measured in found:
            child = stack.enter_context(_started(measured.peer))
            told = child.answer()
            measured.why_not = told.get("missing") or told.get("failed")
            ready = f"ready after {told.get('ready')} s"
            say(f"{measured.peer.name}: {measured.why_not or ready}")
            if measured.why_not is None:
                running.append((child, measured))
        for number in range(rounds):
            for child, measured in running if number % 2 == 0 else running[::-1]:
                measured.units.append(child.unit())
            say(f"round {number + 1} of {rounds}")
    return found


class _Child:
    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process, self.log = process, log

    def answer(self) -> dict[str, Any]:
        """The next line of the child, or the end of what it said on standard error."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        said = self.log.read_text(errors="replace").strip().splitlines()
        return {"failed": f"failed: {said[-1] if said else 'without a word'}"}

    def unit(self) -> dict[str, float]:
        """Have it do a unit."""
        assert self.process.stdin is not None
        time.sleep(PAUSE)
        begin, busy = time.perf_counter(), _busy()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        unit = self.answer()
        if "failed" in unit:
            raise RuntimeError(f"Expected a peer that goes on. Received: {unit['failed']}")
        wall = time.perf_counter() - begin
        return unit | {"foreign": max(0.0, (_busy() - busy - unit["cpu"]) / wall)}


@contextlib.contextmanager
def _started(peer: Peer) -> Iterator[_Child]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with open(log, "w") as errors:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "training.benchmark.child",
                    f"{PEERS}.{peer.place}",
                    json.dumps(dict(peer.options)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=folder,  # Some write files where they are.
                env=_environment(peer),
            )
        try:
            yield _Child(process, log)
        finally:
            process.kill()
            process.communicate()


def _environment(peer: Peer) -> dict[str, str]:
    """The environment of this process without what chooses a backend, and the peer's own."""
    root = str(Path(__file__).parents[2])
    chosen = {"KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS"}
    kept = {name: value for name, value in os.environ.items() if name not in chosen}
    return {
        **kept,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        **peer.environment,
    }


def _busy() -> float:
    """Processor seconds that the machine has spent since it started; 0 where that is not told."""
    try:
        first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    ticks = [int(value) for value in first]
    idle = ticks[3] + ticks[4]
    return (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK")
