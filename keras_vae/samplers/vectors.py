"""The base of samplers whose networks read all elements of a code as one vector."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.samplers.network import NetworkSampler
from keras_vae.typing import Tensor


@dataclasses.dataclass(frozen=True)
class Size:
    """The sizes of the networks.

    Attributes:
        elements: Elements of a code.
        width: Units of a hidden layer.
        blocks: Number of blocks.
        classes: Number of classes; 0 for none.
    """

    elements: int
    width: int
    blocks: int
    classes: int

    # As of a transformer with a single place.
    places: ClassVar[int] = 1

    @property
    def outputs(self) -> int:
        """Numbers at the only place."""
        return self.elements


@dataclasses.dataclass(frozen=True, eq=False)
class VectorSampler(NetworkSampler):
    """A sampler of real codes that are standardized and flattened.

    Attributes:
        mean: Mean of each element of the codes, `(1, elements)`.
        scale: Their standard deviation, of the same shape.
    """

    size: Size
    sizes = Size
    is_real = True
    is_guided = False
    fewest_blocks = 1
    largest: ClassVar[int]
    mean: Any = dataclasses.field(default=0.0, repr=False)
    scale: Any = dataclasses.field(default=1.0, repr=False)

    @classmethod
    def size_for(
        cls, shape: tuple[int, ...], codebook_size: int | None, classes: int, **sizes: Any
    ) -> Size:
        """Return the sizes for codes of `shape`; see `NetworkSampler.size_for`."""
        elements = math.prod(shape)
        if elements > cls.largest:
            raise UsageError(
                f"Expected codes of at most {cls.largest} elements for prior={cls.name!r}. "
                f"Received: {elements}, of shape {shape}. (prior='flow' takes more.)"
            )
        return Size(elements, classes=classes, **sizes)

    def row_size(self, shape: tuple[int, ...]) -> int:
        """Return the units of a layer or of the codes; see `Sampler.row_size`."""
        return self.size.elements + self.size.width

    def standardize(self, codes: Any) -> Tensor:
        """Return codes of any shape as standardized vectors, `(batch, elements)`."""
        rows = ops.reshape(ops.convert_to_tensor(codes, "float32"), (-1, self.size.elements))
        return (rows - _tensor(self.mean)) / _tensor(self.scale)

    def restore(self, vectors: Tensor) -> Tensor:
        """Return the codes of standardized vectors, both `(batch, elements)`."""
        return _tensor(self.mean) + _tensor(self.scale) * vectors

    def log_volume(self) -> Tensor:
        """Return log |d code / d vector|, `()`: the sum of the logarithms of the scales."""
        scale = np.broadcast_to(np.asarray(self.scale, "float64"), (1, self.size.elements))
        return ops.convert_to_tensor(np.log(scale).sum().astype("float32"))


def bias(weights: Mapping[str, Tensor], name: str, labels: Tensor | None = None) -> Tensor:
    """Return the bias of a dense layer, with that of the class if it has a table of them.

    Args:
        weights: With `NAME_bias`, and perhaps `NAME_classes`.
        name: Name of the layer.
        labels: int32 `(batch,)`, or None for any class, the last row of the table.

    Returns:
        `(outputs,)` or `(batch, outputs)`.
    """
    table = weights.get(f"{name}_classes")
    if table is None:
        return weights[f"{name}_bias"]
    own = table[-1] if labels is None else ops.take(table, labels, axis=0)
    return weights[f"{name}_bias"] + own


def dense_shapes(
    kernels: Mapping[str, tuple[int, int]], classes: int, with_classes: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of dense layers by name.

    Args:
        kernels: Shape of each kernel by name.
        classes: Number of classes; 0 for none.
        with_classes: Names of the kernels that have a table of classes.
    """
    shapes: dict[str, tuple[int, ...]] = dict(kernels)
    shapes |= {f"{name}_bias": shape[1:] for name, shape in kernels.items()}
    if classes:  # The last row stands for any class.
        shapes |= {f"{n}_classes": (classes + 1, kernels[n][1]) for n in with_classes}
    return shapes


def initial_kernel(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a kernel before training that keeps the size of features through ReLUs."""
    return generator.normal(0.0, math.sqrt(2.0 / shape[0]), shape).astype("float32")


def _tensor(numbers: Any) -> Tensor:
    return ops.convert_to_tensor(numbers, "float32")
