"""Measure candidates for the defaults of networks, and write the tables of docs/dev/defaults.md.

    python -m benchmarks.defaults coarse       # one seed, 500 steps, many candidates
    python -m benchmarks.defaults whole        # three seeds, two numbers of steps, few candidates
    python -m benchmarks.defaults photos       # the photos of 64x64 pixels of the documents
    python -m benchmarks.defaults explosions   # first steps at many inputs
    python -m benchmarks.defaults --page docs/dev/defaults.md

Each training is a line of `docs/dev/defaults.jsonl`, so an interrupted measurement goes on.
"""

import os
from pathlib import Path
from typing import Annotated

import tyro

from benchmarks import report
from benchmarks.defaults import plan
from benchmarks.defaults.results import Results
from keras_vae import cli
from keras_vae.errors import UsageError


def defaults(
    passes: Annotated[tuple[str, ...], tyro.conf.Positional] = tuple(plan.PASSES),
    threads: int = 1,
    train: bool = True,
    page: Path | None = None,
) -> int:
    """Train each candidate that was not trained before, and print a table for each pass.

    Args:
        passes: The passes, each a list of trainings.
        threads: Number of threads of an op of TensorFlow.
        train: Whether to train. If not, the tables have the results of before.
        page: Write each table into its section of this file, between two comments.

    Returns:
        0.
    """
    for name in passes:
        if name not in plan.PASSES:
            raise UsageError(
                f"Expected passes among {', '.join(plan.PASSES)}. Received: {name}."
                f"{cli.did_you_mean(name, tuple(plan.PASSES))}"
            )
    _limit_threads(threads)
    results = Results(Path("docs/dev/defaults.jsonl"))
    for name in passes:
        for trial in plan.PASSES[name] if train else ():
            results.measure(trial)
        section = results.section(name)
        print(f"\n{section.markdown()}\n", flush=True)
        if page is not None:
            report.write(page, f"defaults, {name}", section)
    return 0


def _limit_threads(threads: int) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(2)


if __name__ == "__main__":
    cli.main(defaults, program="python -m benchmarks.defaults")
