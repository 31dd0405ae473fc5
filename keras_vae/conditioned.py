"""Models of x given something known: a label, or which steps of a sequence there are."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import checks, distributions
from keras_vae.serving import Endpoint

Tensor = Any


class Conditioned:
    """Makes a model's input a pair `(x, condition)` and what it decodes a pair `(z, condition)`.

    A mixin that comes before `Autoencoder` or `VAE`.

    Attributes:
        conditional: Whether there is a condition; without one the model is as if not mixed.
        condition_name: What it is called in errors and endpoints.
        condition_shape: Its shape without the batch, known once the model is built.
    """

    conditional = True
    condition_name = "condition"
    condition_shape: tuple[int, ...]
    encoder: Any
    decoder: Any
    decoded: Any
    event_dtype: str
    event_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    decode: Any
    reconstruct: Any
    encoded: Any
    sampled_codes: Any
    drawn_codes: Any
    _scores: Any

    def build(self, input_shape: Any) -> None:
        """Make all variables; `input_shape` are two shapes, of x and of the condition."""
        if self.conditional:
            self._check_shapes(input_shape)
            self.condition_shape = tuple(input_shape[1][1:])
        super().build(input_shape)  # type: ignore[misc]

    def build_for(self, x: Any) -> None:
        """Build for a batch, and check that it is a pair."""
        if not self.conditional:
            return super().build_for(x)  # type: ignore[misc]
        hint = f"A data set must give ((x, {self.condition_name}),), or that and y"
        self._check_pair("x", x, hint)
        super().build_for(list(x))  # type: ignore[misc]
        checks.check_shape("x", x[0].shape, self.event_shape)
        self._check_condition(x[1])

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """What the encoder gives for a pair, in float32."""
        if not self.conditional:
            return super().encoder_outputs(x, training)  # type: ignore[misc]
        self.build_for(x)
        parts = _tensors(x, self.event_dtype)
        return distributions.parameters(self.encoder(parts, training=training))

    def observation(self, z: Tensor, training: bool = False) -> distributions.Distribution:
        """p(x | z, condition) for a pair `(z, condition)`."""
        if not self.conditional:
            return super().observation(z, training)  # type: ignore[misc]
        self._check_pair("z", z, f"decode((z, {self.condition_name}))")
        checks.check_shape("z", z[0].shape, self.latent_shape)
        self._check_condition(z[1])
        return self.decoded(_tensors(z), training)

    def conditioned(self, z: Tensor, x: Tensor) -> Tensor:
        """The codes, and the condition that is in `x`."""
        return [z, x[1]] if self.conditional else z

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
        if not self.conditional:
            return super().sample(count, seed, temperature)  # type: ignore[misc]
        rows = self._conditions(condition, count)
        return self.decode([self.drawn_codes(len(rows), seed, temperature), rows])

    def endpoints(self) -> dict[str, Endpoint]:
        """Those of the model, each with the condition as its second input."""
        plain = super().endpoints()  # type: ignore[misc]
        if not self.conditional:
            return plain
        shape = (None, *self.condition_shape)
        condition = keras.InputSpec(shape=shape, dtype="float32", name=self.condition_name)
        functions = {
            "reconstruct": lambda x, c: {"reconstruction": self.reconstruct([x, c])},
            "encode": lambda x, c: self.encoded([x, c]),
            "decode": lambda z, c: {"reconstruction": self.decode([z, c])},
            "score": lambda x, c: self._scores([x, c]),
            "sample": self._sampled_given,
        }
        return {
            name: Endpoint(functions[name], (*endpoint.inputs, condition))
            for name, endpoint in plain.items()
        }

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
                f"Expected {self.condition_name} of shape {self.condition_shape} for all, or "
                f"{('count', *self.condition_shape)}. Received: {shape} for count={count!r}. "
                f"(Give it as condition=...)"
            )
        return np.asarray(condition, "float32")

    def _check_shapes(self, shapes: Any) -> None:
        if len(shapes) != 2 or not all(isinstance(s, list | tuple) for s in shapes):
            raise ValueError(
                f"Expected an encoder of two inputs, [x, {self.condition_name}]. "
                f"Received: {shapes}. (keras_vae.nets.conditional makes one.)"
            )

    def _check_pair(self, name: str, pair: Any, hint: str) -> None:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            received = len(pair) if isinstance(pair, list | tuple) else "one array"
            raise ValueError(
                f"Expected a pair ({name}, {self.condition_name}). Received: {received}. ({hint}.)"
            )

    def _check_condition(self, condition: Tensor) -> None:
        checks.check_shape(self.condition_name, condition.shape, self.condition_shape)


def _tensors(pair: Any, dtype: str = "float32") -> list[Tensor]:
    """Both as tensors, the first of `dtype`: Keras takes no mixture of tensors and arrays."""
    return [ops.convert_to_tensor(p, t) for p, t in zip(pair, (dtype, "float32"), strict=True)]
