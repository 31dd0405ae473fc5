"""The vector-quantized autoencoder."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.models.quantized import QuantizedAutoencoder
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.quantizers import VectorQuantizer
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks
from keras_vae.validation.examples import first_input, sample_examples


@keras.saving.register_keras_serializable("keras_vae")
class VQVAE(QuantizedAutoencoder):
    """Vector-quantized autoencoder.

    Loss:
        loss = mean over the batch of [ -log p(x | e) + commitment * ||z - sg(e)||^2 ]

        z = encoder(x), and e is the nearest vector of the codebook to each vector of z. sg stops
        the gradient. The gradient of the first term passes from e to z unchanged (straight
        through). -log p(x | e) is in nats and summed over the event; the squared distance is
        summed over all elements of z.

    The codebook is no part of the loss: its vectors are running means of the vectors of z that
    are nearest to them.

    With a `quantizer` of your own, e is what it makes of z, and its `term_weights` are the terms
    of the loss next to -log p(x | e).

    Source: van den Oord et al. 2017 (arXiv:1711.00937, equation 3 and appendix A).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=16)
        >>> model = keras_vae.VQVAE(encoder, decoder, 128, likelihood="bernoulli", seed=0)
        >>> model.adapt(images)  # optional: start from k-means
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> codes = model.encode(images)  # int32, (batch, 7, 7)

    Args:
        encoder: As in `Autoencoder`; the last axis of its output holds the vectors to quantize.
        decoder: Layer or model from such vectors to the parameters of p(x | z).
        codebook_size: Number of codes; None for 512.
        commitment: Weight of the term of that name; None for that of the quantizer, which is 0.25
            for a codebook.
        decay: As in `keras_vae.quantization.VectorQuantizer`; None for 0.99.
        restart: As in `keras_vae.quantization.VectorQuantizer`; None for 0.05.
        seed: Seed of the codebook and of restarts.
        quantizer: One of `keras_vae.quantization` or a subclass of its `Quantizer`, in place of a
            codebook. It has a size of its own, so leave out `codebook_size`, `decay` and `restart`.
        **kwargs: Of `Autoencoder`: `likelihood`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If a number is outside its range, is given twice, or has no use.
        TypeError: If `quantizer` is none.
    """

    terms: tuple[str, ...] = ("reconstruction", "commitment")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        codebook_size: int | None = None,
        commitment: float | None = None,
        decay: float | None = None,
        restart: float | None = None,
        seed: int | None = None,
        quantizer: Quantizer | None = None,
        **kwargs: Any,
    ) -> None:
        own = {"size": codebook_size, "decay": decay, "restart": restart}
        quantizer = _quantizer({k: v for k, v in own.items() if v is not None}, seed, quantizer)
        weights = _term_weights(quantizer, commitment)
        self.terms = ("reconstruction", *weights)
        super().__init__(encoder, decoder, quantizer, loss_weights=weights, seed=seed, **kwargs)

    def finish_construction(self) -> None:
        """Record the numbers of the codebook, so that files do not depend on defaults."""
        if self._arguments.get("quantizer") is None:
            book = self.quantizer
            found = {"codebook_size": book.size, "decay": book.decay, "restart": book.restart}
            self._arguments |= {k: v for k, v in found.items() if k in self._arguments}
        super().finish_construction()

    def code_terms(
        self, z: Tensor, codes: Tensor, y: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        """Return reconstruction, in nats, and the terms of the quantizer, each `(batch,)`."""
        e, terms = self.quantizer.approximate(z, codes, self.seed_generator if training else None)
        p = self.observation_from_inputs(e, training)
        return {"reconstruction": -p.log_prob(y), **terms}

    def adapt(self, data: Any, examples: int = 1000) -> None:
        """Initialize the codebooks of the quantizer by k-means of the vectors of the encoder.

        Args:
            data: An array `(count, *event_shape)`, or a source of shuffled batches: x, `(x, y)`
                or `(x, y, sample_weight)`, as tuples or lists.
            examples: Number of examples to use; all, if there are fewer.

        Raises:
            ValueError: If there are fewer vectors than codes, or the data do not fit the model.
            TypeError: If the quantizer has no codebook to initialize.
        """
        taken = sample_examples(data, arguments.integer("examples", examples), self.seed)
        x = data_checks.check_examples(self, taken, max(1, len(first_input(taken))))
        parts = [ops.convert_to_tensor(x[i : i + 100]) for i in range(0, len(x), 100)]
        z = [ops.convert_to_numpy(self.encoder_outputs(part)[0]) for part in parts]
        vectors = np.concatenate([np.reshape(part, (-1, part.shape[-1])) for part in z])
        self.quantizer.adapt(vectors, self.seed)


def _quantizer(own: dict[str, Any], seed: int | None, quantizer: Any) -> Quantizer:
    """Return `quantizer`, or a codebook of its arguments `own` that were given."""
    if quantizer is None:
        return VectorQuantizer(**own, seed=seed)
    if not isinstance(quantizer, Quantizer):
        raise UsageTypeError(
            "Expected quantizer to be one of keras_vae.quantization, or a subclass of its "
            f"Quantizer. Received: quantizer={quantizer!r}."
        )
    if own:
        raise UsageError(
            f"Expected a quantizer alone, which has its size and other numbers itself. Received: "
            f"{own} next to {type(quantizer).__name__}. (Give them to the quantizer.)"
        )
    return quantizer


def _term_weights(quantizer: Quantizer, commitment: float | None) -> dict[str, float]:
    """Return the weights of the terms of `quantizer`, with the commitment if it is given."""
    weights = dict(quantizer.term_weights)
    if commitment is None:
        return weights
    if "commitment" not in weights:
        raise UsageError(
            f"Expected no commitment, since {type(quantizer).__name__} has the terms "
            f"{tuple(weights)}. Received: commitment={commitment!r}. (Leave it out.)"
        )
    return {**weights, "commitment": commitment}
