"""`keras-vae train` to the end of the first execution of steps, where the process ends.

    python -m benchmarks.first_step conv_vae_digits --out runs/new

Callbacks, and so users, see nothing before. The start-up group of `make bench` times the process.
"""

import os
from typing import Any

from keras_vae.training import train
from keras_vae.training.runs import run_callbacks


def main() -> None:
    """Train as the command line says, and end the process after the first execution."""
    make = run_callbacks.callbacks

    def with_end(*args: Any) -> list[Any]:
        import keras

        class End(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                os._exit(0)

        return [*make(*args), End()]

    run_callbacks.callbacks = with_end  # type: ignore[assignment]
    train.main()


if __name__ == "__main__":
    main()
