"""Checks of the values in arrays: their type, their range, and that they are numbers."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation.containers import refuse_masked

ANY_NUMBER = (-math.inf, math.inf)
FLOAT32_MAX = float(np.finfo("float32").max)
DIVERGED = (
    "(Its training diverged. Load an earlier file, or train again with a lower learning rate or "
    "clipnorm=1.0 in the optimizer.)"
)
NOT_NUMBERS = "OSUVcMm"  # Kinds of NumPy: objects, text, records, complex numbers, dates.


def check_values(
    name: str, values: Any, support: tuple[float, float], what: str, gaps: bool = False
) -> None:
    """Raise unless all `values` are finite numbers within `support`.

    Args:
        name: Name of the argument, for the message.
        values: An array or a tensor.
        support: Smallest and largest value that is allowed.
        what: Owner of the support, for the message, such as "the 'bernoulli' likelihood".
        gaps: Whether NaN is a gap. Each row then needs a number.

    Raises:
        ValueError: If a value is NaN, infinite or outside the support.
        TypeError: If the values are not real numbers.
    """
    refuse_masked(name, values, gaps)
    if gaps:
        values = _without_gaps(name, values)
    extremes = _extremes(name, values)
    if not all(map(math.isfinite, extremes)):
        raise UsageError(
            f"Expected finite values in {name}. Received: NaN or infinity. "
            "(Remove or replace them; numpy.isfinite finds them.)"
        )
    refuse_beyond_float32(name, *extremes)
    # Models compute with float32, so that is what is checked.
    low, high = (np.float32(value) for value in extremes)
    if low < support[0] or high > support[1]:
        hint = ""
        if 0 < support[0] < 1e-30 and low == 0:
            axes = tuple(range(1, len(values.shape)))
            rows = f"({name} > 0).all(axis={axes[0] if len(axes) == 1 else axes})"
            hint = (
                " (Zeros have no chance there. Of counts, choose likelihood 'poisson' or "
                f"'negative_binomial'. Of amounts, keep the rows without: {name}[{rows}].)"
            )
        elif max(support[0] - low, high - support[1]) < 1e-3:
            hint = (
                f" (Clip the rounding errors: numpy.clip({name}, {support[0]:g}, {support[1]:g}).)"
            )
        elif support == (0.0, 1.0) and low >= 0 and high <= 255:
            hint = f" (Divide 8-bit pixels by 255: {name} / 255.)"
            if high <= 16:  # Those of scikit-learn end at 16.
                hint = f" (Divide by the largest possible value, for 8-bit pixels: {name} / 255.)"
        elif support == (0.0, 1.0) and 0 <= low and high <= 65535:
            hint = f" (Divide 16-bit pixels by 65535: {name} / 65535.)"
        elif support == (0.0, 1.0) and -1 <= low and high <= 1:
            hint = f" (Of values from -1 to 1: ({name} + 1) / 2, or choose likelihood='normal'.)"
        elif support == (0.0, 1.0):
            hint = " (Scale it to [0, 1], or choose likelihood='normal'.)"
        elif support == (-2.0 * math.pi, 2.0 * math.pi) and -360 <= low and high <= 360:
            hint = f" (Of degrees: numpy.radians({name}).)"
        raise UsageError(
            f"Expected {name} in [{support[0]:g}, {support[1]:g}], the support of {what}. "
            f"Received: values from {_digits(low)} to {_digits(high)}.{hint}"
        )


def check_whole(name: str, values: Any, what: str) -> None:
    """Raise ValueError unless all `values` that are not NaN are whole numbers.

    Args:
        name: Name of the argument, for the message.
        values: An array or a tensor.
        what: Owner of the rule, for the message.
    """
    values = values if isinstance(values, np.ndarray) else ops.convert_to_numpy(values)
    if values.dtype.kind != "f":
        return
    broken = values[(values != np.rint(values)) & ~np.isnan(values)]
    if broken.size:
        advice = "Give raw counts, neither scaled nor in logarithms."
        if 0.0 <= np.nanmin(values) and np.nanmax(values) <= 1.0:
            advice = "Counts are not scaled. For pixels in [0, 1], choose likelihood 'bernoulli'."
        raise UsageError(
            f"Expected whole numbers in {name}, for {what}. Received: {broken.size} others, such "
            f"as {_digits(broken[0])}. ({advice})"
        )


def _without_gaps(name: str, values: Any) -> np.ndarray:
    """Return the values that are not NaN; raise ValueError if a row has none."""
    if not isinstance(values, np.ndarray):
        values = ops.convert_to_numpy(values)
    if values.dtype.kind != "f":
        return values
    missing = np.isnan(values)
    if empty := int(missing.reshape(len(values), -1).all(axis=1).sum()):
        raise UsageError(
            f"Expected a number in each row of {name}. Received: {empty} row(s) of gaps alone. "
            f"(Leave them out: {name}[~numpy.isnan({name}).all(axis=...)].)"
        )
    return values[~missing] if missing.any() else values


def check_numbers(name: str, values: Any, gaps: bool = False) -> None:
    """Raise unless a NumPy array holds at least one row, and real numbers; pass over tensors.

    Args:
        name: Name of the argument, for the message.
        values: An array or a tensor.
        gaps: Whether NaN is a gap, for the message about masked values.

    Raises:
        ValueError: If there is no row, or an element is masked.
        TypeError: If the elements are not real numbers, such as complex numbers or dates.
    """
    if not isinstance(values, np.ndarray):
        return
    if not values.ndim or not len(values):
        raise UsageError(
            f"Expected at least one row in {name}. Received: an array of shape {values.shape}."
        )
    refuse_masked(name, values, gaps)
    check_kind(name, values.dtype)


def check_kind(name: str, dtype: np.dtype) -> None:
    """Raise TypeError unless a dtype of NumPy is one of real numbers that backends have."""
    if dtype == np.float32:
        return
    if dtype.name.startswith(("bfloat", "float8")):
        raise UsageTypeError(
            f"Expected a type of NumPy in {name}. Received: {dtype}. (Convert {name} to float32.)"
        )
    if dtype.kind in NOT_NUMBERS:
        raise UsageTypeError(f"Expected real numbers in {name}. Received: {dtype}.")
    if dtype.kind == "f" and dtype.itemsize > 8:
        raise UsageTypeError(
            f"Expected numbers of at most 64 bits in {name}. Received: {dtype}. (Give "
            f'{name}.astype("float32").)'
        )


def refuse_nan(model: Any, what: str, values: Any) -> None:
    """Raise ValueError if results of `model` have NaN, which is no answer.

    Args:
        model: The model.
        what: A name for the results, for the message.
        values: The results, an array of any shape.
    """
    if np.isnan(values).any():
        check_weights(model)
        raise UsageError(
            f"Expected finite {what}. Received: NaN, of a {type(model).__name__} whose numbers "
            f"are beyond the range of float32. {DIVERGED}"
        )


def check_weights(model: Any) -> None:
    """Raise ValueError if a weight of `model` is NaN or infinite: its answers would be too."""
    for weight in getattr(model, "weights", ()):
        if "float" in weight.dtype and not bool(ops.all(ops.isfinite(weight))):
            raise UsageError(
                f"Expected a {type(model).__name__} with finite weights. Received: NaN or infinity "
                f"in {weight.path}. {DIVERGED}"
            )


def wide_on_host(values: Any) -> Any:
    """Return a tensor of 64-bit integers as an array, whose values can be checked.

    Anything else comes back as it is, also traced tensors, which have no values.
    """
    if keras.backend.standardize_dtype(values.dtype) not in ("int64", "uint64"):
        return values
    try:
        return np.asarray(ops.convert_to_numpy(values))
    except (NotImplementedError, TypeError):  # Of TensorFlow's and JAX's symbolic tensors.
        return values


def integers_of_32_bits(name: str, values: Any, largest: int = 2**31 - 1, hint: str = "") -> Any:
    """Return integers from -2^31 to `largest`, which a cast does not change.

    Args:
        name: Name of the argument, for the message.
        values: An array or a tensor; see `wide_on_host`.
        largest: The largest integer.
        hint: What to do, for the message.

    Raises:
        ValueError: If one is out of range.
    """
    values = wide_on_host(values)
    is_array = isinstance(values, np.ndarray) and values.size
    if is_array and not -(2**31) <= values.min() <= values.max() <= largest:
        raise UsageError(
            f"Expected {name} of integers of 32 bits. Received: {values.min()} to {values.max()}."
            f" {hint}".rstrip()
        )
    return values


def refuse_8_bit(x: Any, support: tuple[float, float]) -> None:
    """Raise ValueError for whole numbers above 1 in an array whose values are in [0, 1].

    Tensors are not checked: that would cost each call, and those of graphs have no values.
    """
    whole = isinstance(x, np.ndarray) and x.dtype.kind in "ui"
    if whole and support == (0.0, 1.0) and x.size and x.max() > 1:
        raise UsageError(
            f"Expected x in [0, 1]. Received: {x.dtype} up to {x.max()}. (Divide 8-bit pixels by "
            "255: x / 255.)"
        )


def refuse_beyond_float32(name: str, *values: float) -> None:
    """Raise ValueError if one of finite `values` is beyond the range of float32."""
    largest = max(map(abs, values))
    if largest > FLOAT32_MAX and math.isfinite(largest):
        raise UsageError(
            f"Expected values in {name} that float32 can hold, up to {FLOAT32_MAX:.2g}. Received: "
            f"{largest:g}. (Scale them.)"
        )


def _digits(value: np.float32) -> str:
    """Return the fewest digits that tell a number from its neighbors in float32."""
    return str(value).removesuffix(".0")


def _extremes(name: str, values: Any) -> tuple[float, float]:
    """Return the smallest and the largest value; both are NaN if any value is NaN."""
    if not isinstance(values, np.ndarray):
        values = ops.convert_to_numpy(values)
    check_kind(name, values.dtype)
    return float(values.min()), float(values.max())
