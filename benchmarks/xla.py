"""Training with XLA on a CPU, against the ops of TensorFlow, for each family of networks.

    python -m benchmarks.xla [--families LSTM transformer] [--rounds 3]

Prints a Markdown table of processor time on one core: the seconds of an epoch of both in turn, the
fastest of the rounds, and the seconds of the first epoch, which compiles. All are of
`keras_vae.compile_fast`, and the losses of the first epoch are compared.
"""

import argparse
import os
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.peers import families


def seconds(family: str, rounds: int) -> tuple[list[list[float]], list[float]]:
    """Return the seconds of each epoch, without and with XLA, and the losses of the first."""
    import keras

    import keras_vae as kv

    models: list[keras.Model] = []
    losses: list[float] = []
    taken: list[list[float]] = [[], []]
    data = families.data(family)
    x = data[0] if len(data) == 1 else data

    def epoch(place: int) -> float:
        begin = time.process_time()
        history = models[place].fit(x, batch_size=64, epochs=1, verbose=0)
        taken[place].append(time.process_time() - begin)
        return float(history.history["loss"][0])

    for place, jit_compile in enumerate((False, True)):
        keras.utils.set_random_seed(0)
        models.append(families.keras_model(family))
        optimizer = keras.optimizers.Adam(1e-3)
        kv.compile_fast(models[-1], optimizer, say=lambda text: None, jit_compile=jit_compile)
        losses.append(epoch(place))
    for _ in range(rounds):
        for place in range(2):
            epoch(place)
    return taken, losses


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", nargs="+", choices=families.FAMILIES, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(words)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import tensorflow as tf

    from keras_vae.training.tables import table

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cells = []
    for family in given.families or families.FAMILIES:
        (plain, xla), losses = seconds(family, given.rounds)
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
        best = [min(times[1:]) for times in (plain, xla)]
        cells.append(
            [
                family,
                *(f"{one:.2f}" for one in (*best, best[0] / best[1])),
                *(f"{times[0]:.1f}" for times in (plain, xla)),
            ]
        )
        print(cells[-1], flush=True)
    names = ("TensorFlow, s", "XLA, s", "times as fast", "first epoch, s", "with XLA, s")
    print(table([("family", "l"), *((name, "r") for name in names)], cells))


if __name__ == "__main__":
    main()
