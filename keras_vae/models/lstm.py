"""The LSTM models of sequences."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.tokens import SequenceModel
from keras_vae.distributions import Distribution
from keras_vae.models.vae import VAE


class _Recurrent(SequenceModel):
    """Constructor of both models."""

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] | None = None,
        masked: bool | str = False,
        units: Sequence[int] = (64,),
        bidirectional: bool = True,
        unroll: bool = False,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        options = {"units": units, "bidirectional": bidirectional, "unroll": unroll}
        super().__init__(
            nets.lstm, shape, latent_dim, likelihood, masked, vocabulary_size, options, **kwargs
        )


@keras.saving.register_keras_serializable("keras_vae")
class LSTMAutoencoder(_Recurrent, Autoencoder):
    """LSTM autoencoder of sequences.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ],  z = encoder(x)

        -log p(x | z) is in nats and summed over the real time steps and their features. For
        tokens it is sum_t -log p(x_t | x_<t, z).

    Source: Srivastava et al. 2015 (arXiv:1502.04681).

    Example:
        >>> model = keras_vae.LSTMAutoencoder((40, 1), latent_dim=8, masked=True)
        >>> model.compile("adam")
        >>> mask = np.ones((len(series), 40))  # 0 for padding
        >>> model.fit((series, mask), epochs=10)

    Args:
        shape: `(time, features)` of x without the batch, for tokens `(time,)`. `time` is the
            largest length.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `Autoencoder`; None for "normal". With "categorical", features are
            one-hot vectors. For tokens it is always "categorical".
        masked: True if x is a pair `(x, mask)`, for sequences of many lengths. The mask,
            `(batch, time)`, has 1 for real time steps and 0 for padding. With "features" it is
            `(batch, time, features)`, with 0 for each missing value.
        units: Widths of the LSTM layers, as in `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        vocabulary_size: Number of tokens, if x are integers from 0 to `vocabulary_size - 1`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or `units` is empty; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 1


@keras.saving.register_keras_serializable("keras_vae")
class LSTMVAE(_Recurrent, VAE):
    """LSTM variational autoencoder of sequences.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). KL is in
        closed form. Both terms are in nats; the first is summed over the real time steps and
        their features. For tokens it is sum_t -log p(x_t | x_<t, z).

    For vectors, the decoder takes the code alone and not the steps before, so it must use the
    code. For tokens it takes the tokens before each step, and may ignore the code. Then start
    with a small weight of KL, `beta=keras_vae.schedules.LinearWarmUp(5000)`, as in the paper.

    Source: Bowman et al. 2016 (arXiv:1511.06349; there the decoder also takes the steps before).

    Example:
        >>> model = keras_vae.LSTMVAE((40, 1), latent_dim=8)
        >>> model.compile("adam")
        >>> model.fit(series, epochs=10)
        >>> model.sample(4, seed=0).shape
        TensorShape([4, 40, 1])

    Args:
        shape: `(time, features)` of x without the batch, for tokens `(time,)`. `time` is the
            largest length.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        units: As in `keras_vae.nets.lstm`.
        bidirectional: As in `keras_vae.nets.lstm`.
        unroll: As in `keras_vae.nets.lstm`.
        vocabulary_size: As in `LSTMAutoencoder`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or `units` is empty; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 2
