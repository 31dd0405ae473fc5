"""Families of networks beside the small convolutions, in Keras and in PyTorch.

Both have the same layers and data. One unit is an epoch, or `CALLS` calls of the encoder for one
example.
"""

import dataclasses
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

CALLS = 50


@dataclasses.dataclass(frozen=True)
class Family:
    """Networks of one kind, and their data.

    Attributes:
        module: The module here that has `data`, `keras_model` and `torch_model`, each of a name.
        count: Examples of an epoch.
        batch: Examples of a step.
    """

    module: str
    count: int = 768
    batch: int = 64

    def part(self, name: str) -> Callable[..., Any]:
        """Return a function of its module."""
        found = importlib.import_module(f"benchmarks.peers.families.{self.module}")
        return getattr(found, name)


FAMILIES = {
    "dense": Family("dense", count=8192, batch=128),
    "IWAE, 50 samples": Family("dense", count=512),
    "FactorVAE": Family("dense", count=1024, batch=128),
    "VQ-VAE": Family("images"),
    "convolutions 64x64x3, BatchNorm": Family("images"),
    "masked autoencoder": Family("images"),
    "ladder": Family("ladder", count=256),
    "LSTM": Family("series"),
    "LSTM, masked": Family("series"),
    "transformer": Family("series"),
    "transformer, masked": Family("series"),
}


def data(family: str) -> tuple[np.ndarray, ...]:
    """Return x, and a mask if the family has one."""
    return FAMILIES[family].part("data")(family, FAMILIES[family].count)


def batches(family: str) -> Any:
    """Return the batches of a family as a data set."""
    import tensorflow as tf

    x = data(family)
    parts = x if len(x) > 1 else x[0]
    return tf.data.Dataset.from_tensor_slices((parts,)).batch(FAMILIES[family].batch)


def keras_model(family: str) -> Any:
    """Return the model of a family, in Keras."""
    return FAMILIES[family].part("keras_model")(family)


def ours(family: str, what: str, compiled: bool = False) -> Callable[[], float]:
    """Train an epoch with `compile_fast` and `fit(array)`, or encode one row.

    With `compiled`, `kv.Compiled(model)` encodes the row, else the model itself.
    """
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    model = keras_model(family)
    x = data(family)
    if what == "encode":
        row = [part[:1] for part in x]
        encode = kv.Compiled(model).encode if compiled else model.encode
        return _calls(lambda: encode(row if len(row) > 1 else row[0]))
    kv.compile_fast(model, keras.optimizers.Adam(1e-3), say=lambda text: None)
    batch = FAMILIES[family].batch

    def epoch() -> float:
        given = x if len(x) > 1 else x[0]
        return model.fit(given, batch_size=batch, verbose=0).history["loss"][0]

    return epoch


def torch_peer(family: str, what: str, compiled: bool = False) -> Callable[[], float]:
    """Train an epoch with slices in memory and fused Adam, or call the encoder for one row."""
    import torch

    torch.manual_seed(0)
    model: Any = FAMILIES[family].part("torch_model")(family)
    x, *mask = (torch.from_numpy(part) for part in data(family))
    if len(x.shape) == 4:
        model = model.to(memory_format=torch.channels_last)
        x = x.permute(0, 3, 1, 2)  # Channels are last in memory.
    if what == "encode":
        model.eval()
        with torch.no_grad():
            row = [part[:1] for part in (x, *mask)]
        return _calls(torch.no_grad()(lambda: model.encode(*row)))
    loss_of = torch.compile(model.loss) if compiled else model.loss
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def epoch() -> float:
        total = 0.0
        for rows in torch.randperm(len(x)).split(FAMILIES[family].batch):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(*(part[rows] for part in (x, *mask)))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(x)

    return epoch


def _calls(call: Callable[[], Any]) -> Callable[[], float]:
    for _ in range(3):
        call()

    def unit() -> float:
        begin = time.perf_counter()
        for _ in range(CALLS):
            call()
        return (time.perf_counter() - begin) / CALLS

    return unit
