"""Dense networks of flat images: a VAE, an IWAE, and a FactorVAE."""

import math
from typing import Any

import numpy as np

SIZE, HIDDEN, LATENT = 784, (512, 256), 16
SAMPLES, GAMMA = 50, 10.0
OF_DISCRIMINATOR = (LATENT, *[1000] * 6, 1)


def data(family: str, count: int) -> tuple[np.ndarray, ...]:
    """Return flat images of random pixels."""
    return (np.random.default_rng(0).random((count, SIZE), dtype="float32"),)


def keras_model(family: str) -> Any:
    """Return the model in Keras."""
    import keras_vae as kv

    networks = kv.nets.dense((SIZE,), LATENT, HIDDEN, heads=2, activation="relu")
    if family.startswith("IWAE"):
        return kv.IWAE(*networks, samples=SAMPLES, likelihood="bernoulli")
    made = kv.FactorVAE if family == "FactorVAE" else kv.VAE
    return made(*networks, likelihood="bernoulli")


def torch_model(family: str) -> Any:
    """Return the model in PyTorch."""
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits, softplus

    def layers(sizes: tuple[int, ...], activation: Any) -> Any:
        pairs = zip(sizes, sizes[1:], strict=False)
        parts = [part for pair in pairs for part in (nn.Linear(*pair), activation())]
        return nn.Sequential(*parts[:-1])

    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = layers((SIZE, *HIDDEN, 2 * LATENT), nn.ReLU)
            self.decoder = layers((LATENT, *HIDDEN[::-1], SIZE), nn.ReLU)

        def encode(self, x: Any) -> Any:
            return self.encoder(x)[:, :LATENT]

        def terms(self, x: Any) -> tuple[Any, Any]:
            """Return a code and the negative ELBO."""
            mean, log_var = self.encoder(x).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            nats = binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
            return z, (nats + kl) / len(x)

        def loss(self, x: Any) -> Any:
            return self.terms(x)[1]

    class Weighted(Dense):
        def loss(self, x: Any) -> Any:
            mean, log_var = self.encoder(x).chunk(2, dim=1)
            noise = torch.randn((SAMPLES, *mean.shape))
            z = mean + torch.exp(0.5 * log_var) * noise
            logits = self.decoder(z)
            # -log p(x | z) of logits is softplus(logit) - x * logit, without copies of x.
            log_p = (logits * x).sum(-1) - softplus(logits).sum(-1)
            log_ratio = 0.5 * (noise.pow(2) + log_var - z.pow(2)).sum(-1)
            bound = torch.logsumexp(log_p + log_ratio, 0) - math.log(SAMPLES)
            return -bound.mean()

    class Factor(Dense):
        def __init__(self) -> None:
            super().__init__()
            self.discriminator = layers(OF_DISCRIMINATOR, lambda: nn.LeakyReLU(0.2))

        def loss(self, x: Any) -> Any:
            z, loss = self.terms(x)
            constant = {k: v.detach() for k, v in self.discriminator.named_parameters()}
            correlation = torch.func.functional_call(self.discriminator, constant, (z,)).mean()
            codes = z.detach()
            order = torch.rand_like(codes).argsort(0)
            both = self.discriminator(torch.cat([codes, codes.gather(0, order)]))
            joint, product = both.chunk(2)
            return loss + GAMMA * correlation + 0.5 * (softplus(-joint) + softplus(product)).mean()

    return {"IWAE": Weighted, "FactorVAE": Factor}.get(family.split(",")[0], Dense)()
