"""Cost of this package's training step, relative to the shortest one written by hand.

Both models have the same networks, data, optimizer and objective, and are trained in turn,
A B B A ..., so that drift of the machine cancels in each pair. Prints the median of the paired
ratios, ours / by hand; 1.00 is no cost.

    python -m benchmarks.step_overhead [--rounds 9] [--steps 64] [--batch-size 128]
"""

import argparse
import os
import statistics
import time
from typing import Any

from keras_vae.typing import LatentModel


def handwritten_vae() -> Any:
    """Build the same VAE with the `train_step` of a tutorial."""
    import keras
    import tensorflow as tf
    from keras import ops

    import keras_vae as kv

    class HandWrittenVAE(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = kv.nets.conv((28, 28, 1), latent_dim=16, heads=2)
            self.seed_generator = keras.random.SeedGenerator(0)
            self.loss_mean = keras.metrics.Mean(name="loss")
            self.reconstruction_mean = keras.metrics.Mean(name="reconstruction")
            self.kl_mean = keras.metrics.Mean(name="kl")

        @property
        def metrics(self) -> list:
            return [self.loss_mean, self.reconstruction_mean, self.kl_mean]

        def train_step(self, x: Any) -> dict:
            with tf.GradientTape() as tape:
                mean, log_var = self.encoder(x, training=True)
                noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
                logits = self.decoder(mean + ops.exp(0.5 * log_var) * noise, training=True)
                cross_entropy = ops.softplus(logits) - x * logits
                reconstruction = ops.mean(ops.sum(cross_entropy, axis=(1, 2, 3)))
                divergence = ops.square(mean) + ops.exp(log_var) - 1.0 - log_var
                kl = ops.mean(0.5 * ops.sum(divergence, axis=1))
                loss = reconstruction + kl
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            self.loss_mean.update_state(loss)
            self.reconstruction_mean.update_state(reconstruction)
            self.kl_mean.update_state(kl)
            return {metric.name: metric.result() for metric in self.metrics}

    return HandWrittenVAE()


def batches(count: int, batch_size: int) -> Any:
    """Return a data set of `count` batches of random images that costs nothing to read."""
    import numpy as np
    import tensorflow as tf

    images = np.random.default_rng(0).random((batch_size, 28, 28, 1), dtype="float32")
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensors(images).cache().repeat(count).with_options(options)


def seconds(model: LatentModel, data: Any) -> float:
    """Return the wall time of one epoch."""
    start = time.perf_counter()
    model.fit(data, verbose=0)
    return time.perf_counter() - start


def main() -> None:
    """Run the comparison and print its results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps-per-execution", type=int, default=1)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    import keras_vae as kv

    models = {"ours": kv.ConvVAE(seed=0), "by hand": handwritten_vae()}
    data = batches(arguments.steps, arguments.batch_size)
    for model in models.values():
        model.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            steps_per_execution=arguments.steps_per_execution,
        )
        seconds(model, data)
    pairs = []
    for number in range(arguments.rounds):
        order = list(models) if number % 2 == 0 else list(models)[::-1]
        times = {name: seconds(models[name], data) for name in order}
        pairs.append(times["ours"] / times["by hand"])
        print(f"round {number + 1}/{arguments.rounds}: {pairs[-1]:.3f}", flush=True)
    rate = arguments.steps * arguments.batch_size / times["ours"]
    print(
        f"step overhead, ours / by hand: median {statistics.median(pairs):.3f} "
        f"[{min(pairs):.3f}-{max(pairs):.3f}], {len(pairs)} pairs, "
        f"batch {arguments.batch_size}, {rate:,.0f} images/s"
    )


if __name__ == "__main__":
    main()
