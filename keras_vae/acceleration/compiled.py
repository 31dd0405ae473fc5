"""The methods of a model compiled once, for programs that encode or decode many times."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.backend import compile_function
from keras_vae.base.endpoint import WholeNumbers, has_gaps
from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, data_checks, objects, value_checks

Specs = tuple[keras.InputSpec, ...]
Function = tuple[Callable[..., dict[str, Tensor]], bool, Specs]

LARGEST_BATCH = 256


class Compiled:
    """The methods `encode`, `decode`, `reconstruct`, `score` and `sample` of a model, compiled.

    A method is compiled at its first call. TensorFlow compiles it once for all numbers of rows.
    JAX compiles it once for each power of two up to `largest_batch`, and pads rows to it. More
    rows than `largest_batch` go in batches. Each call uses the current weights and sampler of the
    model. Other changes of the model after the first call, such as an exchanged layer, have no
    effect. Rows with values that are not finite are answered with NaN.

    Example:
        >>> fast = keras_vae.Compiled(model)
        >>> code = model.encode(images[:1])
        >>> image = fast.decode(code)

    Args:
        model: A built model.
        largest_batch: Largest number of rows of one call of the compiled function.

    Raises:
        ValueError: If the model is not built, or `largest_batch` is below 1.
    """

    def __init__(self, model: LatentModel, largest_batch: int = LARGEST_BATCH) -> None:
        largest_batch = arguments.integer("largest_batch", largest_batch)
        if not objects.model(model).built:
            raise UsageError(
                "Expected a built model. Received: one that has seen no data. "
                "(Call model.build(shape) or model.fit first.)"
            )
        self.model, self.largest_batch = model, largest_batch
        self._compiled: dict[str, tuple[Any, Function]] = {}

    def encode(self, x: Any) -> Tensor:
        """Return `model.encode(x)`; for a conditional model, `x` is a pair."""
        answer = self.call("encode", x)
        return answer["z" if "z" in answer else "z_mean"]

    def decode(self, z: Any) -> Tensor:
        """Return `model.decode(z)`."""
        return self.call("decode", z)["reconstruction"]

    def reconstruct(self, x: Any) -> Tensor:
        """Return `model.reconstruct(x)`."""
        return self.call("reconstruct", x)["reconstruction"]

    def score(self, x: Any) -> Tensor:
        """Return `model.score(x)`; NumPy arrays are checked first, as by the model."""
        data_checks.check_if_arrays(self.model, x)
        return self.call("score", x)["score"]

    def sample(
        self,
        count: int,
        seed: int | None = None,
        temperature: float = 1.0,
        condition: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Return `model.sample` of the same arguments."""
        if getattr(self.model, "conditional", False):
            model: Any = self.model
            model.refuse_guidance(guidance)
            codes = model.sample_codes(count, seed, temperature, top_k=top_k)
            return self.decode(codes if condition is None else [codes, condition])
        given = (temperature, condition, guidance, top_k)
        return self.decode(self.model.sample_codes(count, seed, *given))

    def call(self, name: str, inputs: Any) -> dict[str, Tensor]:
        """Return the outputs of an endpoint of the model, by name.

        Args:
            name: Name of the endpoint, one of `model.endpoints()`.
            inputs: One array, or a structure of arrays in the order of the endpoint.

        Raises:
            ValueError: If the model has no such endpoint, or the inputs do not fit it.
        """
        function, by_shape, specs = self._compile(name)
        data_checks.require_arrays(specs[0].name, inputs)
        if specs[0].name == "x":
            value_checks.refuse_8_bit(keras.tree.flatten(inputs)[0], self.model.data_range)
        tensors = _to_tensors(specs, inputs)
        rows = int(tensors[0].shape[0])
        if rows == 1:
            return function(*tensors)
        parts = [
            _run_batch(function, [t[start : start + self.largest_batch] for t in tensors], by_shape)
            for start in range(0, rows, self.largest_batch)
        ]
        if len(parts) == 1:
            return parts[0]
        return {key: ops.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _compile(self, name: str) -> Function:
        arguments.choice("name", name, tuple(self.model.endpoints()))
        sampler = self.model.sampler  # Its values are constants in the graph.
        known, function = self._compiled.get(name, (None, None))
        if function is None or known is not sampler:
            endpoints = self.model.endpoints()
            endpoint = endpoints[name]
            compiled, by_shape = compile_function(endpoint.answer, endpoint.inputs, self.model)
            function = (compiled, by_shape, endpoint.inputs)
            self._compiled[name] = sampler, function
        return function


def _to_tensors(specs: Specs, inputs: Any) -> list[Tensor]:
    """Convert the inputs to tensors of the right type, and check shapes and whole numbers."""
    given = keras.tree.flatten(inputs)
    if len(given) != len(specs):
        names = ", ".join(spec.name for spec in specs)
        raise UsageError(
            f"Expected {len(specs)} array(s): {names}. Received: {len(given)}. (For one array of "
            "all rows: numpy.stack.)"
        )
    for array, spec in zip(given, specs, strict=True):
        value_checks.check_numbers(spec.name, array, has_gaps(spec))
        if spec.name == "seed":
            random.check_seeds(array)
        elif spec.dtype == "int32" and hasattr(array, "dtype"):
            value_checks.integers_of_32_bits(spec.name, array)
    tensors = [
        ops.convert_to_tensor(array, spec.dtype) for array, spec in zip(given, specs, strict=True)
    ]
    for tensor, spec in zip(tensors, specs, strict=True):
        data_checks.check_shape(spec.name, tensor.shape, spec.shape[1:])
        if isinstance(spec, WholeNumbers):
            _check_numbers(tensor, spec)
    if min(tensor.shape[0] for tensor in tensors) < 1 or len({t.shape[0] for t in tensors}) > 1:
        raise UsageError(
            "Expected as many rows in each input, at least one. Received: "
            f"{', '.join(str(tensor.shape[0]) for tensor in tensors)}."
        )
    return tensors


def _check_numbers(tensor: Tensor, spec: WholeNumbers) -> None:
    """Raise ValueError unless all are whole numbers from 0 to `spec.count` - 1."""
    values = ops.convert_to_numpy(tensor)
    known = (values >= 0) & (values < spec.count) & (values % 1 == 0)
    if spec.some:
        known &= values.any(axis=tuple(range(1, values.ndim)), keepdims=True)
    if not known.all():
        raise UsageError(
            f"Expected {spec.name} of whole numbers from 0 to {spec.count - 1}"
            f"{', with one above 0 in each row' if spec.some else ''}. Received: "
            f"{np.unique(values[~known])[:5].tolist()} in {int((~known).sum())} place(s)."
        )


def _run_batch(
    function: Callable[..., dict[str, Tensor]], tensors: list[Tensor], by_shape: bool
) -> dict[str, Tensor]:
    """Run one batch; if `by_shape`, pad it to a power of two with copies of its first row."""
    rows = int(tensors[0].shape[0])
    size = 1 << (rows - 1).bit_length() if by_shape else rows
    if size == rows:
        return function(*tensors)
    padded = [ops.concatenate([t, ops.repeat(t[:1], size - rows, axis=0)], axis=0) for t in tensors]
    return {key: value[:rows] for key, value in function(*padded).items()}
