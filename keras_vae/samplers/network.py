"""The base of samplers that are transformers: their numbers, and their loss in training."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import choices
from keras_vae.errors import UsageError
from keras_vae.samplers import transformer
from keras_vae.samplers.base import Sampler
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# How often training hides the class of an example, so that codes of any class are learned too.
HIDDEN = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkSampler(Sampler):
    """A transformer over the places of a code. A subclass defines `losses` and `from_weights`.

    Attributes:
        size: Sizes of the transformer.
        weights: Its weights, float32, by name.
        guidance: As in `Sampler`.
    """

    size: transformer.Size
    weights: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    guidance: float = 1.0
    name: ClassVar[str]
    is_real: ClassVar[bool] = False

    @property
    def classes(self) -> int:  # type: ignore[override]
        """Number of classes that it knows; 0 if it was fitted without labels."""
        return self.size.classes

    @classmethod
    def size_for(
        cls, shape: tuple[int, ...], codebook_size: int | None, classes: int, **sizes: Any
    ) -> transformer.Size:
        """Return the sizes for codes of `shape`.

        Args:
            shape: Shape of a code. Integers have one place each. Real numbers of one axis are one
                place, and those of several are the features of places.
            codebook_size: Number of different integers; None for real codes.
            classes: Number of classes, or 0.
            **sizes: `width`, `blocks` and `heads`.
        """
        if codebook_size is not None:
            places = int(np.prod(shape, dtype=int))
            return transformer.Size(places, codebook_size, codebook_size, classes=classes, **sizes)
        places = int(np.prod(shape[:-1], dtype=int))
        return transformer.Size(
            places, shape[-1], shape[-1], classes=classes, is_real=True, **sizes
        )

    def losses(
        self, weights: Mapping[str, Tensor], codes: Tensor, labels: Tensor | None, seed: Any
    ) -> Tensor:
        """Return what training minimizes, `(batch,)`.

        Args:
            weights: Variables by name, in place of `self.weights`.
            codes: `(batch, *latent_shape)`.
            labels: int32 `(batch,)`, or None.
            seed: A `keras.random.SeedGenerator`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define losses.")

    def from_weights(
        self,
        weights: Mapping[str, Tensor],
        seeds: Any,
        temperature: float,
        given: "Given",
    ) -> Tensor:
        """Draw codes, `(batch, places)` or `(batch, places, outputs)`; see `draw`."""
        raise NotImplementedError(f"{type(self).__name__} must define from_weights.")

    def draw(
        self,
        seeds: Any,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        labels: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Draw codes; see `Sampler.draw`."""
        self.check_top_k(top_k)
        guidance = self.guidance if guidance is None else arguments.real("guidance", guidance)
        weights = {name: ops.convert_to_tensor(part) for name, part in self.weights.items()}
        given = Given(self.size, labels, guidance, top_k)
        return ops.reshape(self.from_weights(weights, seeds, temperature, given), (-1, *shape))

    def check_top_k(self, top_k: Any) -> None:
        """Raise an error unless codes are integers, of which there are at least `top_k`."""
        if top_k is None:
            return
        if self.is_real:
            super().check_top_k(top_k)
        if arguments.integer("top_k", top_k) > self.size.outputs:
            raise UsageError(
                f"Expected top_k of at most {self.size.outputs}, the number of integers of a "
                f"place. Received: {top_k}."
            )

    def hide_some(self, labels: Tensor | None, seed: Any) -> Tensor | None:
        """Return labels of which some stand for any class."""
        if labels is None:
            return None
        hidden = keras.random.uniform(ops.shape(labels), dtype="float32", seed=seed) < HIDDEN
        return ops.where(hidden, ops.full_like(labels, self.classes), labels)


@dataclasses.dataclass(frozen=True)
class Given:
    """The class of each row and how much it counts, for networks asked with and without it.

    With a guidance other than 1, each row is there twice, once without its class (Ho and Salimans
    2022, arXiv:2207.12598).

    Attributes:
        size: Sizes of the transformer.
        labels: int32 `(batch,)`, or None for any class.
        guidance: The factor of the difference that the class makes.
        top_k: Number of integers with a chance at each place; None for all.
    """

    size: transformer.Size
    labels: Any
    guidance: float
    top_k: int | None = None

    @property
    def is_guided(self) -> bool:
        """True if each row is there twice."""
        return self.labels is not None and self.guidance != 1.0

    def all_labels(self) -> Tensor | None:
        """Return the labels of all rows."""
        if self.labels is None:
            return None
        labels = ops.cast(ops.convert_to_tensor(self.labels), "int32")
        if not self.is_guided:
            return labels
        return ops.concatenate([labels, ops.full_like(labels, self.size.classes)], axis=0)

    def repeat(self, rows: Tensor) -> Tensor:
        """Return rows as often as the network needs them."""
        return ops.concatenate([rows, rows], axis=0) if self.is_guided else rows

    def combine(self, answers: Tensor) -> Tensor:
        """Return one answer for each row, of logits with a chance for `top_k` alone."""
        if self.is_guided:
            with_class, without = ops.split(answers, 2, axis=0)
            answers = without + self.guidance * (with_class - without)
        return choices.keep_top(answers, self.top_k)
