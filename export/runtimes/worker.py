"""The program that runs one artifact in one runtime and measures it.

    python -m keras_vae.export.runtimes.worker cpp serving/vae/1 --inputs in.npz --outputs out.npz
    --report out.json

It measures answers, latency and memory. A process runs one artifact in one runtime, so its peak
memory is that of the runtime.
"""

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.export.runtimes import arrays
from keras_vae.export.runtimes.base import Opened, run_in_batches
from keras_vae.export.runtimes.registry import RUNTIMES

BATCH = 64
LATENCY_BATCHES = (1, BATCH)
# Most seconds and runs to time a signature, and fewest runs.
SECONDS, RUNS, LEAST_RUNS = 0.25, 200, 5


def measure_latency(
    opened: Opened, requests: arrays.Grouped, rows: int, timed: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the latency in milliseconds by signature and batch size.

    Each entry has the median `p50_ms`, the 95th percentile `p95_ms`, and the number of `runs`.

    Args:
        opened: The loaded artifact.
        requests: Arrays by signature and input.
        rows: Largest batch size to time.
        timed: Time only the first existing one of these signatures; all by default.
    """
    if not opened.timed:
        return {}
    found: dict[str, Any] = {}
    wanted = [name for name in timed if name in requests][:1] or list(requests)
    for signature in wanted:
        inputs, fixed = requests[signature], opened.batches[signature]
        for size in (fixed,) if fixed else LATENCY_BATCHES:
            if size <= rows:
                batch = {name: _repeat_rows(array, size) for name, array in inputs.items()}
                times = _times(functools.partial(opened.run, signature, batch))
                p50, p95 = np.percentile(times, (50, 95))
                entry = {"p50_ms": 1e3 * float(p50), "p95_ms": 1e3 * float(p95), "runs": len(times)}
                found.setdefault(signature, {})[str(size)] = entry
    return found


def _times(run: Callable[[], Any]) -> list[float]:
    """Return the seconds of each run, after one that is not counted."""
    run()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < RUNS and (len(times) < LEAST_RUNS or time.perf_counter() < end):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def _repeat_rows(array: np.ndarray, size: int) -> np.ndarray:
    return array[np.arange(size) % len(array)]


def peak_memory() -> int:
    """Return the largest number of bytes of memory that this process had at once.

    It is not ru_maxrss of getrusage, which a process inherits from its parent.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def run_artifact(
    kind: str, artifact: Path, requests: arrays.Grouped, timed: Sequence[str] = (), **options: Any
) -> tuple[arrays.Grouped, Any]:
    """Run all signatures of the requests that the artifact has.

    Returns:
        Answers by signature and output, and the report.
    """
    start = time.perf_counter()
    opened = RUNTIMES[kind].open(artifact, **options)
    seconds = time.perf_counter() - start
    asked = {name: inputs for name, inputs in requests.items() if name in opened.batches}
    answers = {name: run_in_batches(opened, name, inputs, BATCH) for name, inputs in asked.items()}
    report = {
        "version": opened.version,
        "size": opened.size,
        "load_seconds": seconds,
        "batches": {name: opened.batches[name] for name in asked},
        "latency": measure_latency(opened, asked, BATCH, timed),
        "peak_memory": peak_memory(),
    }
    return answers, report


def main(arguments: list[str] | None = None) -> int:
    """Run the program; it returns 1 if the runtime does not run the artifact."""
    parser = argparse.ArgumentParser(
        prog="python -m keras_vae.export.runtimes.worker", description=__doc__
    )
    parser.add_argument("runtime", choices=RUNTIMES)
    parser.add_argument("artifact", type=Path)
    for name in ("inputs", "outputs", "report"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--libraries", type=Path, help="of another TensorFlow, for cpp")
    parser.add_argument("--timed", nargs="*", default=(), help="the first of these; all by default")
    options = parser.parse_args(arguments)
    other = {"libraries": options.libraries} if options.libraries else {}
    try:
        requests = arrays.read(options.inputs)
        answers, report = run_artifact(
            options.runtime, options.artifact, requests, options.timed, **other
        )
    except Exception as error:  # Any error of a runtime becomes a row of the table.
        text = f"{type(error).__name__}: {error}"
        options.report.write_text(json.dumps({"error": text}))
        print(f"Error: {text}", file=sys.stderr)
        return 1
    arrays.write(options.outputs, answers)
    options.report.write_text(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
