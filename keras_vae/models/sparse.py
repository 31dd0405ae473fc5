"""The sparse autoencoder."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
from keras_vae.errors import UsageError
from keras_vae.layers import keep_top_k
from keras_vae.losses.weights import LossWeight
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class SparseAutoencoder(Autoencoder):
    """Autoencoder whose codes are mostly zero, by one of three penalties.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + sparsity_weight * sparsity ]

        z = encoder(x). -log p(x | z) is in nats and summed over the event. `sparsity` is

        - for "l1": sum_j |z_j|
        - for "kl": sum_j KL(target || mean over the batch of z_j), in nats, the divergence of two
          Bernoulli distributions. The codes must be in (0, 1), as from a sigmoid.
        - for "top_k": 0. All but the k largest elements of z are set to zero instead, in training
          and at inference.

    Sources: Ng 2011 (CS294A lecture notes, section 3) for "kl", Makhzani & Frey 2013
    (arXiv:1312.5663) for "top_k".

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> model = keras_vae.SparseAutoencoder(encoder, decoder, penalty="top_k", k=4)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        penalty: "l1", "kl" or "top_k".
        sparsity_weight: Weight of the term in the loss.
        target: Target of the mean of each element of the code, for "kl".
        k: Number of elements of a code that are kept, for "top_k".
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `penalty`, `target` or `k` is not one of the above, or `k` is more than
            the size of the code.
    """

    terms = ("reconstruction", "sparsity")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        penalty: str = "l1",
        sparsity_weight: LossWeight = 1e-3,
        target: float = 0.05,
        k: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, loss_weights={"sparsity": sparsity_weight}, **kwargs)
        self.penalty, self.target = penalty, target
        arguments.choice("penalty", penalty, ("l1", "kl", "top_k"))
        if arguments.fraction("target", target) in (0.0, 1.0):
            raise UsageError(f"Expected target between 0 and 1. Received: target={target!r}.")
        self.kept = arguments.integer("k", k) if penalty == "top_k" else None

    def build(self, input_shape: Any) -> None:
        """Make all variables, and raise ValueError if `k` is larger than the code."""
        super().build(input_shape)
        size = math.prod(self.latent_shape)
        if self.kept is not None and self.kept > size:
            raise UsageError(
                f"Expected k of at most {size}, the size of the code. Received: k={self.kept}."
            )

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """Encode `x` to `(batch, *latent_shape)`; with "top_k" at most k of a row are not 0."""
        z = super().encode(x, training)
        return z if self.kept is None else self.mark_rows(x, keep_top_k(z, self.kept))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction, in nats, and sparsity, each `(batch,)`."""
        z = self.encode(x, training)
        p = self.observation(self.with_condition(z, x), training)
        return {"reconstruction": -p.log_prob(y), "sparsity": self._sparsity(z)}

    def _sparsity(self, z: Tensor) -> Tensor:
        if self.penalty == "l1":
            return sum_event(ops.abs(z))
        zeros = sum_event(ops.zeros_like(z))
        if self.penalty == "top_k":
            return zeros
        mean = ops.clip(ops.mean(z, axis=0, keepdims=True), 1e-6, 1.0 - 1e-6)
        on = self.target * ops.log(self.target / mean)
        off = (1.0 - self.target) * ops.log((1.0 - self.target) / (1.0 - mean))
        return zeros + sum_event(on + off)
