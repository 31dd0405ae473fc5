"""TimeVAE, whose reconstructions are a sum of interpretable parts."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae import nets
from keras_vae.base.masking import Masking
from keras_vae.distributions import Distribution, Laplace, Masked, Normal, NormalLearnedScale, get
from keras_vae.distributions.base import tensor
from keras_vae.errors import UsageError
from keras_vae.models.vae import VAE
from keras_vae.nets.time_vae import TREND, decode_parts
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class TimeVAE(Masking, VAE):
    """VAE of series whose decoder is a sum of a trend, seasons, and a residual.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). The mean of
        p(x | z) is trend(z) + season(z) + residual(z). Both terms are in nats; the first is
        summed over the real time steps and their features.

    Source: Desai et al. 2021 (arXiv:2111.08095); its weight of the reconstruction is 1 / beta here.

    Example:
        >>> model = keras_vae.TimeVAE((40, 1), latent_dim=8, seasons=[(20, 1)])
        >>> list(model.decompose(series[:4]))
        ['trend', 'season', 'residual']

    Args:
        shape: `(time, features)` of x without the batch.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: "normal", "normal_learned_scale" or "laplace", whose mean is the sum of parts.
        masked: As in `LSTMAutoencoder`.
        trend_degree: As in `keras_vae.nets.time_vae`; so are the arguments up to `hidden`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the likelihood is another one, or as for `keras_vae.nets.time_vae`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 8,
        likelihood: str | type[Distribution] = "normal",
        masked: bool | str = False,
        trend_degree: int = 2,
        seasons: Sequence[Sequence[int]] = (),
        residual: bool = True,
        filters: Sequence[int] = (32, 64),
        hidden: int = 64,
        **kwargs: Any,
    ) -> None:
        if get(likelihood) not in (Normal, NormalLearnedScale, Laplace):
            raise UsageError(
                "Expected likelihood to be 'normal', 'normal_learned_scale' or 'laplace', whose "
                f"mean is a sum of parts. Received: {likelihood!r}."
            )
        sizes = (latent_dim, trend_degree, seasons, residual, filters, hidden)
        networks = nets.time_vae(shape, *sizes, heads=2, masked=masked)
        super().__init__(*networks, likelihood=likelihood, **kwargs)
        self.conditional = bool(masked)

    def decompose(self, x: Tensor) -> dict[str, Tensor]:
        """Return the parts of `reconstruct(x)`, which add up to it, by name, each `x.shape`."""
        codes = keras.tree.map_structure(tensor, self.with_condition(self.encode(x), x))
        parts, raw = decode_parts(self.decoder, codes), self.preprocess.inverse
        parts = {n: raw(p) - (n != TREND) * raw(ops.zeros_like(p)) for n, p in parts.items()}
        if self.conditional:
            parts = {n: Masked(Normal(part), x[1]).mean for n, part in parts.items()}
        return {n: self.mark_rows(x, part) for n, part in parts.items()}
