"""A ladder of three levels of codes for gray images: a vector, and maps of 7x7 and 14x14."""

from typing import Any

import numpy as np

LATENT, CHANNELS, NARROW, WIDE = 32, 4, 32, 64


def data(family: str, count: int) -> tuple[np.ndarray, ...]:
    """Return images of random pixels."""
    return (np.random.default_rng(0).random((count, 28, 28, 1), dtype="float32"),)


def keras_model(family: str) -> Any:
    """Return the model in Keras."""
    import keras_vae as kv

    networks = kv.nets.conv_ladder((28, 28, 1), LATENT, CHANNELS, (NARROW, WIDE), (1, 1))
    return kv.LadderVAE(*networks, likelihood="bernoulli")


def torch_model(family: str) -> Any:
    """Return the model in PyTorch."""
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits, silu

    class Block(nn.Module):
        """A residual block of two convolutions."""

        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(before, after, 3, padding=1)
            self.last = nn.Conv2d(after, after, 3, padding=1)
            nn.init.zeros_(self.last.weight)
            same = before == after
            self.around = nn.Identity() if same else nn.Conv2d(before, after, 3, padding=1)

        def forward(self, h: Any) -> Any:
            return self.around(h) + self.last(silu(self.first(silu(h))))

    def heads(before: int, width: int) -> Any:
        last = nn.Conv2d(width, 2 * CHANNELS, 3, padding=1)
        return nn.Sequential(Block(before, width), nn.SiLU(), last)

    def double(*parts: Any) -> Any:
        return nn.Sequential(nn.Upsample(scale_factor=2), *parts)

    class Maps(nn.Module):
        """A level of codes that are maps."""

        def __init__(self, width: int, grow: Any) -> None:
            super().__init__()
            self.posterior, self.prior = heads(2 * width, width), heads(width, width)
            self.read = nn.Conv2d(CHANNELS, width, 3, padding=1)
            self.merge = nn.Sequential(Block(width, width), grow)

        def forward(self, features: Any, state: Any, draw: Any) -> Any:
            q = self.posterior(torch.cat([features, state], 1)).chunk(2, 1)
            mean, log_var = self.prior(state).chunk(2, 1)
            z = draw(*q)
            v = mean + torch.exp(0.5 * log_var) * z
            return q, z, self.merge(state + self.read(v))

    class Ladder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            down = nn.Conv2d(1, NARROW, 3, 2, 1), nn.Conv2d(NARROW, WIDE, 3, 2, 1)
            self.large = nn.Sequential(down[0], Block(NARROW, NARROW))
            self.small = nn.Sequential(down[1], Block(WIDE, WIDE))
            self.top = nn.Sequential(nn.SiLU(), nn.Flatten(), nn.Linear(49 * WIDE, 2 * LATENT))
            start = nn.Linear(LATENT, 49 * WIDE), nn.Unflatten(1, (WIDE, 7, 7))
            self.start = nn.Sequential(*start, Block(WIDE, WIDE))
            self.middle = Maps(WIDE, double(Block(WIDE, NARROW)))
            self.bottom = Maps(NARROW, nn.Identity())
            image = nn.ConvTranspose2d(NARROW, 1, 3, padding=1)
            self.head = double(Block(NARROW, NARROW), nn.SiLU(), image)

        def descend(self, x: Any, draw: Any) -> tuple[list[Any], list[Any], Any]:
            """Return the posteriors and the codes of all levels, and the last state."""
            large = self.large(x)
            small = self.small(large)
            first = self.top(small).chunk(2, 1)
            z = draw(*first)
            second, z_2, state = self.middle(small, self.start(z), draw)
            third, z_3, state = self.bottom(large, state, draw)
            return [first, second, third], [z, z_2, z_3], state

        def encode(self, x: Any) -> Any:
            codes = self.descend(x, lambda mean, log_var: mean)[1]
            return torch.cat([z.permute(0, *range(2, z.ndim), 1).flatten(1) for z in codes], 1)

        def loss(self, x: Any) -> Any:
            def draw(mean: Any, log_var: Any) -> Any:
                return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)

            posteriors, _, state = self.descend(x, draw)
            nats = binary_cross_entropy_with_logits(self.head(state), x, reduction="sum")
            # Codes are in units of their prior, so that each prior is a standard normal.
            for mean, log_var in posteriors:
                nats = nats - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
            return nats / len(x)

    return Ladder()
