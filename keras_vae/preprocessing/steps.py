"""The steps of preprocessing, each with its inverse and its log derivative."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from keras_vae.layers import gaps
from keras_vae.typing import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Affine:
    """The step y = (x - shift) / scale.

    Args:
        shift: In units of x: a number, or an array that broadcasts to an event.
        scale: Likewise, not 0.
    """

    shift: Any
    scale: Any
    fills = False

    def forward(self, x: Tensor) -> Tensor:
        """Return y."""
        by = _arithmetic(x)
        return by.divide(by.subtract(x, array(self.shift)), array(self.scale))

    def inverse(self, y: Tensor) -> Tensor:
        """Return x."""
        by = _arithmetic(y)
        return by.add(by.multiply(y, array(self.scale)), array(self.shift))

    @property
    def log_slope(self) -> np.ndarray:
        """The log of |dy/dx|, of the shape of `scale`."""
        return -np.log(np.abs(np.asarray(self.scale, "float64")))


@dataclasses.dataclass(frozen=True, eq=False)
class Fill:
    """The step that puts `value` in place of NaN; its inverse is the identity.

    Args:
        value: A number, or an array that broadcasts to an event.
    """

    value: Any
    fills = True
    log_slope = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` without NaN."""
        return gaps.fill(x, array(self.value))

    def inverse(self, y: Tensor) -> Tensor:
        """Return `y`."""
        return y


STEPS: dict[str, Any] = {"affine": Affine, "fill": Fill}


def _arithmetic(x: Any) -> Any:
    """Return NumPy for its numbers, which are also computed while a graph is traced."""
    return np if isinstance(x, np.ndarray | np.generic) else ops


def array(value: Any) -> np.ndarray:
    """Return the float32 array of a number or of nested lists."""
    return np.asarray(value, "float32")


def to_config(step: Any) -> dict[str, Any]:
    """Return a step as JSON can hold it, exactly."""
    (kind,) = [name for name, cls in STEPS.items() if type(step) is cls]
    return {"kind": kind, **{k: array(v).tolist() for k, v in vars(step).items()}}


def from_config(config: dict[str, Any]) -> Any:
    """Return the step of `to_config`."""
    return STEPS[config["kind"]](**{k: v for k, v in config.items() if k != "kind"})
