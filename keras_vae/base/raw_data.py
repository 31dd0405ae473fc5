"""Raw data at the border of a model: how its networks see them, and which have no answer."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import host_values, is_traced
from keras_vae.distributions import special
from keras_vae.preprocessing import Preprocessing
from keras_vae.typing import Tensor
from keras_vae.validation import precision, value_checks
from keras_vae.validation.finite_rows import nan_unless_finite


class RawData:
    """A mixin that prepares raw x for the networks, and marks rows without an answer."""

    preprocess: Preprocessing
    family: Any
    steps: Any
    likelihood: Any

    def prepare(self, x: Any) -> Any:
        """Return raw x, an array or a structure with x first, as the networks take it.

        Those of counts and of numbers above 0 take log(1 + x).
        """
        if not (self.preprocess or self.family.encodes_log):
            return x
        first, *others = keras.tree.flatten(x)
        if self.preprocess:
            first = self.preprocess.forward(first)
        if self.family.encodes_log:
            first = special.log1p(ops.cast(first, "float32"))
        return keras.tree.pack_sequence_as(x, [first, *others])

    @property
    def data_range(self) -> tuple[float, float]:
        """Smallest and largest raw value of x with a density."""
        return self.preprocess.raw_range(self.family.support)

    def check_event(self, name: str, values: Any) -> None:
        """Raise ValueError unless `values` are finite and in the support of the likelihood."""
        what = f"the {self.likelihood!r} likelihood"
        if self.preprocess:
            what += f" after preprocess ({self.preprocess.describe()})"
        value_checks.check_values(name, values, self.data_range, what, self.preprocess.fills)
        if self.family.whole:  # `later_batches.ranges_of` knows when a range is not all.
            value_checks.check_whole(name, values, what)
            precision.check_exact(values, f"{name}, for {what}")
        if self.family.by_column:
            self.family.check_columns(name, values)

    def check_columns(self, x: Any) -> None:
        """Raise ValueError for values of a NumPy array that no row of a table can have.

        Counts that float32 cannot hold are refused in every array of counts. Infinity is passed
        over: the verbs answer it with NaN.
        """
        if not isinstance(x, np.ndarray):
            return
        if self.family.whole:
            precision.check_exact(x, f"x, for the {self.likelihood!r} likelihood")
        if self.family.by_column:
            with np.errstate(over="ignore"):
                infinite = np.isinf(x.astype("float32"))
            self.family.check_columns("x", np.where(infinite, np.nan, x) if infinite.any() else x)

    def mark_rows(self, inputs: Any, outputs: Tensor) -> Tensor:
        """Return `outputs` of x as `nan_unless_finite` does, outside of graphs being traced.

        In graphs, `call` and the endpoints do so once, at the end. Gaps that `preprocess` fills are
        no reason for NaN.
        """
        return self.mark_codes(self.preprocess.without_gaps(inputs), outputs)

    def mark_codes(self, inputs: Any, outputs: Tensor) -> Tensor:
        """Return `outputs` of codes as `mark_rows` does those of x; codes have no gaps."""
        symbolic = any(isinstance(p, keras.KerasTensor) for p in keras.tree.flatten(inputs))
        traced = symbolic or is_traced(self.steps)
        if traced or all(map(_is_finite, keras.tree.flatten(inputs))):
            return outputs
        return nan_unless_finite(inputs, outputs)


def _is_finite(part: Any) -> bool:
    """Return whether all values of an array are known to be finite, without a copy of them."""
    values = host_values(part)
    return values is not None and (values.dtype.kind in "iub" or bool(np.isfinite(values).all()))
