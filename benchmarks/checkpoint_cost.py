"""The cost of checkpoints: the time to write one, as a part of a minute of training.

    python -m benchmarks.checkpoint_cost conv_vae_fashion_mnist

The limit is 2 percent at one checkpoint a minute. `ExactResume` writes less often if that is
exceeded.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from keras_vae import cli
from keras_vae.training import recipes
from keras_vae.typing import LatentModel

LIMIT = 0.02


def checkpoint_cost(
    recipe: Annotated[str, tyro.conf.Positional] = "conv_vae_fashion_mnist",
    checkpoints: int = 20,
) -> int:
    """Measure the time to write a checkpoint.

    Args:
        recipe: The recipe whose model and optimizer are written.
        checkpoints: Number of checkpoints.

    Returns:
        0 if one a minute costs at most 2 percent, else 1.
    """
    function = recipes.find(recipe)
    cli.prepare_tensorflow(training=True)
    from keras_vae.training import session

    made = recipes.call(function, {}, seed=0)
    session.compile_model(made, steps=100)
    with tempfile.TemporaryDirectory() as folder:
        seconds, size = time_checkpoints(made.model, Path(folder), checkpoints)
    part = float(np.median(seconds)) / 60
    print(
        f"{recipe}: {size / 1e6:.1f} MB a checkpoint, {1e3 * np.median(seconds):.0f} ms to write "
        f"(largest {1e3 * max(seconds):.0f} ms): {100 * part:.3f} % of a minute, "
        f"limit {100 * LIMIT:g} %"
    )
    return 0 if part <= LIMIT else 1


def time_checkpoints(model: LatentModel, folder: Path, count: int) -> tuple[list[float], int]:
    """Return the seconds for each of `count` checkpoints of `model`, and the bytes of one."""
    from keras_vae.callbacks import ExactResume
    from keras_vae.checkpointing import files as checkpoints

    resume = ExactResume(
        folder, minutes=None, steps=1, say=lambda text: print(text, file=sys.stderr)
    )
    resume.set_model(model)
    resume.set_params({"epochs": 1})
    resume.on_train_begin()
    resume.on_epoch_begin(0)
    seconds = []
    for step in range(count):
        begin = time.perf_counter()
        resume.on_train_batch_end(step, {"loss": 0.0})
        seconds.append(time.perf_counter() - begin)
    resume.on_train_end()
    return seconds, checkpoints.list_checkpoints(folder)[-1].stat().st_size


if __name__ == "__main__":
    cli.main(checkpoint_cost)
