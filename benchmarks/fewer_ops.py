"""The speedup by the ops of `keras_vae.backend.tensorflow_kernels` over Keras's, one at a time.

The same model is compiled with and without them, and trained in turn, A B C C B A ..., so that
drift of the machine cancels in each round. Prints medians of paired ratios of processor time,
Keras alone / with it; above 1 it gains.

    python -m benchmarks.fewer_ops [--rounds 9] [--steps 32] [--cores 1] [--only dense IWAE]
"""

import argparse
import functools
import os
import statistics
import time
from typing import Any
from unittest import mock

from keras_vae.typing import LatentModel

CHOICES = {
    "Keras alone": (),
    "Adam": ("update_step",),
    "softplus": ("softplus",),
    "all": ("update_step", "call", "softplus"),
}


def compile_model(model: LatentModel, data: Any, names: tuple[str, ...]) -> Any:
    """Return `model` after a first epoch, with only the replaced methods in `names`."""
    import keras

    import keras_vae as kv
    from keras_vae.backend import tensorflow_kernels

    known = tensorflow_kernels.replacements
    kv.compile_fast(model, keras.optimizers.Adam(1e-3), say=lambda text: None)
    with mock.patch.object(
        tensorflow_kernels, "replacements", lambda m: [r for r in known(m) if r[1] in names]
    ):
        model.fit(data, verbose=0)
    return model


def seconds(model: LatentModel, data: Any) -> float:
    """Return the processor time of one epoch."""
    start = time.process_time()
    model.fit(data, verbose=0)
    return time.process_time() - start


def networks(steps: int) -> dict[str, tuple[Any, Any]]:
    """Return the maker and the data of each network: those of the other benchmarks, and dense."""
    import keras_vae as kv
    from benchmarks.peers import families
    from benchmarks.step_overhead import batches

    def dense() -> Any:
        return kv.VAE(*kv.nets.dense((28, 28, 1), 16, heads=2), likelihood="bernoulli", seed=0)

    found: dict[str, tuple[Any, Any]] = {}
    for size in (128, 32):
        found[f"convolutional, batch {size}"] = kv.ConvVAE, batches(steps, size)
        found[f"dense, batch {size}"] = dense, batches(steps, size)
    for family in families.FAMILIES:
        given = families.batches(family)
        found[family] = functools.partial(families.keras_model, family), given
    return found


def measure(make: Any, data: Any, rounds: int) -> dict[str, list[float]]:
    """Return the speed of each choice in each round, relative to Keras alone."""
    models = {name: compile_model(make(), data, parts) for name, parts in CHOICES.items()}
    found: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds):
        order = list(models)[:: 1 if number % 2 == 0 else -1]
        times = {name: seconds(models[name], data) for name in order}
        for name in models:
            found[name].append(times["Keras alone"] / times[name])
    return found


def main() -> None:
    """Run the comparison and print its results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--cores", type=int, default=0, help="0 for all")
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of names of networks")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.cores)
    for network, (make, data) in networks(arguments.steps).items():
        if not network.startswith(tuple(arguments.only)):
            continue
        for name, ratios in measure(make, data, arguments.rounds).items():
            low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
            print(f"{network}, {name}: {middle:.3f} [{low:.3f}-{high:.3f}]", flush=True)


if __name__ == "__main__":
    main()
