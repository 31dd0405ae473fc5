"""Train three networks on a GPU, in this package on JAX and in PyTorch, and print one JSON object.

    benchmarks/accelerator.sh --results found.jsonl           # on the machine with the GPU
    benchmarks/accelerator.sh --results tiny.jsonl --tiny     # on any machine: shows that all works

Rows that the file of results has are not measured again. So a second call goes on where the first
one ended, for example because its time was over.
"""

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accelerator import plan
from benchmarks.accelerator.plan import Row
from benchmarks.accelerator.results import Results, measure_all

ROOT = Path(__file__).parents[2]
LEAST, MOST = 15.0, 120.0  # Seconds under which no row is begun, and after which one is ended.


def main(words: Sequence[str] | None = None) -> int:
    """Measure all rows that are not done, and print the results.

    Returns:
        0, or 1 if a row failed.
    """
    given = _parser().parse_args(words)
    device = "cpu" if given.tiny else given.device
    rows = plan.rows(given.tiny, given.batch, device, given.only)
    results, end = Results(given.results), time.monotonic() + 60 * given.minutes

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    measure_all(results, rows, measure_apart, lambda: end - time.monotonic(), LEAST, MOST, say)
    summary = results.summary(rows)
    print(json.dumps(summary, indent=1))
    return int(any("failed" in row for row in summary["rows"]))


def measure_apart(row: Row, limit: float) -> dict[str, Any]:
    """Measure a row in a process of its own, which ends after `limit` seconds.

    Returns:
        Its result, or the last line of its standard error as `failed`.
    """
    words = [sys.executable, "-m", "benchmarks.accelerator.row"]
    process = subprocess.Popen(
        [*words, json.dumps(dataclasses.asdict(row))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=_environment(row),
        start_new_session=True,  # So that the compilers that it starts end with it.
    )
    try:
        out, log = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"failed": f"not done after {limit:.0f} s"}
    if process.returncode == 0:
        return json.loads(out)
    said = log.strip().splitlines()
    return {"failed": said[-1] if said else f"status {process.returncode}"}


def _environment(row: Row) -> dict[str, str]:
    """Return the environment of a row: JAX takes the device of the row, and memory as needed."""
    root = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cuda,cpu" if row.device == "cuda" else "cpu",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONPATH": root,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/accelerator.sh",
        description=str(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, required=True, help="the file of measured rows")
    parser.add_argument("--minutes", type=float, default=8.5, help="the time of this call")
    parser.add_argument("--batch", type=int, help="examples of a step, for all networks")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="where to train")
    parser.add_argument("--only", default="", help="a part of NETWORK/PRECISION/LIBRARY")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes, on the processor")
    return parser


if __name__ == "__main__":
    sys.exit(main())
