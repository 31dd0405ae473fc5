"""The inputs of a model: which arrays of a file fit them, and which numbers their bytes are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import kind_of
from keras_vae.training.data.sources.base import as_floats


def check_count(arrays: Sequence[Any], inputs: Sequence[Any], name: str) -> None:
    """Raise ValueError unless there is an array for each input of the model."""
    if len(arrays) != len(inputs):
        raise UsageError(
            f"Expected {len(inputs)} arrays, {' and '.join(spec.name for spec in inputs)}, which "
            f"the model takes. Received: {len(arrays)} in {name}. (Give an .npz file with arrays "
            "of these names.)"
        )


def check_array(array: np.ndarray, spec: Any, name: str) -> None:
    """Raise ValueError unless the model takes arrays of this shape and type."""
    wanted, shape = tuple(spec.shape[1:]), array.shape[1:]
    if shape == wanted[:-1] and wanted[-1:] == (1,):
        shape = wanted
    fits = len(shape) == len(wanted) and all(
        want in (None, have) for want, have in zip(wanted, shape, strict=True)
    )
    whole, pixels = spec.dtype.startswith("int"), is_pixels(spec)
    kinds = "iu" if whole else "fb" if pixels else "fbiu"
    if not fits or not (array.dtype.kind in kinds or (array.dtype == np.uint8 and pixels)):
        types = "integers" if whole else "numbers"
        if pixels:
            types = "floats, bool, or bytes that stand for 0 to 1"
        are_images = array.dtype == np.uint8 and len(wanted) == 3 and len(shape) in (2, 3)
        only_size = are_images and (shape[2:] or (1,)) == wanted[2:]
        hint = " (Add --stretch, or --crop-to-aspect-ratio.)" * only_size
        raise UsageError(
            f"Expected {types} of shape {('rows', *wanted)} for the input {spec.name} of the "
            f"model. Received: {array.dtype} of shape {array.shape} in {name}.{hint}"
        )


def is_pixels(spec: Any) -> bool:
    """Return whether bytes of an input stand for 0 to 1: those of images and volumes, not counts.

    Integers of all others, such as counts, series, labels, and codes, are numbers as they are.
    """
    whole = str(spec.dtype).startswith("int") or getattr(spec, "whole", False)
    return spec.name == "x" and kind_of(spec.shape[1:]) in ("images", "volumes") and not whole


def convert_input(array: np.ndarray, spec: Any, start: int = 0) -> np.ndarray:
    """Return rows, the first of which has the number `start`, as a model takes them."""
    array = np.asarray(array)
    if getattr(spec, "whole", False):
        from keras_vae.validation import precision

        precision.check_exact(array, spec.name, first_row=start)
    if array.ndim < len(spec.shape):
        array = array[..., np.newaxis]
    if str(spec.dtype).startswith("int"):
        return array.astype(np.int32)
    return as_floats(array) if is_pixels(spec) else array.astype(np.float32)
