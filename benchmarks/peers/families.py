"""Families of networks beside the small convolutions: BatchNorm convolutions, LSTM, attention.

Each is trained and asked in Keras and in PyTorch, with the same layers and data. One unit is an
epoch, or `CALLS` calls of the encoder for one example.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

FAMILIES = ("convolutions 64x64x3, BatchNorm", "LSTM", "LSTM, masked", "transformer")
COUNT, BATCH, CALLS = 768, 64, 50
TIME, FEATURES, LATENT, WIDTH = 64, 3, 16, 64
FILTERS = (32, 64, 128, 256)


def data(family: str) -> tuple[np.ndarray, ...]:
    """Return x, and a mask if the family has one."""
    random = np.random.default_rng(0)
    if family.startswith("convolutions"):
        return (random.random((COUNT, 64, 64, 3), dtype="float32"),)
    x = random.standard_normal((COUNT, TIME, FEATURES), dtype="float32")
    if "masked" not in family:
        return (x,)
    lengths = random.integers(TIME // 3, TIME + 1, (COUNT, 1))
    return x, (np.arange(TIME) < lengths).astype("float32")


def batches(x: tuple[np.ndarray, ...]) -> Any:
    """Return the batches of x as a data set."""
    import tensorflow as tf

    parts = x if len(x) > 1 else x[0]
    return tf.data.Dataset.from_tensor_slices((parts,)).batch(BATCH)


def ours(family: str, what: str) -> Callable[[], float]:
    """Train an epoch with `compile_fast` and `fit(array)`, or call `model.encode` for one row."""
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    model = keras_model(family)
    x = data(family)
    if what == "encode":
        row = [part[:1] for part in x]
        return _calls(lambda: model.encode(row if len(row) > 1 else row[0]))
    kv.compile_fast(model, keras.optimizers.Adam(1e-3), say=lambda text: None)

    def epoch() -> float:
        given = x if len(x) > 1 else x[0]
        return model.fit(given, batch_size=BATCH, verbose=0).history["loss"][0]

    return epoch


def keras_model(family: str) -> Any:
    """Return the model of a family, in Keras."""
    import keras
    from keras import layers

    import keras_vae as kv

    if family.startswith("LSTM"):
        return kv.LSTMAutoencoder((TIME, FEATURES), LATENT, masked="masked" in family)
    if family == "transformer":
        return kv.TransformerAutoencoder((TIME, FEATURES), LATENT)
    x = h = keras.Input((64, 64, 3))
    for filters in FILTERS:
        h = layers.Conv2D(filters, 3, 2, "same", use_bias=False)(h)
        h = layers.ReLU()(layers.BatchNormalization()(h))
    h = layers.Flatten()(h)
    encoder = keras.Model(x, [layers.Dense(LATENT)(h), layers.Dense(LATENT)(h)])
    z = keras.Input((LATENT,))
    h = layers.Reshape((4, 4, FILTERS[-1]))(layers.Dense(16 * FILTERS[-1])(z))
    for filters in FILTERS[-2::-1]:
        h = layers.Conv2DTranspose(filters, 3, 2, "same", use_bias=False)(h)
        h = layers.ReLU()(layers.BatchNormalization()(h))
    decoder = keras.Model(z, layers.Conv2DTranspose(3, 3, 2, "same")(h))
    return kv.VAE(encoder, decoder, likelihood="bernoulli")


def torch_peer(family: str, what: str, compiled: bool = False) -> Callable[[], float]:
    """Train an epoch with slices in memory and fused Adam, or call the encoder for one row."""
    import torch

    torch.manual_seed(0)
    images = family.startswith("convolutions")
    model: Any = _images() if images else _series(family)
    x, *mask = (torch.from_numpy(part) for part in data(family))
    if images:
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
        for rows in torch.randperm(COUNT).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(*(part[rows] for part in (x, *mask)))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / COUNT

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


def _images() -> Any:
    import torch
    from torch import nn

    def block(kind: Any, before: int, after: int, **options: Any) -> list[Any]:
        return [
            kind(before, after, 3, 2, 1, bias=False, **options),
            nn.BatchNorm2d(after, eps=1e-3, momentum=0.01),
            nn.ReLU(),
        ]

    class Images(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (3, *FILTERS)
            pairs = list(zip(sizes, sizes[1:], strict=False))
            convolutions = [part for pair in pairs for part in block(nn.Conv2d, *pair)]
            heads = nn.Linear(16 * FILTERS[-1], 2 * LATENT)
            self.encoder = nn.Sequential(*convolutions, nn.Flatten(), heads)
            start = [nn.Linear(LATENT, 16 * FILTERS[-1]), nn.Unflatten(1, (FILTERS[-1], 4, 4))]
            back = [pair[::-1] for pair in pairs[:0:-1]]
            up = [p for pair in back for p in block(nn.ConvTranspose2d, *pair, output_padding=1)]
            last = nn.ConvTranspose2d(FILTERS[0], 3, 3, 2, 1, output_padding=1)
            self.decoder = nn.Sequential(*start, *up, last)

        def encode(self, x: Any) -> Any:
            return self.encoder(x)[:, :LATENT]

        def loss(self, x: Any) -> Any:
            mean, log_var = self.encoder(x).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            logits = self.decoder(z)
            nats = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
            return (nats + kl) / len(x)

    return Images()


def _series(family: str) -> Any:
    import torch
    from torch import nn

    def blocks() -> Any:
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
        )
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False)

    class Series(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = family.startswith("LSTM")
            if self.recurrent:
                self.reader = nn.LSTM(FEATURES, WIDTH, batch_first=True, bidirectional=True)
                self.writer = nn.LSTM(WIDTH, WIDTH, batch_first=True)
            else:
                self.embedding = nn.Linear(FEATURES, WIDTH)
                self.reader, self.writer = blocks(), blocks()
            self.code = nn.Linear((2 if self.recurrent else 1) * WIDTH, LATENT)
            self.start, self.end = nn.Linear(LATENT, WIDTH), nn.Linear(WIDTH, FEATURES)
            rate = torch.exp(-np.log(1e4) * torch.arange(0, WIDTH, 2) / WIDTH)
            angle = torch.arange(TIME)[:, None] * rate
            self.register_buffer("places", torch.cat([angle.sin(), angle.cos()], 1))

        def encode(self, x: Any, mask: Any = None) -> Any:
            if not self.recurrent:
                return self.code(self.reader(self.embedding(x) + self.places).mean(1))
            if mask is not None:
                lengths = mask.sum(1).long()
                x = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
            _, (h, _) = self.reader(x)
            return self.code(torch.cat([h[0], h[1]], 1))

        def loss(self, x: Any, mask: Any = None) -> Any:
            h = self.start(self.encode(x, mask))[:, None] + self.places
            h = self.writer(h)
            error = 0.5 * (self.end(h[0] if self.recurrent else h) - x) ** 2
            return (error if mask is None else error * mask[..., None]).sum() / len(x)

    return Series()
