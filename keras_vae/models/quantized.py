"""The base class of autoencoders whose codes are integers."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import call_method
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.observed import observe
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.code_use import CodeUse
from keras_vae.typing import Tensor
from keras_vae.validation import value_checks


class QuantizedAutoencoder(Autoencoder):
    """Base class of autoencoders with a quantizer between encoder and decoder.

    A code is a map of integers from 0 to `codebook_size` - 1. Each vector along the last axis of
    the encoder output has one integer, or as many as the quantizer has codebooks. `encode` returns
    the integers and `decode` takes them. Logs hold `perplexity`, the effective number of codes in
    use over an epoch, as a mean over the codebooks.

    A subclass defines `code_terms`, its loss terms, in place of `loss_terms`. A training step
    computes the codes once, for the loss, for `perplexity` and for the update of the codebook.

    Args:
        encoder: As in `Autoencoder`; the last axis of its output holds the vectors to quantize.
        decoder: Layer or model from such vectors to the parameters of p(x | z).
        quantizer: One of `keras_vae.quantization`.
        **kwargs: Of `Autoencoder`.
    """

    takes_condition = False
    latent_dtype = "int32"

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        quantizer: Quantizer,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.quantizer = quantizer
        self.code_use = CodeUse(quantizer.size, self.codebooks)

    @property
    def codebook_size(self) -> int:
        """Number of different integers, of each codebook."""
        return self.quantizer.size

    @property
    def codebooks(self) -> int:
        """Number of integers of each vector, which lie on the last axes of a code."""
        return math.prod(self.quantizer.code_shape)

    def build(self, input_shape: Any) -> None:
        """Make all variables, with those of the quantizer."""
        super().build(input_shape)
        *places, dimensions = self.latent_shape
        self.quantizer.build_for(dimensions)
        self.latent_shape = (*places, *self.quantizer.code_shape)

    def codes_from_outputs(self, outputs: list[Tensor]) -> Tensor:
        """Return the integers that stand for the vectors, int32 `(batch, *latent_shape)`.

        Integers have no NaN: `encode` gives examples with values that are not finite code 0.
        """
        return call_method(self.quantizer, "codes", outputs[0])

    def decoder_input(self, z: Tensor) -> Tensor:
        """Return the vectors of integer codes; raise for codes that are no integers in range."""
        check_integers(z, self.codebook_size)
        return call_method(self.quantizer, "lookup", ops.cast(z, "int32"))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return `code_terms` of the vectors of the encoder for `x`."""
        z = self.encoder_outputs(x, training)[0]
        return self.code_terms(z, self.quantizer.codes(z), y, training)

    def code_terms(
        self, z: Tensor, codes: Tensor, y: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        """Return the terms of the loss for each example; subclasses must define it.

        Args:
            z: Vectors of the encoder, float32 `(batch, ..., dimensions)`.
            codes: Integer codes of these vectors, `(batch, *latent_shape)`.
            y: Target, `(batch, *event_shape)`.
            training: Whether layers such as dropout are active.

        Returns:
            Tensors of shape `(batch,)` by name, in nats, summed over the event.
        """
        raise NotImplementedError(f"{type(self).__name__} must define code_terms.")

    def loss_and_logs(self, data: Any, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """Return loss and logs as `Autoencoder` does, count codes, and train the quantizer.

        The quantizer changes only if `training` is true.
        """
        x, y, rows = self.batch_of(data)
        z = self.encoder_outputs(x, training)[0]
        codes = self.quantizer.codes(z)
        with observe(self.image_target(x, y), rows) as seen:
            terms = self.code_terms(z, codes, y, training)
        loss, logs = self.reduce_terms(terms, seen, training)
        weights = _vector_weights(rows, z)
        self.code_use.update_state(codes, weights)
        if training:
            self.quantizer.learn(z, codes, weights, self.seed_generator)
        return loss, {**logs, self.code_use.name: self.code_use.result()}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means, and `perplexity`."""
        return [*super().metrics, self.code_use]


def _vector_weights(rows: Tensor | None, z: Tensor) -> Tensor:
    """Return the weight of each vector, that of its example: `z.shape[:-1]`."""
    if rows is None:
        return ops.ones_like(z[..., 0], dtype="float32")
    rows = ops.reshape(rows, (-1, *(1 for _ in z.shape[1:-1])))
    return ops.broadcast_to(rows, ops.shape(z)[:-1])


def check_integers(codes: Any, size: int) -> None:
    """Raise TypeError unless codes are integers, and ValueError for codes out of range.

    Tensors of at most 32 bits are not checked: that would cost each call.
    """
    if not keras.backend.is_int_dtype(codes.dtype):
        raise UsageTypeError(
            f"Expected integers from 0 to {size - 1}, as encode(x) gives. Received: {codes.dtype}."
        )
    codes = value_checks.wide_on_host(codes)
    if isinstance(codes, np.ndarray) and codes.size and not 0 <= codes.min() <= codes.max() < size:
        raise UsageError(
            f"Expected integers from 0 to {size - 1}, as encode(x) gives. "
            f"Received: {codes.min()} to {codes.max()}."
        )
