"""Benchmarks of all groups, or of some, against other libraries: `make bench`.

    python -m benchmarks                      # all groups, printed
    python -m benchmarks training --rounds 3
    python -m benchmarks --page docs/performance.md

Peers run in separate processes. Each is warm and they are timed in turn, so that drift of the
machine cancels. A library that is not installed has a row that says so. The extra `bench` installs
all of them.
"""

import importlib
import os
from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.errors import UsageError

# In the order in which they stand on the page.
GROUPS = ("training", "families", "inference", "startup", "machine", "scaling")


def benchmark(
    groups: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    rounds: int = 5,
    cores: int | None = None,
    page: Path | None = None,
) -> int:
    """Measure speed, memory and start-up time against other libraries and runtimes.

    Args:
        groups: The groups to measure; all if none is named.
        rounds: Units of each peer.
        cores: Number of processors that each peer may use. With 1, processor time is close to the
            wall time on a quiet machine.
        page: Write each table into its section of this file, between two comments.

    Returns:
        0.
    """
    for name in groups:
        if name not in GROUPS:
            raise UsageError(
                f"Expected groups among {', '.join(GROUPS)}. Received: {name}."
                f"{cli.did_you_mean(name, GROUPS)}"
            )
    if rounds < 1:
        raise UsageError(f"Expected rounds of at least 1. Received: {rounds}.")
    if cores is not None and not 1 <= cores <= (os.cpu_count() or 1):
        raise UsageError(f"Expected cores from 1 to {os.cpu_count()}. Received: {cores}.")
    if page is not None and not page.is_file():
        raise UsageError(f"Expected a page that exists. Received: {page}.")
    from benchmarks import child, report

    if cores is not None:
        os.environ[child.CORES] = str(cores)

    for name in groups or GROUPS:
        section = importlib.import_module(f"benchmarks.groups.{name}").run(rounds)
        print(f"\n{section.markdown()}\n", flush=True)
        if page is not None:
            report.write(page, name if cores is None else f"{name}, cores {cores}", section)
    return 0


if __name__ == "__main__":
    cli.main(benchmark, program="python -m benchmarks")
