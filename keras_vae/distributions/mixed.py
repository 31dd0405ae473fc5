"""Rows of tables: each column has the distribution of its kind, and NaN is missing."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, next_seed, tensor
from keras_vae.distributions.column_densities import DENSITIES, mean_of_mixtures
from keras_vae.distributions.columns import CLASSES, Column
from keras_vae.errors import UsageError
from keras_vae.layers import gaps
from keras_vae.validation import precision

PREFIX = "Mixed_"


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Columns of one kind and number of classes, whose distribution is computed at once.

    Attributes:
        columns: The columns.
        positions: Their positions in the table.
    """

    columns: tuple[Column, ...]
    positions: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """Number of outputs of the decoder for each column."""
        column = self.columns[0]
        classes = len(column.categories)
        return classes - (column.kind == "ordinal") if column.kind in CLASSES else 2

    def density(self, outputs: Tensor) -> Distribution:
        """Return the distribution of these columns for their outputs, `(batch, ...)`."""
        units = np.array([column.units for column in self.columns], "float32")
        shift, scale = tensor(units[:, 0]), tensor(units[:, 1])
        parts = ops.reshape(outputs, (-1, len(self.columns), self.outputs))
        return DENSITIES[self.columns[0].kind](parts, shift, scale)


def groups_of(columns: Sequence[Column]) -> tuple[Group, ...]:
    """Return the columns of a table by kind and number of classes."""
    found: dict[Any, list[int]] = {}
    for position, column in enumerate(columns):
        found.setdefault((column.kind, len(column.categories)), []).append(position)
    return tuple(Group(tuple(columns[i] for i in group), tuple(group)) for group in found.values())


