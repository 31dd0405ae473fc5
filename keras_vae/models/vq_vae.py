"""The vector-quantized autoencoder."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import sum_event
from keras_vae.models.quantized import QuantizedAutoencoder
from keras_vae.quantization.kmeans import kmeans
from keras_vae.quantization.quantizers import VectorQuantizer
from keras_vae.typing import Tensor
from keras_vae.validation import data_checks
from keras_vae.validation.examples import sample_examples


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
        codebook_size: Number of codes.
        commitment: Weight of the term of that name.
        decay: As in `keras_vae.quantization.quantizers.VectorQuantizer`.
        restart: As in `keras_vae.quantization.quantizers.VectorQuantizer`.
        seed: Seed of the codebook and of restarts.
        **kwargs: Of `Autoencoder`: `likelihood`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If a number is outside its range.
    """

    terms = ("reconstruction", "commitment")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        codebook_size: int = 512,
        commitment: float = 0.25,
        decay: float = 0.99,
        restart: float = 0.05,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        quantizer = VectorQuantizer(codebook_size, decay, restart, seed)
        weights = {"commitment": commitment}
        super().__init__(encoder, decoder, quantizer, loss_weights=weights, seed=seed, **kwargs)

    def code_terms(
        self, z: Tensor, codes: Tensor, y: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        """Return reconstruction, in nats, and commitment, each `(batch,)`."""
        e = ops.stop_gradient(self.quantizer.lookup(codes))
        p = self.observation_from_inputs(z + ops.stop_gradient(e - z), training)
        return {"reconstruction": -p.log_prob(y), "commitment": sum_event(ops.square(z - e))}

    def adapt(self, data: Any, examples: int = 1000) -> None:
        """Set the codebook to k-means centers of the vectors of the encoder.

        Args:
            data: An array `(count, *event_shape)`, or a source of shuffled batches: x, `(x, y)`
                or `(x, y, sample_weight)`, as tuples or lists.
            examples: Number of examples to use: at most for an array, exactly for a source.

        Raises:
            ValueError: If there are fewer vectors than codes, or the data do not fit the model.
        """
        count = min(examples, len(data)) if hasattr(data, "shape") else examples
        x = data_checks.check_examples(self, sample_examples(data, count, self.seed), count)
        parts = [ops.convert_to_tensor(x[i : i + 100]) for i in range(0, len(x), 100)]
        z = [ops.convert_to_numpy(self.encoder_outputs(part)[0]) for part in parts]
        vectors = np.concatenate([np.reshape(part, (-1, part.shape[-1])) for part in z])
        self.quantizer.start(*kmeans(vectors, self.codebook_size, self.seed))
