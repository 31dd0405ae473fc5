"""Autoencoders of series: LSTM and transformer, also with masks."""

from typing import Any

import numpy as np

TIME, FEATURES, LATENT, WIDTH = 64, 3, 16, 64


def data(family: str, count: int) -> tuple[np.ndarray, ...]:
    """Return series, and a mask if the family has one."""
    random = np.random.default_rng(0)
    x = random.standard_normal((count, TIME, FEATURES), dtype="float32")
    if "masked" not in family:
        return (x,)
    lengths = random.integers(TIME // 3, TIME + 1, (count, 1))
    return x, (np.arange(TIME) < lengths).astype("float32")


def keras_model(family: str) -> Any:
    """Return the model in Keras."""
    import keras_vae as kv

    made = kv.LSTMAutoencoder if family.startswith("LSTM") else kv.TransformerAutoencoder
    return made((TIME, FEATURES), LATENT, masked="masked" in family)


def torch_model(family: str) -> Any:
    """Return the model in PyTorch."""
    import torch
    from torch import nn

    class Series(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = family.startswith("LSTM")
            if self.recurrent:
                self.reader = nn.LSTM(FEATURES, WIDTH, batch_first=True, bidirectional=True)
                self.writer = nn.LSTM(WIDTH, WIDTH, batch_first=True)
            else:
                self.embedding = nn.Linear(FEATURES, WIDTH)
                self.reader, self.writer = blocks(2), blocks(2)
            self.code = nn.Linear((2 if self.recurrent else 1) * WIDTH, LATENT)
            self.start, self.end = nn.Linear(LATENT, WIDTH), nn.Linear(WIDTH, FEATURES)
            rate = torch.exp(-np.log(1e4) * torch.arange(0, WIDTH, 2) / WIDTH)
            angle = torch.arange(TIME)[:, None] * rate
            self.register_buffer("places", torch.cat([angle.sin(), angle.cos()], 1))

        def encode(self, x: Any, mask: Any = None) -> Any:
            if not self.recurrent:
                unseen = None if mask is None else mask == 0
                h = self.reader(self.embedding(x) + self.places, src_key_padding_mask=unseen)
                if mask is None:
                    return self.code(h.mean(1))
                return self.code((h * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
            if mask is not None:
                lengths = mask.sum(1).long()
                x = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
            _, (h, _) = self.reader(x)
            return self.code(torch.cat([h[0], h[1]], 1))

        def loss(self, x: Any, mask: Any = None) -> Any:
            h = self.start(self.encode(x, mask))[:, None] + self.places
            if self.recurrent or mask is None:
                h = self.writer(h)
            else:
                h = self.writer(h, src_key_padding_mask=mask == 0)
            error = 0.5 * (self.end(h[0] if self.recurrent else h) - x) ** 2
            return (error if mask is None else error * mask[..., None]).sum() / len(x)

    return Series()


def blocks(count: int) -> Any:
    """Return attention blocks in PyTorch, with a normalization at the end."""
    from torch import nn

    layer = nn.TransformerEncoderLayer(
        WIDTH, 4, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, count, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
