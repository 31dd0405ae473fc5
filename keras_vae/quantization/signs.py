"""Quantizers without a codebook whose integers are the signs of the elements of a vector."""

import itertools
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import sum_event
from keras_vae.errors import UsageError
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.gradients import pass_through
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

MOST_BITS = 24
# Bits whose joint entropy is computed: 2^8 probabilities a vector.
JOINT = 8


@keras.saving.register_keras_serializable("keras_vae")
class LookupFreeQuantizer(Quantizer):
    """A quantizer that keeps the sign of each element of a vector, 1 or -1.

    Loss:
        commitment = ||z - sg(sign(z))||^2
        entropy = H(p(c | z)),  diversity = -H(mean of p(c | z)),  each in nats

        p(c | z) is the softmax of -||z - c||^2 / temperature over all vectors of signs c. Each
        example gets its summands of the mean, over the vectors of its batch on its replica.

    An example with a clear code has little entropy. Codes that are used equally have much, so the
    diversity is as low as -bits * log(2) for each vector. Up to 8 bits, both entropies are exact.
    More bits are cut into groups of up to 8, whose entropies are added.

    The integer of a vector has the bit i if its element i is above 0.

    Source: Yu et al. 2023 (arXiv:2310.05737).

    Example:
        >>> quantizer = keras_vae.quantization.LookupFreeQuantizer(bits=3)
        >>> quantizer.build((None, 3))
        >>> codes = quantizer.codes(np.array([[0.3, -2.0, 0.1]]))
        >>> np.array(codes), np.array(quantizer.lookup(codes))
        (array([5], dtype=int32), array([[ 1., -1.,  1.]], dtype=float32))

    Args:
        bits: Elements of a vector, 1 to 24. There are 2^bits codes.
        entropy: Weight of `entropy` and of `diversity`. If it is small, few codes may be used. To
            set one alone, assign `model.loss_weights["diversity"]`.
        temperature: Softness of p(c | z), above 0. At 1, an element of 1 has the probability 0.98
            for its sign.

    Raises:
        ValueError: If an argument is outside its range, or vectors have another length.
    """

    def __init__(self, bits: int = 10, entropy: float = 1.0, temperature: float = 1.0) -> None:
        super().__init__()
        self.bits = arguments.integer("bits", bits)
        if self.bits > MOST_BITS:
            raise UsageError(
                f"Expected bits from 1 to {MOST_BITS}. Received: bits={bits}. (Use more vectors.)"
            )
        self.size = 2**self.bits
        self.entropy = arguments.real("entropy", entropy, 0.0)
        if arguments.real("temperature", temperature, 0.0) == 0.0:
            raise UsageError(f"Expected temperature above 0. Received: {temperature!r}.")
        self.temperature = temperature
        self.term_weights = {**self._own_terms(), "entropy": entropy, "diversity": entropy}
        self._powers = 2 ** np.arange(self.bits, dtype="int32")

    def build(self, input_shape: tuple) -> None:
        """Check that vectors have one element for each bit."""
        if input_shape[-1] != self.bits:
            raise UsageError(
                f"Expected vectors with {self.bits} elements, one for each bit. "
                f"Received: {input_shape[-1]}."
            )
        super().build(input_shape)

    def codes(self, z: Tensor) -> Tensor:
        """Return the integer of the signs: `(..., bits)` to int32 `(...)`."""
        signs = ops.cast(ops.convert_to_tensor(z) > 0.0, "int32")
        return ops.sum(signs * ops.convert_to_tensor(self._powers), axis=-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the signs, 1 or -1: int `(...)` to float32 `(..., bits)`."""
        codes = ops.expand_dims(ops.cast(codes, "int32"), -1)
        return 2.0 * ops.cast((codes // ops.convert_to_tensor(self._powers)) % 2, "float32") - 1.0

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return signs with the gradient of `z`, commitment and entropies; see `Quantizer`."""
        e, terms = super().approximate(z, codes, seed)
        return e, {**terms, **self.entropies(z)}

    def entropies(self, z: Tensor) -> dict[str, Tensor]:
        """Return entropy and diversity of vectors in units of signs, `(batch,)` each, in nats."""
        groups = np.array_split(np.arange(self.bits), -(-self.bits // JOINT))
        logits = [self._logits(z[..., g[0] : g[-1] + 1]) for g in groups]
        p, log_p = ([f(one) for one in logits] for f in (ops.softmax, ops.log_softmax))
        mean = [ops.mean(one, axis=tuple(range(len(one.shape) - 1))) for one in p]
        log_mean = [ops.log(ops.maximum(one, 1e-30)) for one in mean]
        entropy = [-ops.sum(one * log, axis=-1) for one, log in zip(p, log_p, strict=True)]
        diversity = [ops.sum(one * log, axis=-1) for one, log in zip(p, log_mean, strict=True)]
        return {
            "entropy": sum_event(ops.stack(entropy, axis=-1)),
            "diversity": sum_event(ops.stack(diversity, axis=-1)),
        }

    def _logits(self, z: Tensor) -> Tensor:
        """Return -||z - c||^2 / temperature for all vectors of signs, but for a constant."""
        corners = np.array(list(itertools.product((-1.0, 1.0), repeat=z.shape[-1])), "float32")
        return ops.matmul(z, ops.convert_to_tensor(2.0 / self.temperature * corners.T))

    def _own_terms(self) -> dict[str, float]:
        return {"commitment": 0.25}


@keras.saving.register_keras_serializable("keras_vae")
class BinarySphericalQuantizer(LookupFreeQuantizer):
    """A quantizer that puts vectors on the unit sphere, and keeps the sign of each element.

    Loss:
        entropy = H(p(c | u)),  diversity = -H(mean of p(c | u)),  u = z / ||z||

        p(c | u) is the softmax of -bits * ||u - c||^2 / temperature over all vectors c whose
        elements are 1 or -1 divided by sqrt(bits). Entropies are those of `LookupFreeQuantizer`.

    The vectors of codes lie on the sphere too, so u is never far from its code and needs no
    commitment. The gradient passes from the code to u, and through the division to z.

    Source: Zhao et al. 2024 (arXiv:2406.07548).

    Example:
        >>> quantizer = keras_vae.quantization.BinarySphericalQuantizer(bits=4)
        >>> np.array(quantizer.lookup(quantizer.codes(np.array([[3.0, -1.0, 1.0, 2.0]]))))
        array([[ 0.5, -0.5,  0.5,  0.5]], dtype=float32)

    Args:
        bits: Elements of a vector, 1 to 24. There are 2^bits codes.
        entropy: Weight of `entropy` and of `diversity`, as in `LookupFreeQuantizer`.
        temperature: Softness of p(c | u), above 0. At 1, elements of equal size have the
            probability 0.98 for their sign.

    Raises:
        ValueError: If an argument is outside its range, or vectors have another length.
    """

    def __init__(self, bits: int = 10, entropy: float = 0.1, temperature: float = 1.0) -> None:
        super().__init__(bits, entropy, temperature)

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the vectors on the unit sphere: int `(...)` to float32 `(..., bits)`."""
        return super().lookup(codes) * self.bits**-0.5

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the vectors with the gradient of `z / ||z||`, and entropies; see `Quantizer`."""
        u = z * ops.rsqrt(ops.sum(ops.square(z), axis=-1, keepdims=True) + 1e-12)
        return pass_through(u, self.lookup(codes)), self.entropies(u * self.bits**0.5)

    def _own_terms(self) -> dict[str, float]:
        return {}
