"""One row in a process of its own: `python -m benchmarks.accelerator.row JSON` prints JSON."""

import json
import math
import os
import statistics
import sys
import time
from typing import Any

from benchmarks.accelerator import busy, jax_training, plan, torch_training
from benchmarks.child import time_unit


def measure(row: plan.Row) -> dict[str, Any]:
    """Train one row and return its speed.

    Returns:
        `images_per_second`, the median of the units, with its `range`. `device_share`, the part of
        the time in which the device works, by a profiler in an epoch of its own; None where it
        cannot be seen. `ready_seconds` until the second epoch, compilation included. Then `device`,
        `versions`, and `loss`.

    Raises:
        ValueError: If the loss is not finite.
    """
    begin = time.perf_counter()
    on_jax = row.library in (plan.JAX, plan.FIT)
    epochs, device = (jax_training if on_jax else torch_training).prepare(row)
    epochs(1)
    ready = time.perf_counter() - begin
    one = min(time_unit(lambda: epochs(1))["seconds"] for _ in range(2))
    repeats = max(1, math.ceil(row.seconds / one))
    units = [time_unit(lambda: epochs(repeats)) for _ in range(row.units)]
    rates = [repeats * row.count / unit["seconds"] for unit in units]
    worked = (busy.jax_seconds if on_jax else busy.torch_seconds)(lambda: epochs(1))
    rate = statistics.median(rates)
    loss = units[-1]["value"]
    if not math.isfinite(loss):
        raise ValueError(f"Expected a loss that is finite. Received: {loss}.")
    return {
        "images_per_second": round(rate, 1),
        "range": [round(min(rates), 1), round(max(rates), 1)],
        "device_share": None if worked is None else round(worked * rate / row.count, 3),
        "ready_seconds": round(ready, 1),
        "loss": round(loss, 4),
        "device": device,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    from importlib import metadata

    names = ("jax", "keras", "numpy", "torch")
    known = {name: sys.modules[name] for name in names if name in sys.modules}
    return {name: metadata.version(name) for name in known}


def main() -> None:
    """Measure the row on the command line, with the output of libraries on standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    found = measure(plan.Row(**json.loads(sys.argv[1])))
    print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
