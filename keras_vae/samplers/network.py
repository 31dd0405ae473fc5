"""The base of samplers that are networks: their numbers, and their loss in training."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.backend import call_function, host_values
from keras_vae.distributions import choices
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.samplers import transformer
from keras_vae.samplers.base import Sampler
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# How often training hides the class of an example, so that codes of any class are learned too.
HIDDEN = 0.1
LARGEST_PLACES = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkSampler(Sampler):
    """A network that draws codes. A subclass defines what raises an error here.

    Attributes:
        size: Sizes of the network, of the class `sizes`.
        weights: Its weights, float32, by name.
        guidance: As in `Sampler`.
    """

    size: Any
    weights: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    guidance: float = 1.0
    name: ClassVar[str]
    sizes: ClassVar[type]
    # The settings of the network in `fit_prior`, and its epochs, unless they are given.
    defaults: ClassVar[Mapping[str, int]]
    epochs: ClassVar[int]
    fewest_blocks: ClassVar[int] = 0
    is_real: ClassVar[bool] = False
    is_guided: ClassVar[bool] = True
    # Whether a draw is one loop, which is compiled as a whole, and again for a new temperature.
    is_loop: ClassVar[bool] = False

    @property
    def classes(self) -> int:  # type: ignore[override]
        """Number of classes that it knows; 0 if it was fitted without labels."""
        return int(self.size.classes)

    @classmethod
    def size_for(
        cls, shape: tuple[int, ...], codebook_size: int | None, classes: int, **sizes: Any
    ) -> Any:
        """Return the sizes for codes of `shape`.

        Args:
            shape: Shape of a code.
            codebook_size: Number of different integers; None for real codes.
            classes: Number of classes, or 0.
            **sizes: Those of `defaults`.

        Raises:
            ValueError: If the codes are too large.
        """
        raise NotImplementedError(f"{cls.__name__} must define size_for.")

    @staticmethod
    def weight_shapes(size: Any) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights by name."""
        raise NotImplementedError("A sampler that is a network must define weight_shapes.")

    @staticmethod
    def initial_weights(size: Any, seed: int) -> dict[str, np.ndarray]:
        """Return the weights before training, float32, by name."""
        raise NotImplementedError("A sampler that is a network must define initial_weights.")

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
        self.check_guidance(guidance)
        seeds, weights = random.check_seeds(seeds), self.constants()

        def codes(sampler: NetworkSampler, seeds: Any, *labels: Any) -> Tensor:
            given = Given(sampler.size, guidance, top_k, *labels)
            return sampler.from_weights(weights, seeds, temperature, given)

        inputs = (seeds,) if labels is None else (seeds, labels)
        if not self.is_loop:  # Its network is compiled instead.
            return ops.reshape(codes(self, *inputs), (-1, *shape))
        drawn = call_function(codes, self, (temperature, guidance, top_k), *inputs)
        return ops.reshape(drawn, (-1, *shape))

    def call_network(
        self, network: Callable[..., Tensor], given: "Given", *inputs: Tensor
    ) -> Tensor:
        """Return `network(given, *inputs)`, compiled outside of graphs.

        Args:
            network: A pure function, which does not refer to this sampler.
            given: The class of each row.
            inputs: Tensors, `(batch, ...)` or `(1, ...)`.
        """
        unlabeled, count = dataclasses.replace(given, labels=None), len(inputs)

        def call(_: Any, *parts: Tensor) -> Tensor:
            labels = parts[count] if len(parts) > count else None
            return network(dataclasses.replace(unlabeled, labels=labels), *parts[:count])

        labels = () if given.labels is None else (given.labels,)
        return call_function(call, self, (given.guidance, given.top_k), *inputs, *labels)

    def checked_codes(self, codes: Any, labels: Any) -> tuple[Tensor, Tensor | None]:
        """Return codes and labels of `log_prob` as tensors; raise an error if it has none.

        Args:
            codes: `(batch, *latent_shape)`.
            labels: Class of each code, `(batch,)`, one for all, or None.
        """
        codes = ops.convert_to_tensor(codes)
        size = self.size.places * (self.size.outputs if self.is_real else 1)
        if not codes.shape or math.prod(codes.shape[1:]) != size:
            raise UsageError(
                f"Expected codes with {size} numbers for each example, as model.encode returns "
                f"them. Received: an array of shape {tuple(codes.shape)}."
            )
        values = None if self.is_real else host_values(codes)
        if not self.is_real and not keras.backend.is_int_dtype(codes.dtype):
            dtype = keras.backend.standardize_dtype(codes.dtype)
            raise UsageTypeError(f"Expected integers, as encode gives. Received: {dtype}.")
        if values is not None and not 0 <= values.min() <= values.max() < self.size.outputs:
            raise UsageError(
                f"Expected integers from 0 to {self.size.outputs - 1}. Received: {values.min()} to "
                f"{values.max()}."
            )
        if labels is None:
            return codes, None
        return codes, ops.convert_to_tensor(self.labels_of_rows(labels, codes.shape[0]))

    def constants(self) -> dict[str, Tensor]:
        """Return the weights as tensors by name."""
        return {name: ops.convert_to_tensor(part) for name, part in self.weights.items()}

    def check_guidance(self, guidance: float) -> None:
        """Raise an error unless the sampler can be guided to a class, or `guidance` is 1."""
        if not self.is_guided and guidance != 1.0:
            raise UsageTypeError(
                f"Expected no guidance: {type(self).__name__} draws each class from a "
                f"distribution of its own. Received: guidance={guidance!r}. (prior='flow' takes "
                "one.)"
            )

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


@dataclasses.dataclass(frozen=True, eq=False)
class TransformerSampler(NetworkSampler):
    """A transformer over the places of a code. A subclass defines `losses` and `from_weights`."""

    size: transformer.Size
    sizes = transformer.Size
    defaults = MappingProxyType({"width": 128, "blocks": 3, "heads": 4})
    weight_shapes = staticmethod(transformer.weight_shapes)
    initial_weights = staticmethod(transformer.initial_weights)

    @classmethod
    def size_for(
        cls, shape: tuple[int, ...], codebook_size: int | None, classes: int, **sizes: Any
    ) -> transformer.Size:
        """Return the sizes for codes of `shape`; see `NetworkSampler.size_for`.

        Integers have one place each. Real numbers of one axis are one place, and those of several
        are the features of places.
        """
        outputs = shape[-1] if codebook_size is None else codebook_size
        places = int(np.prod(shape if codebook_size else shape[:-1], dtype=int))
        if places > LARGEST_PLACES:
            raise UsageError(
                f"Expected codes of at most {LARGEST_PLACES} places, which a transformer reads all "
                f"at once. Received: {places}. (Use an encoder with one more stage.)"
            )
        is_real = codebook_size is None
        return transformer.Size(places, outputs, outputs, classes=classes, is_real=is_real, **sizes)

    def row_size(self, shape: tuple[int, ...]) -> int:
        """Return the features, scores, or logits of a code; see `Sampler.row_size`."""
        size = self.size
        return size.places * max(4 * size.width, size.heads * size.places, size.outputs)


@dataclasses.dataclass(frozen=True)
class Given:
    """The class of each row and how much it counts, for networks asked with and without it.

    With a guidance other than 1, each row is there twice, once without its class (Ho and Salimans
    2022, arXiv:2207.12598).

    Attributes:
        size: Sizes of the network.
        guidance: The factor of the difference that the class makes.
        top_k: Number of integers with a chance at each place; None for all.
        labels: int32 `(batch,)`, or None for any class.
    """

    size: Any
    guidance: float
    top_k: int | None = None
    labels: Any = None

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
