"""Use of the codebooks of a residual VQ-VAE on Fashion-MNIST.

    python -m benchmarks.codebook_use --depth 4 --size 256 --epochs 5

Prints a row for each level: the share of its codes that training images use, the perplexity, and
the mean squared error of test images that are decoded from the levels up to this one.
"""

import argparse
import functools
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np


def level_rows(codes: np.ndarray, size: int) -> list[tuple[float, float]]:
    """Return the share of codes in use and the perplexity of each level.

    Args:
        codes: Integers, `(..., levels)`.
        size: Number of codes of a level.
    """
    rows = []
    for level in np.moveaxis(codes, -1, 0):
        counts = np.bincount(level.ravel(), minlength=size)
        shares = counts[counts > 0] / counts.sum()
        rows.append((len(shares) / size, math.exp(-np.sum(shares * np.log(shares)))))
    return rows


def train_model(images: np.ndarray, depth: int, size: int, epochs: int) -> Any:
    """Return a residual VQ-VAE of 7x7 vectors, from k-means and trained."""
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    networks = kv.nets.conv_map((28, 28, 1), 16, (64, 128))
    quantizer = kv.quantization.ResidualVectorQuantizer(depth, size, dropout=0.5, seed=0)
    model = kv.VQVAE(*networks, quantizer=quantizer, likelihood="bernoulli", seed=0)
    model.adapt(images)
    kv.compile_fast(model, keras.optimizers.Adam(1e-3))
    model.fit(images, batch_size=128, epochs=epochs, verbose=2)
    return model


def errors(model: Any, codes: np.ndarray, images: np.ndarray) -> list[float]:
    """Return the mean squared error of images decoded from the first levels, for each number."""
    from keras_vae.acceleration.batching import map_batches

    def decode(levels: int, batch: np.ndarray) -> Any:
        vectors = model.quantizer.lookup(batch[..., :levels])
        return model.observation_from_inputs(vectors).mean

    found = []
    for levels in range(1, codes.shape[-1] + 1):
        decoded = map_batches(functools.partial(decode, levels), codes, 500)
        found.append(float(np.square(decoded - images).mean()))
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Train, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=60_000)
    given = parser.parse_args(words)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_vae.acceleration.batching import map_batches
    from keras_vae.training.data.loading import load
    from keras_vae.training.tables import table

    data = load("fashion_mnist")
    train, test = (part.astype("float32") / 255.0 for part in (data.train, data.test))
    model = train_model(train[: given.images], given.depth, given.size, given.epochs)
    of_train, of_test = (map_batches(model.encode, x, 500) for x in (train, test))
    both = zip(level_rows(of_train, given.size), errors(model, of_test, test), strict=True)
    header = [(name, "r") for name in ("level", "codes in use", "perplexity", "MSE up to here")]
    rows = [
        [str(level), f"{share:.1%}", f"{perplexity:.0f}", f"{error:.4f}"]
        for level, ((share, perplexity), error) in enumerate(both, start=1)
    ]
    print(table(header, rows))


if __name__ == "__main__":
    main()
