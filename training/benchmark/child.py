"""The child's side of a comparison: set up, say so, then do one unit of work for each line read.

A child prints one JSON object a line on the standard output that it was started with; whatever
libraries print goes to standard error instead.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

MEGABYTE = 1024  # Of ru_maxrss, which counts kilobytes.
CORES = "KERAS_VAE_BENCHMARK_CORES"


def serve(prepare: Callable[..., Callable[[], Any]], options: dict[str, Any]) -> None:
    """Serve one peer until standard input ends.

    Args:
        prepare: Takes the options, imports its libraries and returns the unit of work, which
            returns a number to report, such as the loss.
        options: For `prepare`.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        begin = time.perf_counter()
        unit = prepare(**options)
        unit()  # Compiled and warm.
        told: dict[str, Any] = {"ready": round(time.perf_counter() - begin, 2)}
    except ImportError as error:
        told = {"missing": str(error.name or error)}
    print(json.dumps(told), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(timed(unit)), file=answers, flush=True)


def timed(unit: Callable[[], Any]) -> dict[str, float]:
    """One unit: seconds, processor seconds, its number, and the peak of memory so far in MB."""
    begin, cpu = time.perf_counter(), time.process_time()
    value = unit()
    return {
        "seconds": time.perf_counter() - begin,
        "cpu": time.process_time() - cpu,
        "value": float(value),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
    }


def main() -> None:
    """Called by `training.benchmark.paired` with a place `module:function` and options."""
    if cores := os.environ.get(CORES):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    module, function = sys.argv[1].split(":")
    serve(getattr(importlib.import_module(module), function), json.loads(sys.argv[2]))


if __name__ == "__main__":
    main()
