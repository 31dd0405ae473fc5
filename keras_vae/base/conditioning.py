"""Models of x given a condition, such as a label or the mask of a padded sequence."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import distributions
from keras_vae.backend import call_network
from keras_vae.base.drawing import join
from keras_vae.base.endpoint import Endpoint
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks, value_checks


class Conditioning:
    """A mixin for models that encode a pair `(x, condition)` and decode a pair `(z, condition)`.

    Put it before the model: `class MyModel(Conditioning, keras_vae.BetaTCVAE)`. The loss of the
    model must pass the condition on, by `observation(with_condition(z, x))`. Models that cannot
    set `takes_condition = False` and raise TypeError when they are built.

    Attributes:
        conditional: Whether there is a condition. If False, the mixin has no effect.
        condition_name: Name of the condition in errors and endpoints.
        condition_shape: Shape of a condition without the batch axis, known after `build`.
    """

    conditional = True
    condition_name = "condition"
    condition_shape: tuple[int, ...]
    takes_condition: bool
    encoder: Any
    decoder: Any
    observation_from_inputs: Any
    prepare: Any
    event_dtype: str
    family: Any
    event_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    check_arrays: Any
    decode: Any
    reconstruct: Any
    encode_endpoint: Any
    sample_codes_from_seeds: Any
    code_parts: Any
    score_endpoint: Any

    def build(self, input_shape: Any) -> None:
        """Make all variables.

        Args:
            input_shape: Two shapes with the batch axis, of x and of the condition.

        Raises:
            ValueError: If there are not two shapes, or the networks do not fit.
            TypeError: If the loss of the model has no place for a condition.
        """
        if self.conditional:
            self._check_loss()
            self._check_shapes(input_shape)
            self.condition_shape = tuple(input_shape[1][1:])
        super().build(input_shape)  # type: ignore[misc]

    def build_for(self, x: Any) -> None:
        """Build for a batch, and raise ValueError unless it is a pair."""
        if not self.conditional:
            return super().build_for(x)  # type: ignore[misc]
        hint = f"A data set must give ((x, {self.condition_name}),), or that and y"
        self._check_pair("x", x, hint)
        super().build_for(list(x))  # type: ignore[misc]
        data_checks.check_shape("x", x[0].shape, self.event_shape)
        self.check_condition(x[1])
        data_checks.check_rows(self, "x", x)

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """Return the outputs of the encoder for a pair, in float32."""
        if not self.conditional:
            return super().encoder_outputs(x, training)  # type: ignore[misc]
        self.build_for(x)
        self.check_arrays(x)
        parts = self.network_inputs(_tensors(x, self.event_dtype))
        return distributions.parameters(call_network(self.encoder, parts, training))

    def network_inputs(self, pair: list[Tensor]) -> list[Tensor]:
        """Return a pair of raw tensors as the encoder takes it."""
        return self.prepare(pair)

    def observation(self, z: Tensor, training: bool = False) -> distributions.Distribution:
        """Return the distribution p(x | z, condition) for a pair `(z, condition)`."""
        if not self.conditional:
            return super().observation(z, training)  # type: ignore[misc]
        self._check_pair("z", z, f"decode((z, {self.condition_name}))")
        data_checks.require_arrays("z", z)
        data_checks.check_shape("z", z[0].shape, self.latent_shape)
        value_checks.check_numbers("z", z[0])
        self.check_condition(z[1])
        data_checks.check_rows(self, "z", z)
        return self.observation_from_inputs(_tensors(z), training)

    def with_condition(self, z: Tensor, x: Tensor) -> Tensor:
        """Return the pair of the codes `z` and the condition in `x`."""
        return [z, x[1]] if self.conditional else z

    def sample(
        self,
        count: int | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
        condition: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Sample new examples for a condition; see `Sampling.sample`.

        Args:
            count: Number of examples; None for the number of conditions.
            seed: As in `Sampling.sample`.
            temperature: As in `Sampling.sample`.
            condition: One for each example, `(count, *condition_shape)`, or one for all,
                `condition_shape`.
            guidance: As in `Sampling.sample`; None for a model that takes a condition itself.
            top_k: As in `Sampling.sample`.

        Returns:
            Shape `(count, *event_shape)`, in the range of the data.

        Raises:
            ValueError: If the condition is missing or of the wrong shape, `count` or `temperature`
                is out of range, or there is a guidance.
        """
        if not self.conditional:
            given = (temperature, condition, guidance, top_k)
            return super().sample(count, seed, *given)  # type: ignore[misc]
        self.refuse_guidance(guidance)
        rows = self._conditions(condition, count)
        parts = self.code_parts(len(rows), seed, temperature, top_k=top_k)
        return join(self.decode([codes, rows[part]]) for part, codes in parts)

    def refuse_guidance(self, guidance: Any) -> None:
        """Raise ValueError unless `guidance` is None: the decoder knows the condition itself."""
        if guidance is not None:
            raise UsageError(
                f"Expected no guidance: {type(self).__name__} takes its {self.condition_name} "
                f"itself. Received: guidance={guidance!r}."
            )

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints of the model, each with the condition as its second input."""
        plain = super().endpoints()  # type: ignore[misc]
        if not self.conditional:
            return plain
        condition = self.condition_spec()
        functions = {
            "reconstruct": lambda x, c: {"reconstruction": self.reconstruct([x, c])},
            "encode": lambda x, c: self.encode_endpoint([x, c]),
            "decode": lambda z, c: {"reconstruction": self.decode([z, c])},
            "score": lambda x, c: self.score_endpoint([x, c]),
            "sample": self._sample_given_condition,
        }
        return {
            name: Endpoint(functions[name], (*endpoint.inputs, condition))
            for name, endpoint in plain.items()
        }

    def condition_spec(self) -> keras.InputSpec:
        """Return shape, dtype and name of the condition of a batch."""
        shape = (None, *self.condition_shape)
        return keras.InputSpec(shape=shape, dtype="float32", name=self.condition_name)

    def _sample_given_condition(self, seed: Tensor, condition: Tensor) -> dict[str, Tensor]:
        z = self.sample_codes_from_seeds(seed)
        return {"reconstruction": self.decode([z, condition]), "z": z}

    def _conditions(self, condition: Any, count: int | None) -> np.ndarray:
        """Return one condition for each row, float32."""
        count = None if count is None else arguments.integer("count", count)
        name = f"the {self.condition_name}"
        found = arguments.array(name, [] if condition is None else condition)
        shape = None if condition is None else found.shape
        if shape == self.condition_shape:
            found = np.repeat(found[None], count or 1, axis=0)
        elif not shape or shape != (shape[0] if count is None else count, *self.condition_shape):
            advice = "Give it as condition=..."
            if len(self.condition_shape) == len(found.shape) == 1 and _are_reals(
                found, self.condition_shape
            ):
                advice = _advise_reals("condition", self.condition_shape)
            elif len(self.condition_shape) == 1 and found.size and found.dtype.kind in "iu":
                classes = self.condition_shape[0]
                advice = f"Of classes: keras.utils.to_categorical(condition, {classes})"
            raise UsageError(
                f"Expected {self.condition_name} of shape {self.condition_shape} for all, or "
                f"{('count', *self.condition_shape)}. Received: {shape} for count={count!r}. "
                f"({advice}.)"
            )
        value_checks.check_numbers(name, found)
        return found.astype("float32")

    def _check_loss(self) -> None:
        if not self.takes_condition:
            raise UsageTypeError(
                "Expected a model whose loss takes a condition, such as VAE, IWAE, BetaTCVAE or "
                f"FactorVAE. Received: {type(self).__name__}. (keras_vae.ConditionalVAE is ready "
                "to use.)"
            )

    def _check_shapes(self, shapes: Any) -> None:
        if len(shapes) != 2 or not all(isinstance(s, list | tuple) for s in shapes):
            raise UsageError(
                f"Expected an encoder of two inputs, [x, {self.condition_name}]. "
                f"Received: {shapes}. (keras_vae.nets.conditional makes one.)"
            )

    def _check_pair(self, name: str, pair: Any, hint: str) -> None:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            received = len(pair) if isinstance(pair, list | tuple) else "one array"
            raise UsageError(
                f"Expected a pair ({name}, {self.condition_name}). Received: {received}. ({hint}.)"
            )

    def check_condition(self, condition: Tensor) -> None:
        """Raise an error for a condition of the wrong shape, or no real numbers."""
        shape, wanted = tuple(condition.shape), self.condition_shape
        if len(wanted) == 1 and (len(shape) == 1 or shape[1:] == (1,) != wanted):
            labels = "labels" if len(shape) == 1 else "labels[:, 0]"
            if getattr(condition.dtype, "kind", "") in "OSU":
                labels = f"numpy.unique({labels}, return_inverse=True)[1]"
            advice = (
                "Of labels, make one number for each class: "
                f"keras.utils.to_categorical({labels}, {wanted[0]})"
            )
            if _are_reals(condition, wanted):
                advice = _advise_reals(self.condition_name, wanted)
            raise UsageError(
                f"Expected {self.condition_name} of shape {('batch', *wanted)}. Received: {shape}. "
                f"({advice}.)"
            )
        data_checks.check_shape(self.condition_name, condition.shape, self.condition_shape)
        value_checks.check_numbers(f"the {self.condition_name}", condition)


def _are_reals(condition: Any, wanted: tuple[int, ...]) -> bool:
    """Return whether a condition that lacks its last axis is of real numbers, not of labels."""
    if wanted == (1,):  # Classes have two numbers at least.
        return True
    found = condition if isinstance(condition, np.ndarray) else ops.convert_to_numpy(condition)
    return found.dtype.kind == "f" and not np.array_equal(found, np.rint(found))


def _advise_reals(name: str, wanted: tuple[int, ...]) -> str:
    if wanted == (1,):
        return f"Add an axis: {name}[:, None]"
    return f"Give each row its {wanted[0]} numbers"


def _tensors(pair: Any, dtype: str = "float32") -> list[Tensor]:
    """Convert both to tensors, the first to `dtype`; Keras refuses tensors mixed with arrays."""
    return [ops.convert_to_tensor(p, t) for p, t in zip(pair, (dtype, "float32"), strict=True)]
