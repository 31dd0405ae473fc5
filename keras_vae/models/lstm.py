"""The recurrent models of sequences."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import Distribution, get
from keras_vae.masking import Masking
from keras_vae.models.vae import VAE


@keras.saving.register_keras_serializable("keras_vae")
class LSTMAutoencoder(Masking, Autoencoder):
    """Recurrent autoencoder of sequences (Srivastava et al. 2015, arXiv:1502.04681).

    Example:
        >>> model = keras_vae.LSTMAutoencoder((40, 1), latent_dim=8, masked=True)
        >>> model.compile("adam")
        >>> model.fit((padded, mask), epochs=10)

    Args:
        shape: `(time, features)`; time is the longest.
        latent_dim: Size of the code.
        likelihood: As in `Autoencoder`; "categorical" takes one-hot tokens as features.
        masked: Whether the sequences have many lengths; see `Masking`.
        units: As the other arguments of `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `name`, `dtype`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] = "normal",
        masked: bool = False,
        units: Sequence[int] = (64,),
        bidirectional: bool = True,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        given = {"masked": masked, "bidirectional": bidirectional, "unroll": unroll}
        heads = get(likelihood).heads
        networks = nets.lstm(shape, latent_dim, units, 1, heads, **given)
        super().__init__(*networks, likelihood=likelihood, **kwargs)
        self.conditional = masked


@keras.saving.register_keras_serializable("keras_vae")
class LSTMVAE(Masking, VAE):
    """Recurrent VAE of sequences (Bowman et al. 2016, arXiv:1511.06349, without feedback).

    The decoder sees the code alone and not the steps before, so it cannot leave the code unused.

    Args:
        shape: `(time, features)`; time is the longest.
        latent_dim: Size of the code.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        units: As the other arguments of `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `name`, `dtype`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] = "normal",
        masked: bool = False,
        units: Sequence[int] = (64,),
        bidirectional: bool = True,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        given = {"masked": masked, "bidirectional": bidirectional, "unroll": unroll}
        heads = get(likelihood).heads
        networks = nets.lstm(shape, latent_dim, units, 2, heads, **given)
        super().__init__(*networks, likelihood=likelihood, **kwargs)
        self.conditional = masked
