"""Networks of tables with columns of every kind: the inputs of the encoder, and both networks."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import nets
from keras_vae.distributions import special
from keras_vae.distributions.columns import CLASSES, NUMBERS, Column
from keras_vae.distributions.mixed import Mixed
from keras_vae.distributions.positive import SMALLEST
from keras_vae.typing import Tensor

# Deviations from the mean at which the sentinel of a numeric column lies. No table has such values.
FAR = 1e4


def sentinels(columns: Sequence[Column], share: float = 1.0) -> list[float]:
    """Return numbers that stand for a missing value, one for each column, below all others.

    Args:
        columns: The columns.
        share: 1 for the sentinels, 0.5 for numbers that lie between them and others.
    """
    numeric = [column.mean - share * FAR * column.scale for column in columns]
    is_numeric = [column.kind in ("numeric", "date") for column in columns]
    return np.where(is_numeric, numeric, -share).tolist()


@keras.saving.register_keras_serializable("keras_vae")
class TableInputs(keras.layers.Layer):
    """Turns rows into inputs of a network: numbers, one-hot categories, and which are known.

    Numbers are standardized, those of amounts and counts in logarithms. A missing value, which is
    its sentinel, is 0 in all three. The layer computes in float32, whatever the policy is.

    Args:
        columns: The columns of the table, or their configurations.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, columns: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "autocast": False})
        self.columns = tuple(c if isinstance(c, Column) else Column(**c) for c in columns)
        self._positions = {
            kind: [i for i, column in enumerate(self.columns) if column.kind == kind]
            for kind in NUMBERS
        }
        self._classes = [
            (i, index)
            for i, column in enumerate(self.columns)
            if column.kind in CLASSES
            for index in range(len(column.categories))
        ]

    def call(self, x: Tensor) -> Tensor:
        """Return the inputs, `(batch, features)`, for rows `(batch, columns)` with sentinels."""
        x = ops.cast(x, "float32")
        least = ops.convert_to_tensor(sentinels(self.columns, 0.5), "float32")
        known = ops.cast(ops.greater(x, least), "float32")
        parts = [self._numbers(kind, x, known) for kind in NUMBERS if self._positions[kind]]
        if self._classes:
            places, indices = np.array(self._classes).T
            wanted = ops.convert_to_tensor(indices, "float32")
            chosen = ops.equal(ops.take(x, places, axis=-1), wanted)
            parts.append(ops.cast(chosen, "float32"))
        return ops.cast(ops.concatenate([*parts, known], axis=-1), self.compute_dtype)

    def _numbers(self, kind: str, x: Tensor, known: Tensor) -> Tensor:
        """Return the standardized numbers of a kind, 0 where missing."""
        places = np.array(self._positions[kind])
        units = np.array([self.columns[i].units for i in places], "float32")
        shift, scale = (ops.convert_to_tensor(part) for part in (units[:, 0], units[:, 1]))
        x = ops.take(x, places, axis=-1)
        if kind == "positive":
            x = ops.log(ops.maximum(x, SMALLEST))
        elif kind == "count":
            x = special.log1p(ops.maximum(x, 0.0))
        return (x - shift) / scale * ops.take(known, places, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the inputs."""
        numbers = sum(len(places) for places in self._positions.values())
        return (*input_shape[:-1], numbers + len(self._classes) + len(self.columns))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        columns = [column.get_config() for column in self.columns]
        return {**super().get_config(), "columns": columns}


def mixed_networks(
    columns: Sequence[Column], latent_dim: int, hidden: Sequence[int]
) -> tuple[keras.Model, keras.Model]:
    """Return an encoder of rows with sentinels, `(columns,)`, and a decoder for `Mixed`.

    Args:
        columns: The columns of the table.
        latent_dim: Size of the code.
        hidden: Widths of the hidden layers of the encoder.
    """
    x = keras.Input((len(columns),), name="x")
    features = TableInputs(columns, name="inputs")(x)
    codes = nets.dense_encoder((features.shape[-1],), latent_dim, hidden, heads=2)
    encoder = keras.Model(x, codes(features), name="encoder")
    encoder.autocast = False  # Half precision would round the numbers before they are scaled.
    width = Mixed.of(columns).width
    return encoder, nets.dense_decoder((width,), latent_dim, tuple(hidden)[::-1])
