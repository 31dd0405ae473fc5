"""The preprocessing of a model: steps from raw numbers to those of its networks, and back."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.distributions import Autoregressive, Categorical, Distribution
from keras_vae.distributions.base import tensor
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.layers import gaps
from keras_vae.preprocessing import steps
from keras_vae.preprocessing.density import Preprocessed
from keras_vae.preprocessing.keras_layers import read_layer
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class Preprocessing:
    """Fixed steps from raw numbers to the numbers that networks take, and back.

    A model makes it of its argument `preprocess`, and keeps it as `model.preprocess`. The steps
    are constants: a layer that is adapted later does not change the model. Files of a whole model
    have them in its configuration. Files of weights alone do not.

    Example:
        >>> layer = keras.layers.Rescaling(1 / 255)
        >>> preprocess = keras_vae.preprocessing.Preprocessing([layer])
        >>> np.array(preprocess.forward(np.array([[0, 51, 255]], "uint8")))
        array([[0. , 0.2, 1. ]], dtype=float32)

    Args:
        layers: `keras.layers.Normalization` that is adapted, `keras.layers.Rescaling` and
            `keras_vae.layers.FillGaps`, in the order in which they act.

    Attributes:
        fills: Whether NaN in x is a gap, which a step fills.

    Raises:
        ValueError: If a layer is not adapted, has no inverse, or is the second that fills gaps.
        TypeError: If there is another object in the list.
    """

    def __init__(self, layers: Sequence[Any] = ()) -> None:
        if not isinstance(layers, list | tuple):
            raise UsageTypeError(
                f"Expected layers to be a list of Keras layers. Received: {layers!r:.80}. (Write "
                "[layer] for one.)"
            )
        self.steps = tuple(
            layer if type(layer) in steps.STEPS.values() else read_layer(layer) for layer in layers
        )
        filling = sum(step.fills for step in self.steps)
        if filling > 1:
            raise UsageError(
                f"Expected preprocess with one FillGaps. Received: {filling}, of which the first "
                "fills all."
            )
        self.fills = filling == 1

    @classmethod
    def of(cls, given: Any) -> "Preprocessing":
        """Return the preprocessing of an argument: None, a layer, a list of layers, or itself."""
        if isinstance(given, Preprocessing):
            return given
        if given is None:
            return cls()
        return cls(given if isinstance(given, list | tuple) else [given])

    def __bool__(self) -> bool:
        """Return whether there is any step."""
        return bool(self.steps)

    def forward(self, x: Tensor) -> Tensor:
        """Return raw `x`, `(batch, *event_shape)`, as networks take it, float32."""
        x = tensor(x) if self else x
        for step in self.steps:
            x = step.forward(x)
        return x

    def inverse(self, y: Tensor) -> Tensor:
        """Return the raw numbers of `y`, the inverse of `forward` where there are no gaps."""
        for step in reversed(self.steps):
            y = step.inverse(y)
        return y

    @property
    def log_slope(self) -> np.ndarray:
        """The log derivative of `forward` of each element, float32; it broadcasts to an event."""
        return np.asarray(sum((step.log_slope for step in self.steps), 0.0), "float32")

    def of_raw_data(self, density: Distribution) -> Distribution:
        """Return the distribution of raw x for that of the numbers of the networks."""
        return Preprocessed(density, self) if self else density

    def without_gaps(self, x: Any) -> Any:
        """Return x, an array or a structure of arrays, with any numbers in place of its gaps.

        Rows without a number keep their NaN.
        """
        if not self.fills:
            return x
        first, *others = keras.tree.flatten(x)
        return [gaps.without_gaps(first), *others]

    def fill_raw(self, x: Any) -> np.ndarray:
        """Return raw `x` as an array, with the raw equivalent of what fills its gaps."""
        filled = keras.ops.convert_to_numpy(self.inverse(self.forward(x)))
        return np.where(np.isnan(x), filled, x) if self.fills else np.asarray(x)

    def raw_range(self, support: tuple[float, float]) -> tuple[float, float]:
        """Return the smallest and largest raw x for those that the networks' density takes.

        Raises:
            ValueError: If the support has limits, and elements of x have different ones.
        """
        if not self or not np.isfinite(support).any():
            return support
        low, high = (np.unique(self._affine(limit, backwards=True)) for limit in support)
        if low.size > 1 or high.size > 1:
            raise UsageError(
                f"Expected preprocess with the same numbers for all elements of x, for a "
                f"likelihood of values in [{support[0]:g}, {support[1]:g}]. Received: "
                f"{self.describe()}. (keras.layers.Rescaling does that. Of standardized data "
                "choose likelihood='normal'.)"
            )
        return tuple(sorted((float(low[0]), float(high[0]))))  # type: ignore[return-value]

    def white(self) -> float | None:
        """Return the raw value of a white pixel: 255 or 1, or None if x are no pixels.

        They are pixels if the steps take black to 0 or -1, and white to 1.
        """
        for value in (255.0, 1.0):
            black, white = (np.unique(self._affine(level)) for level in (0.0, value))
            if len(white) == len(black) == 1 and white[0] == 1.0 and black[0] in (0.0, -1.0):
                return value
        return None

    def _affine(self, number: float, backwards: bool = False) -> np.ndarray:
        """Return a known raw number as networks take it, or back, by NumPy."""
        x = np.full((1,), number, "float32")
        for step in reversed(self.steps) if backwards else self.steps:
            if not step.fills:
                x = step.inverse(x) if backwards else step.forward(x)
        return x

    def check_family(self, likelihood: Any, family: type[Distribution]) -> None:
        """Raise ValueError if data of this likelihood cannot be preprocessed."""
        if self and issubclass(family, Autoregressive | Categorical):
            raise UsageError(
                f"Expected no preprocess with likelihood={likelihood!r}, whose data are classes. "
                f"Received: {self.describe()}."
            )
        if family.whole and not all(step.fills for step in self.steps):
            raise UsageError(
                f"Expected no preprocess that scales with likelihood={likelihood!r}, of "
                f"counts. Received: {self.describe()}. (Remove it: the encoder gets log(1 + x).)"
            )
        if family.by_column and not all(step.fills for step in self.steps):
            raise UsageError(
                "Expected no preprocess that scales with a likelihood of columns, which "
                f"standardizes numbers itself. Received: {self.describe()}. (Remove it.)"
            )
        self.raw_range(family.support)

    def check_event_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless each step fits events of this shape."""
        for step in self.steps:
            for name, value in vars(step).items():
                found = np.shape(value)
                if not _broadcasts(found, shape):
                    raise UsageError(
                        f"Expected preprocess for events of shape {shape}. Received: {name} of "
                        f"shape {found} in {self.describe()}. (Adapt the layer to data of this "
                        "shape.)"
                    )

    def describe(self) -> str:
        """Return the names of the steps, such as "affine, fill"."""
        return ", ".join(steps.to_config(step)["kind"] for step in self.steps)

    def get_config(self) -> dict[str, Any]:
        """Return the steps, as JSON can hold them."""
        return {"layers": [steps.to_config(step) for step in self.steps]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Preprocessing":
        """Return the preprocessing of `get_config()`."""
        return cls([steps.from_config(step) for step in config["layers"]])


def _broadcasts(found: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether an array broadcasts to an event, whose sizes may be unknown (None)."""
    if len(found) > len(shape):
        return False
    pairs = zip(reversed(found), reversed(shape), strict=False)
    return all(size in (1, wanted) for size, wanted in pairs)


def fills_gaps(model: Any) -> bool:
    """Return whether a model fills NaN in x; one of another class than ours does not."""
    preprocess = getattr(model, "preprocess", None)
    return preprocess is not None and preprocess.fills