class Mixed(Distribution):
    """Rows of tables with columns of several kinds, independent given the code (HI-VAE).

    The classes for tables are those of `Mixed.of(columns)`. Events are `(columns,)`: numbers,
    indices of categories, and NaN for missing, which counts 0. Of the outputs, each column takes

    | kind | distribution | outputs |
    |---|---|---|
    | "numeric", "date" | Gaussian of the standardized number | mean, log variance |
    | "positive" | Gaussian of the standardized logarithm | mean, log variance |
    | "count" | negative binomial | logarithm of the mean, standardized, and of the dispersion |
    | "ordinal" | cumulative logits | categories - 1 |
    | "categorical", "boolean" | categories | logits |

    The unit of nats is that of the table. A variance has 1e-4 of that of its column added.

    Source: Nazabal et al. 2020 (arXiv:1807.03653, section 2).

    Example:
        >>> color = keras_vae.tables.Column("color", "categorical", ("blue", "green", "red"))
        >>> family = keras_vae.distributions.Mixed.of([color])
        >>> p = family(np.log([[0.5, 0.2, 0.3]]))
        >>> np.round(np.exp(p.log_prob(np.array([[1.0]]))), 3)
        array([0.2], dtype=float32)

    Args:
        outputs: Outputs of the decoder, `(batch, width)`.

    Attributes:
        columns: The `keras_vae.tables.Column` of each column.
        width: Number of outputs of the decoder.
        points: Numbers of memory that `mean_of_mixtures` needs for each value.
    """

    by_column = True
    prefix = PREFIX
    points = 1
    columns: tuple[Column, ...] = ()
    groups: tuple[Group, ...] = ()
    width = 0

    def __init__(self, outputs: Tensor) -> None:
        sizes = [len(group.columns) * group.outputs for group in self.groups]
        ends = list(itertools.accumulate(sizes))
        outputs = tensor(outputs)
        self.densities = [
            group.density(outputs[:, end - size : end])
            for group, size, end in zip(self.groups, sizes, ends, strict=True)
        ]

    @classmethod
    def of(cls, columns: Iterable[Column]) -> type["Mixed"]:
        """Return the class for a table, which saved models find by its name.

        Args:
            columns: The columns in order, such as a `keras_vae.tables.Schema`.

        Raises:
            ValueError: If there are none.
        """
        columns = tuple(columns)
        if not columns:
            raise UsageError("Expected at least one column. Received: none.")
        groups = groups_of(columns)
        width = sum(len(group.columns) * group.outputs for group in groups)
        name = cls.prefix + json.dumps([column.get_config() for column in columns])
        return type(name, (cls,), {"columns": columns, "groups": groups, "width": width})

    @classmethod
    def from_name(cls, name: str) -> type["Mixed"] | None:
        """Return the class of the name of one; None for another name."""
        if not name.startswith(PREFIX):
            return None
        return cls.of(Column(**config) for config in json.loads(name.removeprefix(PREFIX)))

    @classmethod
    def output_shape(cls, event_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output of a decoder, without the batch axis.

        Raises:
            ValueError: If events are no rows of this table.
        """
        if tuple(event_shape) != (len(cls.columns),):
            raise UsageError(
                f"Expected rows of the {len(cls.columns)} columns of the likelihood. Received: "
                f"events of shape {tuple(event_shape)}."
            )
        return (cls.width,)

    @classmethod
    def check_columns(cls, name: str, values: Any) -> None:
        """Raise ValueError for the first value outside of the support of its column.

        A count that float32 cannot hold is one.

        Args:
            name: Name of the argument, for the message.
            values: Rows, `(rows, columns)`, with NaN for missing.
        """
        wide = np.asarray(ops.convert_to_numpy(values))
        values = wide.astype("float32")
        for position, column in enumerate(cls.columns):
            wrong = np.flatnonzero(~column.accepts(values[:, position]))
            if wrong.size:
                raise UsageError(
                    f"Expected {column.meaning}, or NaN for missing, in column {column.name!r} of "
                    f"{name}. Received: {values[wrong[0], position]:g} in row {wrong[0]}. "
                    "(schema.to_array makes the array of a table.)"
                )
        cls.check_counts(name, wide)

    @classmethod
    def check_counts(cls, name: str, values: np.ndarray) -> None:
        """Raise ValueError for the first count of an array that float32 cannot hold."""
        for position, column in enumerate(cls.columns):
            if column.kind == "count":
                what = f"column {column.name!r} of {name}"
                precision.check_exact(values[:, position], what, precision.OTHER_KIND)

    def check_exact(self, x: Any) -> None:
        """Raise ValueError for counts of an array that float32 cannot hold; pass over tensors."""
        if isinstance(x, np.ndarray | list):
            self.check_counts("x", np.asarray(x))

    @property
    def mean(self) -> Tensor:
        """Expected numbers, and indices of the most probable categories, `(batch, columns)`."""
        return self._join([density.mean for density in self.densities])

    def mean_of_mixtures(self, weights: Tensor) -> Tensor:
        """Return `mean` of mixtures of these distributions, `(rows, columns)`.

        Args:
            weights: `(rows, components)`, with a sum of 1 in each row. This distribution has
                `rows * components` rows, with the components of a mixture together.
        """
        return self._join([mean_of_mixtures(density, weights) for density in self.densities])

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, columns)`."""
        parts = []
        for density in self.densities:
            parts.append(density.sample(seed))
            seed = next_seed(next_seed(seed))  # A density may draw twice.
        return self._join(parts)

    def sample_missing(self, seed: Any = None) -> Tensor:
        """Sample values that are missing, `(batch, columns)`; here as all others."""
        return self.sample(seed)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the summands of `log_prob`, `(batch, columns)`, in nats."""
        # Replace before and after: the gradient of the unused branch must be finite as well.
        known = gaps.is_number(x)
        x = ops.where(known, x, np.array([column.usual for column in self.columns], "float32"))
        each = [
            density.element_log_prob(ops.take(x, np.array(group.positions), axis=-1))
            for density, group in zip(self.densities, self.groups, strict=True)
        ]
        return ops.where(known, self._join(each), self.gap_log_prob)

    def _join(self, parts: Sequence[Tensor]) -> Tensor:
        """Return values of all groups in the order of the columns."""
        order = np.argsort([i for group in self.groups for i in group.positions])
        return ops.take(ops.concatenate(parts, axis=-1), order, axis=-1)
