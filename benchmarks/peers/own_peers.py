"""This package at other sizes, its input pipeline alone, and the peak of the processor."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import network
from benchmarks.peers.keras_peers import ours, textbook

SIZE, MAPS, SIDE = 2048, 64, 28  # Sizes of the matrices and maps that show the peak.


def fit_at_size(
    count: int, side: int = 28, width: int = 1, batch: int = 128
) -> Callable[[], float]:
    """Train an epoch of `count` images of another size, in a network of another width."""
    import keras

    import keras_vae as kv
    from keras_vae.training.data.batches import training_batches

    keras.utils.set_random_seed(0)
    shape = (side, side, 1)
    filters = tuple(width * n for n in network.FILTERS)
    networks = kv.nets.conv(
        shape, network.LATENT, filters, width * network.HIDDEN, heads=2, activation="relu"
    )
    model = kv.VAE(*networks, likelihood="bernoulli", seed=0)
    steps = count // batch
    optimizer = keras.optimizers.Adam(network.RATE)
    kv.compile_fast(model, optimizer, steps_per_epoch=steps)
    data = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    batches = training_batches(data, batch)

    def epoch() -> float:
        history = model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0).history
        return history["loss"][0]

    return epoch


def pipeline(images: str, count: int) -> Callable[[], float]:
    """Read `count` images through `keras_vae.training.data.batches` without using them."""
    from keras_vae.training.data.batches import training_batches

    data = np.load(images)
    batches = iter(training_batches(data, network.BATCH))

    def read_all() -> float:
        seen = 0
        while seen < count:
            seen += len(next(batches))
        return float(seen)

    return read_all


def stalls(images: str, which: str, epochs: int) -> Callable[[], float]:
    """Count the stalls among `epochs` short epochs.

    An epoch stalls if it takes 1.3 times the median of time, and less than 1.2 times the median of
    processor time.
    """
    made = ours if which == "ours" else textbook
    epoch = made(images, source="arrays")
    epoch()

    def count_stalls() -> float:
        times = np.array([_timed(epoch) for _ in range(epochs)])
        wall, cpu = (times / np.median(times, axis=0)).T
        return float(np.sum((wall > 1.3) & (cpu < 1.2)))

    return count_stalls


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    begin, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begin, time.process_time() - cpu


def peak(library: str, operation: str, repeats: int = 10) -> Callable[[], float]:
    """Measure a large matrix product or a 3x3 convolution, in billion operations per second."""
    call, operations = {"tensorflow": _tensorflow, "torch": _torch}[library](operation)

    def unit() -> float:
        call()
        seconds, _ = _timed(lambda: [call() for _ in range(repeats)])
        return repeats * operations / seconds / 1e9

    return unit


MATRIX_OPERATIONS = 2.0 * SIZE**3
MAP_OPERATIONS = 2.0 * 9 * MAPS**2 * SIDE**2 * network.BATCH


def _tensorflow(operation: str) -> tuple[Callable[[], Any], float]:
    import tensorflow as tf

    if operation == "matmul":
        a, b = tf.random.normal((SIZE, SIZE)), tf.random.normal((SIZE, SIZE))
        product = tf.function(lambda: tf.reduce_sum(a @ b))
        return lambda: product().numpy(), MATRIX_OPERATIONS
    x = tf.random.normal((network.BATCH, SIDE, SIDE, MAPS))
    kernel = tf.random.normal((3, 3, MAPS, MAPS))
    convolution = tf.function(lambda: tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, "SAME")))
    return lambda: convolution().numpy(), MAP_OPERATIONS


def _torch(operation: str) -> tuple[Callable[[], Any], float]:
    import torch

    if operation == "matmul":
        a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
        return lambda: float((a @ b).sum()), MATRIX_OPERATIONS
    last = torch.channels_last
    x = torch.randn(network.BATCH, MAPS, SIDE, SIDE).to(memory_format=last)
    kernel = torch.randn(MAPS, MAPS, 3, 3).to(memory_format=last)
    convolution = torch.nn.functional.conv2d
    return lambda: float(convolution(x, kernel, padding=1).sum()), MAP_OPERATIONS
