"""The models of sequences that work by attention."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import Distribution
from keras_vae.models.vae import VAE
from keras_vae.tokens import Tokens, decoder_heads, named_likelihood


class _Attentive(Tokens):
    """The constructor that both models share."""

    code_outputs: int

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] | None = None,
        masked: bool = False,
        width: int = 64,
        blocks: int = 2,
        attention_heads: int = 4,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        likelihood = named_likelihood(likelihood, vocabulary_size)
        networks = nets.transformer(
            shape,
            latent_dim,
            width,
            blocks,
            attention_heads,
            heads=self.code_outputs,
            decoder_heads=decoder_heads(likelihood, vocabulary_size),
            masked=masked,
            vocabulary_size=vocabulary_size,
        )
        super().__init__(*networks, likelihood=likelihood, **kwargs)  # type: ignore[call-arg]
        self.conditional = masked
        self.of_tokens(vocabulary_size)


@keras.saving.register_keras_serializable("keras_vae")
class TransformerAutoencoder(_Attentive, Autoencoder):
    """Autoencoder of sequences by attention (Vaswani et al. 2017, arXiv:1706.03762).

    Args:
        shape: `(time, features)` of x without the batch, of tokens `(time,)`; time is the longest.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        width: As the other arguments of `keras_vae.nets.transformer`.
        blocks: As in `keras_vae.nets.transformer`.
        attention_heads: As in `keras_vae.nets.transformer`.
        vocabulary_size: As in `LSTMAutoencoder`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or the heads do not divide `width`; in
            `fit` and `evaluate`, if a mask is missing, has another shape, other values than 0
            and 1, or a row of zeros.
    """

    code_outputs = 1


@keras.saving.register_keras_serializable("keras_vae")
class TransformerVAE(_Attentive, VAE):
    """VAE of sequences by attention, all steps decoded at once from the code.

    Args:
        shape: `(time, features)` of x without the batch, of tokens `(time,)`; time is the longest.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        width: As the other arguments of `keras_vae.nets.transformer`.
        blocks: As in `keras_vae.nets.transformer`.
        attention_heads: As in `keras_vae.nets.transformer`.
        vocabulary_size: As in `LSTMAutoencoder`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or the heads do not divide `width`; in
            `fit` and `evaluate`, if a mask is missing, has another shape, other values than 0
            and 1, or a row of zeros.
    """

    code_outputs = 2
