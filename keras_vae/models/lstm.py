"""The recurrent models of sequences."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import Distribution, get
from keras_vae.masking import Masking
from keras_vae.models.vae import VAE


class _Recurrent(Masking):
    """The constructor that both models share."""

    code_outputs: int

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
        networks = nets.lstm(
            shape,
            latent_dim,
            units,
            heads=self.code_outputs,
            decoder_heads=get(likelihood).heads,
            masked=masked,
            bidirectional=bidirectional,
            unroll=unroll,
        )
        super().__init__(*networks, likelihood=likelihood, **kwargs)  # type: ignore[call-arg]
        self.conditional = masked


@keras.saving.register_keras_serializable("keras_vae")
class LSTMAutoencoder(_Recurrent, Autoencoder):
    """Recurrent autoencoder of sequences (Srivastava et al. 2015, arXiv:1502.04681).

    Example:
        >>> model = keras_vae.LSTMAutoencoder((40, 1), latent_dim=8, masked=True)
        >>> model.compile("adam")
        >>> model.fit((padded, mask), epochs=10)

    Args:
        shape: `(time, features)` of x without the batch; time is the longest.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `Autoencoder`; "categorical" takes one-hot tokens as features.
        masked: Whether the sequences have many lengths; see `Masking`.
        units: As the other arguments of `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or `units` is empty; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 1


@keras.saving.register_keras_serializable("keras_vae")
class LSTMVAE(_Recurrent, VAE):
    """Recurrent VAE of sequences (Bowman et al. 2016, arXiv:1511.06349, without feedback).

    The decoder sees the code alone and not the steps before, so it cannot leave the code unused.

    Args:
        shape: `(time, features)` of x without the batch; time is the longest.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        units: As the other arguments of `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or `units` is empty; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 2
