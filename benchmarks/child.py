"""The child process of a comparison: prepare, report, then do one unit of work per line read.

A child prints one JSON object per line on its original standard output. The output of libraries
goes to standard error.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

MEGABYTE = 1024  # In kilobytes, the unit of ru_maxrss.
CORES = "KERAS_VAE_BENCHMARK_CORES"


def serve(prepare: Callable[..., Callable[[], Any]], options: dict[str, Any]) -> None:
    """Serve one peer until standard input ends.

    Args:
        prepare: A function that takes the options, imports its libraries and returns the unit of
            work. The unit returns a number to report, such as the loss.
        options: The options for `prepare`.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        begin = time.perf_counter()
        unit = prepare(**options)
        unit()  # Compiled and warm.
        answer: dict[str, Any] = {"ready": round(time.perf_counter() - begin, 2)}
    except ImportError as error:
        answer = {"missing": str(error.name or error)}
    print(json.dumps(answer), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(time_unit(unit)), file=answers, flush=True)


def time_unit(unit: Callable[[], Any]) -> dict[str, float]:
    """Run one unit and return its seconds, processor seconds, value, and peak memory in MB."""
    begin, cpu = time.perf_counter(), time.process_time()
    value = unit()
    return {
        "seconds": time.perf_counter() - begin,
        "cpu": time.process_time() - cpu,
        "value": float(value),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
    }


def main() -> None:
    """Serve the peer `module:function` with the options that `benchmarks.paired` gives."""
    if cores := os.environ.get(CORES):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    module, function = sys.argv[1].split(":")
    serve(getattr(importlib.import_module(module), function), json.loads(sys.argv[2]))


if __name__ == "__main__":
    main()
