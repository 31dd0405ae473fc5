"""The integers of a .tflite file and the floats that they represent. Needs NumPy only."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def quantize(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """Convert float `values` to the type of a tensor of a file."""
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] == np.float32:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    steps = np.round(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor["dtype"])


def dequantize(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """Convert the values of a tensor of a file to the floats that they represent."""
    scale, zero_point = tensor["quantization"]
    if not scale or tensor["dtype"] == np.float32:
        return np.array(values)
    return ((values.astype("float32") - zero_point) * np.float32(scale)).astype("float32")
