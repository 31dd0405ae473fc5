"""The recurrent models of sequences."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import Distribution
from keras_vae.models.vae import VAE
from keras_vae.tokens import Tokens, decoder_heads, named_likelihood


class _Recurrent(Tokens):
    """The constructor that both models share."""

    code_outputs: int

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] | None = None,
        masked: bool = False,
        units: Sequence[int] = (64,),
        bidirectional: bool = True,
        unroll: bool = False,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        likelihood = named_likelihood(likelihood, vocabulary_size)
        networks = nets.lstm(
            shape,
            latent_dim,
            units,
            heads=self.code_outputs,
            decoder_heads=decoder_heads(likelihood, vocabulary_size),
            masked=masked,
            bidirectional=bidirectional,
            unroll=unroll,
            vocabulary_size=vocabulary_size,
        )
        super().__init__(*networks, likelihood=likelihood, **kwargs)  # type: ignore[call-arg]
        self.conditional = masked
        self.of_tokens(vocabulary_size)


@keras.saving.register_keras_serializable("keras_vae")
class LSTMAutoencoder(_Recurrent, Autoencoder):
    """Recurrent autoencoder of sequences (Srivastava et al. 2015, arXiv:1502.04681).

    Example:
        >>> model = keras_vae.LSTMAutoencoder((40, 1), latent_dim=8, masked=True)
        >>> model.compile("adam")
        >>> model.fit((padded, mask), epochs=10)

    Args:
        shape: `(time, features)` of x without the batch, of tokens `(time,)`; time is the longest.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `Autoencoder`, "normal" if None; "categorical" takes one-hot vectors as
            features. Of tokens it is always "categorical".
        masked: Whether the sequences have many lengths; see `Masking`.
        units: As the other arguments of `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        vocabulary_size: How many tokens there are, where x are integers; see `Tokens`.
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

    Of numbers the decoder sees the code alone and not the steps before, so it cannot leave the code
    unused. Of tokens it sees those before, and can: then start with little weight on the KL term,
    `beta=keras_vae.schedules.LinearWarmUp(5000)`, as the paper does.

    Args:
        shape: `(time, features)` of x without the batch, of tokens `(time,)`; time is the longest.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        units: As the other arguments of `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        vocabulary_size: As in `LSTMAutoencoder`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or `units` is empty; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 2
