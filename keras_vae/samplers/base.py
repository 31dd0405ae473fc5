"""The base of samplers: constant objects that draw codes as pure functions of seeds."""

import math
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


class Sampler:
    """Base class of what `model.sampler` may be; constant once it is made.

    Its numbers are constants of the graphs that draw from it, and are saved with the model.

    Example:
        >>> model.fit_prior(images, prior="flow", epochs=1, verbose=0)
        >>> codes = model.sampler.draw(keras_vae.random.row_seeds(4, 0), model.latent_shape)

    Attributes:
        classes: Number of classes that it knows; 0 if it was fitted without labels.
        guidance: The guidance of `sample` and of exported files, if none is given.
    """

    classes: int = 0
    guidance: float = 1.0

    def draw(
        self,
        seeds: Any,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        labels: Any = None,
        guidance: float | None = None,
    ) -> Tensor:
        """Draw codes in which row i depends on `seeds[i]` and `labels[i]` alone.

        Args:
            seeds: int32 `(batch,)`, as for `keras_vae.random.standard_normal`.
            shape: Shape of a code.
            temperature: How far codes vary: 0 for the most likely ones, 1 as in the data.
            labels: int32 `(batch,)`, where `classes` stands for any class; None for any class.
            guidance: How much more a code is of its class than the data: 1 as in the data, 0 of any
                class; None for `self.guidance`.

        A sampler of integers also takes `top_k`, the number of integers with a chance at a place.

        Returns:
            `(batch, *shape)`, of the dtype of codes.
        """
        raise NotImplementedError(f"{type(self).__name__} must define draw.")

    def row_size(self, shape: tuple[int, ...]) -> int:
        """Return the numbers of the largest array that a draw holds for a code of `shape`.

        `model.sample` draws as many rows at a time as fit into its memory for such arrays.
        """
        return math.prod(shape)

    def check_top_k(self, top_k: Any) -> None:
        """Raise an error unless the sampler draws integers, of which `top_k` have a chance."""
        if top_k is not None:
            raise UsageTypeError(
                f"Expected no top_k: codes of this {type(self).__name__} are real numbers, which "
                f"cannot be counted. Received: top_k={top_k!r}. (Give a temperature below 1 for "
                "codes that vary less.)"
            )

    def labels_of_rows(self, labels: Any, count: int, name: str = "labels") -> np.ndarray:
        """Return the class of each of `count` examples, int32 `(count,)`.

        Args:
            labels: One class for each example, or one for all.
            count: Number of examples.
            name: Name of the argument, for messages.
        """
        found = arguments.array(name, labels)
        self.check_labels(found)
        if found.ndim and len(found) != count:
            raise UsageError(
                f"Expected one class for all, or one for each of {count} examples. Received: "
                f"{len(found)}."
            )
        return np.broadcast_to(found, (count,)).astype("int32")

    def check_labels(self, labels: Any) -> None:
        """Raise an error unless the sampler knows the classes of `labels`, an array or None."""
        if labels is None:
            return
        if not self.classes:
            raise UsageTypeError(
                f"Expected no condition: this {type(self).__name__} was fitted without labels. "
                "Received: one. (model.fit_prior(x, labels, prior=...) learns classes with any "
                "prior but 'mixture'.)"
            )
        if labels.dtype.kind not in "iu" or labels.ndim > 1:
            raise UsageTypeError(
                "Expected a condition of one label for each example, an integer from 0 to "
                f"{self.classes - 1}. Received: {labels.dtype} of shape {labels.shape}."
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.classes:
            raise UsageError(
                f"Expected labels from 0 to {self.classes - 1}. Received: {labels.min()} to "
                f"{labels.max()}."
            )
