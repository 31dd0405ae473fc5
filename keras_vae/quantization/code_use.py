"""The number of codes in use."""

import keras
import numpy as np
from keras import ops

from keras_vae.typing import Tensor


class CodeUse(keras.metrics.Metric):
    """Perplexity of code usage since the last reset: the effective number of codes in use.

    It is the exponential of the entropy of the code frequencies, over all batches of an epoch. A
    single batch would underrate a large codebook. It is at most the number of codes.

    If a vector has several integers, each with a codebook of its own, it is the mean over the
    codebooks. So it has one name in the logs, and one range, at any depth.

    Args:
        size: Number of codes of a codebook.
        codebooks: Number of codebooks, which is that of the integers of a vector.
        name: Name in the logs.
    """

    def __init__(self, size: int, codebooks: int = 1, name: str = "perplexity") -> None:
        super().__init__(name=name, dtype="float32")
        self.size, self.codebooks = size, codebooks
        self.counts = self.add_variable(
            shape=(codebooks * size,), initializer="zeros", name="counts"
        )

    def update_state(self, codes: Tensor, sample_weight: Tensor) -> None:
        """Count codes.

        Args:
            codes: Integers, `(..., codebooks)`; for one codebook also `(...)`.
            sample_weight: Weight of each vector, `(...)`.
        """
        starts = np.arange(self.codebooks, dtype="int32") * self.size
        codes = ops.reshape(ops.cast(codes, "int32"), (-1, self.codebooks))
        codes = codes + ops.convert_to_tensor(starts)
        weights = ops.broadcast_to(ops.reshape(sample_weight, (-1, 1)), ops.shape(codes))
        codes, weights = (ops.reshape(part, (-1,)) for part in (codes, weights))
        counts = ops.segment_sum(weights, codes, num_segments=self.codebooks * self.size)
        self.counts.assign_add(counts)

    def result(self) -> Tensor:
        """Return the perplexity, between 1 and `size`; 1 before the first count."""
        counts = ops.reshape(ops.convert_to_tensor(self.counts), (self.codebooks, self.size))
        shares = counts / ops.maximum(ops.sum(counts, axis=1, keepdims=True), 1e-12)
        entropy = -ops.sum(shares * ops.log(ops.maximum(shares, 1e-12)), axis=1)
        return ops.mean(ops.exp(entropy))
