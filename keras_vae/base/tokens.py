"""Sequences of tokens, integers of a vocabulary that are decoded in order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import call_network
from keras_vae.base.masking import Masking
from keras_vae.distributions import Autoregressive, Distribution, get
from keras_vae.errors import UsageError
from keras_vae.typing import Tensor
from keras_vae.validation import value_checks
from keras_vae.validation.activations import check_logits


class Tokens(Masking):
    """A mixin for models of sequences, whose steps are vectors or tokens.

    Tokens are integers `(batch, time)`. The decoder maps codes and tokens to logits; those of a
    step depend on the tokens before it. p(x | z) is then a `distributions.Autoregressive`. If
    there is no `vocabulary_size`, steps are vectors, and the mixin adds nothing to `Masking`.

    Attributes:
        vocabulary_size: Number of tokens, which run from 0 to `vocabulary_size - 1`; None if
            steps are vectors.
    """

    vocabulary_size: int | None = None

    def use_tokens(self, vocabulary_size: int | None) -> None:
        """Set the likelihood and the dtype of tokens, unless `vocabulary_size` is None."""
        self.vocabulary_size = vocabulary_size
        if vocabulary_size is not None:
            if self.preprocess:
                raise UsageError(
                    "Expected no preprocess with a vocabulary_size: tokens are classes, not "
                    f"numbers. Received: {self.preprocess.describe()}."
                )
            self.event_dtype = "int32"
            self.family = Autoregressive.of(vocabulary_size)

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """Return the outputs of the encoder in float32, for tokens of any integer dtype."""
        if self.vocabulary_size is not None:
            parts = list(x) if self.conditional else [x]
            value_checks.check_numbers("x", parts[0])
            if isinstance(parts[0], np.ndarray):
                self.check_event("x", parts[0])
            parts[0] = ops.cast(parts[0], "int32")
            x = parts if self.conditional else parts[0]
        return super().encoder_outputs(x, training)

    def observation_from_inputs(self, inputs: Any, training: bool = False) -> Distribution:
        """Return p(x | z) for codes, or for a pair of codes and mask."""
        if self.vocabulary_size is None:
            return super().observation_from_inputs(inputs, training)
        z, *mask = [ops.convert_to_tensor(part, "float32") for part in keras.tree.flatten(inputs)]
        start = ops.zeros((ops.shape(z)[0], *self.event_shape), "int32")

        def logits(tokens: Tensor) -> Tensor:
            # Padding gets the token that stands before the first step.
            if mask:
                tokens = ops.where(mask[0] > 0.5, tokens, self.vocabulary_size)
            return call_network(self.decoder, [z, tokens], training)

        return self.family(logits, start)

    def check_decoder(self, x: Any) -> None:
        """Raise ValueError unless the decoder returns logits for each step."""
        if self.vocabulary_size is None:
            return super().check_decoder(x)  # type: ignore[misc]
        z = keras.KerasTensor((None, *self.latent_shape), dtype="float32")
        logits = self.decoder([z, keras.tree.flatten(x)[0]])
        found = tuple(logits.shape)
        wanted = (None, *self.event_shape, self.vocabulary_size)
        if found != wanted:
            raise UsageError(f"Expected a decoder that gives logits {wanted}. Received: {found}.")
        check_logits(self, logits, ["logits"])  # type: ignore[arg-type]

    def check_event(self, name: str, values: Any) -> None:
        """Raise ValueError unless all `values` are tokens of the vocabulary."""
        if self.vocabulary_size is None:
            return super().check_event(name, values)
        values = ops.convert_to_numpy(values)
        value_checks.check_values(name, values, value_checks.ANY_NUMBER, "all inputs")
        unknown = (values < 0) | (values >= self.vocabulary_size) | (values % 1 != 0)
        if unknown.any():
            raise UsageError(
                f"Expected {name} of whole numbers from 0 to {self.vocabulary_size - 1}, the "
                f"tokens of a vocabulary of {self.vocabulary_size}. Received: "
                f"{np.unique(values[unknown])[:5].tolist()} in {int(unknown.sum())} place(s). "
                "(Give unknown words a token of their own, and padding any token, such as 0.)"
            )


def likelihood_or_default(likelihood: Any, vocabulary_size: int | None) -> Any:
    """Return `likelihood`, or the default of a model of sequences if it is None.

    Args:
        likelihood: Name or class, or None.
        vocabulary_size: Number of tokens; None if steps are vectors.

    Returns:
        The default is "normal" for vectors and "categorical" for tokens.

    Raises:
        ValueError: If tokens have another likelihood than "categorical".
    """
    if vocabulary_size is None:
        return "normal" if likelihood is None else likelihood
    if not (likelihood is None or (isinstance(likelihood, str) and likelihood == "categorical")):
        raise UsageError(
            "Expected likelihood='categorical', that of tokens, with a vocabulary_size. "
            f"Received: {likelihood!r}."
        )
    return "categorical"


def decoder_heads(likelihood: Any, vocabulary_size: int | None) -> int:
    """Return the number of outputs that a decoder of sequences needs."""
    return 1 if vocabulary_size is not None else get(likelihood).heads


class SequenceModel(Tokens):
    """Base class of the models of sequences, which build their own networks.

    Put it before the model: `class MyModel(SequenceModel, keras_vae.VAE)`.

    Args:
        builder: Function that makes the networks, such as `keras_vae.nets.lstm`.
        shape: `(time, features)` of x without the batch; for tokens `(time,)`.
        latent_dim: Size of the code.
        likelihood: Name or class of p(x | z); None for the default, see `likelihood_or_default`.
        masked: False, or True or "features" if x is a pair `(x, mask)`; see
            `keras_vae.base.masking.Masking`.
        vocabulary_size: Number of tokens; None if steps are vectors.
        options: Other arguments of `builder` by name.
        **kwargs: Of the model.

    Attributes:
        code_outputs: Number of outputs of the encoder: 1, or 2 for z_mean and z_log_var.
    """

    code_outputs: int

    def __init__(
        self,
        builder: Callable[..., tuple[keras.Model, keras.Model]],
        shape: Sequence[int],
        latent_dim: int,
        likelihood: str | type[Distribution] | None,
        masked: bool | str,
        vocabulary_size: int | None,
        options: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        likelihood = likelihood_or_default(likelihood, vocabulary_size)
        networks = builder(
            shape,
            latent_dim,
            heads=self.code_outputs,
            decoder_heads=decoder_heads(likelihood, vocabulary_size),
            masked=masked,
            vocabulary_size=vocabulary_size,
            **options,
        )
        super().__init__(*networks, likelihood=likelihood, **kwargs)  # type: ignore[call-arg]
        self.conditional = bool(masked)
        self.use_tokens(vocabulary_size)
