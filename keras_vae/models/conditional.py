"""The conditional VAE."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import checks, distributions
from keras_vae.autoencoder import Endpoint
from keras_vae.models.vae import VAE

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class ConditionalVAE(VAE):
    """VAE of x given a condition c, such as a label (Sohn et al. 2015, NeurIPS, equation 4).

    Minimizes -log p(x | z, c) + beta * KL(q(z | x, c) || p(z)), minus a bound on log p(x | c). The
    input of every method is a pair `(x, condition)`, what is decoded a pair `(z, condition)`.
    Codes are independent of the condition a priori; the paper also has a prior p(z | c).

    Example:
        >>> networks = keras_vae.nets.conditional(keras_vae.nets.conv, (28, 28, 1), 16, 10)
        >>> model = keras_vae.ConditionalVAE(*networks)
        >>> model.compile("adam")
        >>> model.fit((images, one_hot_labels), epochs=10)
        >>> sevens = model.sample(16, condition=one_hot(7))

    A `tf.data.Dataset` gives `((x, condition),)`, because `(x, condition)` would be x and y.

    Args:
        encoder: Layer or model from `[x, condition]` to `[z_mean, z_log_var]`.
        decoder: Layer or model from `[z, condition]` to the parameters of p(x | z, c).
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the encoder does not take two inputs, and as for `VAE`.
    """

    def build(self, input_shape: Any) -> None:
        """Make all variables; `input_shape` are two shapes, of x and of the condition."""
        if len(input_shape) != 2 or not all(isinstance(s, list | tuple) for s in input_shape):
            raise ValueError(
                "Expected an encoder of two inputs, [x, condition]. "
                f"Received: {input_shape}. (keras_vae.nets.conditional makes one.)"
            )
        self.condition_shape = tuple(input_shape[1][1:])
        super().build(input_shape)

    def build_for(self, x: Any) -> None:
        """Build for a batch `(x, condition)`, and check that it is one."""
        _check_pair("x", x, "A data set must give ((x, condition),), or ((x, condition), y)")
        super().build_for(list(x))
        checks.check_shape("x", x[0].shape, self.event_shape)
        checks.check_shape("condition", x[1].shape, self.condition_shape)

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """What the encoder gives for a pair `(x, condition)`, in float32."""
        self.build_for(x)
        return distributions.parameters(self.encoder(_tensors(x), training=training))

    def observation(self, z: Tensor, training: bool = False) -> distributions.Distribution:
        """p(x | z, c) for a pair `(z, condition)`."""
        _check_pair("z", z, "decode((z, condition))")
        checks.check_shape("z", z[0].shape, self.latent_shape)
        checks.check_shape("condition", z[1].shape, self.condition_shape)
        return self.density(self.decoder(_tensors(z), training=training))

    def conditioned(self, z: Tensor, x: Tensor) -> Tensor:
        """The codes, and the condition that is in `x`."""
        return [z, x[1]]

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The two terms of minus the bound on log p(x | c), each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation([z, x[1]], training)
        return {"reconstruction": -p.log_prob(y), "kl": q.kl(self.prior(z))}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The terms of minus the bound at the posterior mean."""
        q = self.posterior(x)
        p = self.observation([q.mean, x[1]])
        return {"reconstruction": -p.log_prob(x[0]), "kl": q.kl(self.prior(q.mean))}

    def sample(
        self,
        count: int | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
        condition: Any = None,
    ) -> Tensor:
        """New examples of a condition; see `Sampling.sample`.

        Args:
            count: How many; as many as there are conditions if None.
            seed: As in `Sampling.sample`.
            temperature: As in `Sampling.sample`.
            condition: One for each example, `(count, *condition_shape)`, or one for all,
                `condition_shape`.

        Raises:
            ValueError: If the condition is missing or of the wrong shape, or `count` or
                `temperature` is out of range.
        """
        rows = self._conditions(condition, count)
        return self.decode([self.drawn_codes(len(rows), seed, temperature), rows])

    def endpoints(self) -> dict[str, Endpoint]:
        """Those of a VAE, each with the condition as its second input."""
        shape = (None, *self.condition_shape)
        condition = keras.InputSpec(shape=shape, dtype="float32", name="condition")
        functions = {
            "reconstruct": lambda x, c: {"reconstruction": self.reconstruct([x, c])},
            "encode": lambda x, c: self.encoded([x, c]),
            "decode": lambda z, c: {"reconstruction": self.decode([z, c])},
            "score": lambda x, c: self._scores([x, c]),
            "sample": self._sampled_given,
        }
        inputs = {name: endpoint.inputs for name, endpoint in super().endpoints().items()}
        return {n: Endpoint(f, (*inputs[n], condition)) for n, f in functions.items()}

    def _sampled_given(self, seed: Tensor, condition: Tensor) -> dict[str, Tensor]:
        z = self.sampled_codes(seed)
        return {"reconstruction": self.decode([z, condition]), "z": z}

    def _conditions(self, condition: Any, count: int | None) -> np.ndarray:
        """One condition for each row, float32."""
        shape = None if condition is None else np.shape(condition)
        if shape == self.condition_shape:
            copies = 1 if count is None else max(count, 0)
            condition = np.repeat(np.asarray(condition)[None], copies, axis=0)
        elif not shape or shape != (shape[0] if count is None else count, *self.condition_shape):
            raise ValueError(
                f"Expected condition of shape {self.condition_shape} for all, or "
                f"{('count', *self.condition_shape)}. Received: {shape} for count={count!r}."
            )
        return np.asarray(condition, "float32")


def _check_pair(name: str, pair: Any, hint: str) -> None:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        received = len(pair) if isinstance(pair, list | tuple) else "one array"
        raise ValueError(f"Expected a pair ({name}, condition). Received: {received}. ({hint}.)")


def _tensors(pair: Any) -> list[Tensor]:
    """Both as tensors: Keras takes no mixture of tensors and arrays."""
    return [ops.convert_to_tensor(part, dtype="float32") for part in pair]
