"""Sequences of tokens: whole numbers of a vocabulary, decoded one after the other."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import checks
from keras_vae.distributions import Autoregressive, Distribution, get
from keras_vae.masking import Masking

Tensor = Any


class Tokens(Masking):
    """What the models of sequences add to `Masking` when x are tokens, integers `(batch, time)`.

    The decoder maps codes and tokens to logits, each of the tokens before it; see
    `distributions.Autoregressive`, which p(x | z) then is. Without a `vocabulary_size` nothing
    is added.

    Attributes:
        vocabulary_size: How many tokens there are, 0 to `vocabulary_size - 1`; None for numbers.
    """

    vocabulary_size: int | None = None

    def of_tokens(self, vocabulary_size: int | None) -> None:
        """Make this model one of tokens, if it is given how many there are."""
        self.vocabulary_size = vocabulary_size
        if vocabulary_size is not None:
            self.event_dtype = "int32"
            self.family = Autoregressive.of(vocabulary_size)

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """What the encoder gives, in float32."""
        if self.vocabulary_size is not None:
            parts = list(x) if self.conditional else [x]
            if isinstance(parts[0], np.ndarray):
                self.check_event("x", parts[0])
            parts[0] = ops.cast(parts[0], "int32")
            x = parts if self.conditional else parts[0]
        return super().encoder_outputs(x, training)

    def decoded(self, inputs: Any, training: bool = False) -> Distribution:
        """p(x | z) of codes, or of a pair of codes and mask."""
        if self.vocabulary_size is None:
            return super().decoded(inputs, training)
        z, *mask = [ops.convert_to_tensor(part, "float32") for part in keras.tree.flatten(inputs)]
        start = ops.zeros((ops.shape(z)[0], *self.event_shape), "int32")

        def logits(tokens: Tensor) -> Tensor:
            # A step that there is not is as the place before the first: nothing.
            if mask:
                tokens = ops.where(mask[0] > 0.5, tokens, self.vocabulary_size)
            return self.decoder([z, tokens], training=training)

        return self.family(logits, start)

    def check_decoder(self, x: Any) -> None:
        """Raise ValueError unless the decoder gives logits for each step."""
        if self.vocabulary_size is None:
            return super().check_decoder(x)  # type: ignore[misc]
        z = keras.KerasTensor((None, *self.latent_shape), dtype="float32")
        found = tuple(self.decoder([z, keras.tree.flatten(x)[0]]).shape)
        wanted = (None, *self.event_shape, self.vocabulary_size)
        if found != wanted:
            raise ValueError(f"Expected a decoder that gives logits {wanted}. Received: {found}.")

    def check_event(self, name: str, values: Any) -> None:
        """Raise ValueError for what is no token of the vocabulary."""
        if self.vocabulary_size is None:
            return super().check_event(name, values)  # type: ignore[misc]
        values = ops.convert_to_numpy(values)
        checks.check_values(name, values, checks.ANY_NUMBER, "all inputs")
        unknown = (values < 0) | (values >= self.vocabulary_size) | (values % 1 != 0)
        if unknown.any():
            raise ValueError(
                f"Expected {name} of whole numbers from 0 to {self.vocabulary_size - 1}, the "
                f"tokens of a vocabulary of {self.vocabulary_size}. Received: "
                f"{np.unique(values[unknown])[:5].tolist()} in {int(unknown.sum())} place(s). "
                "(Give unknown words a token of their own, and padding any token, such as 0.)"
            )


def named_likelihood(likelihood: Any, vocabulary_size: int | None) -> Any:
    """The likelihood of a model of sequences, where None is the usual one.

    Raises:
        ValueError: If tokens have another one than "categorical".
    """
    if vocabulary_size is None:
        return "normal" if likelihood is None else likelihood
    if not (likelihood is None or (isinstance(likelihood, str) and likelihood == "categorical")):
        raise ValueError(
            "Expected likelihood='categorical', that of tokens, with a vocabulary_size. "
            f"Received: {likelihood!r}."
        )
    return "categorical"


def decoder_heads(likelihood: Any, vocabulary_size: int | None) -> int:
    """How many outputs a decoder of sequences needs."""
    return 1 if vocabulary_size is not None else get(likelihood).heads
