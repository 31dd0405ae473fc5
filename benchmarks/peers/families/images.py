"""Images in color: BatchNorm convolutions, a VQ-VAE, and a masked autoencoder of patches."""

from typing import Any

import numpy as np

LATENT, FILTERS = 16, (32, 64, 128, 256)
CODES, OF_CODE, DECAY = 512, 64, 0.99
PATCH, WIDTH, SHOWN = 4, 64, 0.25


def data(family: str, count: int) -> tuple[np.ndarray, ...]:
    """Return images of random pixels."""
    side = 64 if "64" in family else 32
    return (np.random.default_rng(0).random((count, side, side, 3), dtype="float32"),)


def keras_model(family: str) -> Any:
    """Return the model in Keras."""
    import keras_vae as kv

    if family == "VQ-VAE":
        networks = kv.nets.conv_map((32, 32, 3), OF_CODE, activation="relu")
        return kv.VQVAE(*networks, codebook_size=CODES, decay=DECAY, restart=0.0)
    if family == "masked autoencoder":
        return kv.MaskedAutoencoder((32, 32, 3), PATCH, mask_ratio=1.0 - SHOWN, width=WIDTH)
    return _with_batch_normalization()


def _with_batch_normalization() -> Any:
    import keras
    from keras import layers

    import keras_vae as kv

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


def torch_model(family: str) -> Any:
    """Return the model in PyTorch."""
    return {"VQ-VAE": _quantized, "masked autoencoder": _masked}.get(family, _images)()


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


def _quantized() -> Any:
    import torch
    from torch import nn
    from torch.nn.functional import embedding

    class Quantized(nn.Module):
        """A codebook of moving averages (van den Oord et al. 2017, appendix A.1)."""

        book: Any
        counts: Any
        sums: Any

        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                *(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU()),
                *(nn.Conv2d(32, OF_CODE, 3, 2, 1), nn.ReLU()),
                nn.Conv2d(OF_CODE, OF_CODE, 3, 1, 1),
            )
            self.decoder = nn.Sequential(
                *(nn.ConvTranspose2d(OF_CODE, OF_CODE, 3, 1, 1), nn.ReLU()),
                *(nn.ConvTranspose2d(OF_CODE, 32, 3, 2, 1, output_padding=1), nn.ReLU()),
                nn.ConvTranspose2d(32, 3, 3, 2, 1, output_padding=1),
            )
            self.register_buffer("book", torch.randn(CODES, OF_CODE))
            self.register_buffer("counts", torch.ones(CODES))
            self.register_buffer("sums", self.book.clone())

        def nearest(self, rows: Any) -> Any:
            return torch.addmm(self.book.pow(2).sum(1), rows, self.book.T, alpha=-2.0).argmin(1)

        def encode(self, x: Any) -> Any:
            z = self.encoder(x).permute(0, 2, 3, 1)
            return self.nearest(z.reshape(-1, OF_CODE)).reshape(z.shape[:-1])

        def loss(self, x: Any) -> Any:
            z = self.encoder(x).permute(0, 2, 3, 1)
            rows = z.detach().reshape(-1, OF_CODE)
            codes = self.nearest(rows)
            found = embedding(codes, self.book).reshape(z.shape)
            with torch.no_grad():
                sums = torch.zeros_like(self.sums).index_add_(0, codes, rows)
                self.counts.lerp_(torch.bincount(codes, minlength=CODES).float(), 1 - DECAY)
                self.sums.lerp_(sums, 1 - DECAY)
                self.book.copy_(self.sums / self.counts.clamp(min=1e-5)[:, None])
            passed = (z + (found - z).detach()).permute(0, 3, 1, 2)
            error = 0.5 * (self.decoder(passed) - x).pow(2).sum()
            return (error + 0.25 * (z - found).pow(2).sum()) / len(x)

    return Quantized()


def _masked() -> Any:
    import torch
    from torch import nn

    from benchmarks.peers.families.series import blocks

    grid, latent = 32 // PATCH, 32

    class Masked(nn.Module):
        places: Any

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Conv2d(3, WIDTH, PATCH, PATCH)
            self.reader, self.writer = blocks(4), blocks(2)
            self.code, self.start = nn.Linear(WIDTH, latent), nn.Linear(latent, WIDTH)
            self.pixels = nn.ConvTranspose2d(WIDTH, 3, PATCH, PATCH)
            self.token = nn.Parameter(torch.randn(latent))
            self.register_buffer("places", torch.randn(grid**2, WIDTH))

        def embed(self, x: Any) -> Any:
            return self.embedding(x).flatten(2).transpose(1, 2) + self.places

        def encode(self, x: Any) -> Any:
            return self.code(self.reader(self.embed(x)))

        def loss(self, x: Any) -> Any:
            order = torch.rand(len(x), grid**2).argsort(1)
            shown = order[:, : round(SHOWN * grid**2), None].expand(-1, -1, WIDTH)
            codes = self.code(self.reader(self.embed(x).gather(1, shown)))
            hidden = self.token.expand(len(x), grid**2 - codes.shape[1], latent)
            places = order.argsort(1)[..., None].expand(-1, -1, latent)
            all_codes = torch.cat([codes, hidden], 1).gather(1, places)
            h = self.writer(self.start(all_codes) + self.places)
            images = self.pixels(h.transpose(1, 2).unflatten(2, (grid, grid)))
            return 0.5 * (images - x).pow(2).sum() / len(x)

    return Masked()
