"""Terms that any model of images adds to its loss."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.base.recorded_init import RecordedInit
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.observed import Observed
from keras_vae.losses.weights import LossWeight
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

ADVICE = "(Write extra_terms=[keras_vae.losses.PerceptualTerm(network)].)"


class ExtraTerm(RecordedInit, keras.layers.Layer):
    """Base class of terms that compare images with their reconstructions.

    Give instances to a model as `extra_terms`. Its loss then has their terms next to its own. A
    subclass defines `names` and `values`, and makes its networks in `build_for`.

    Example:
        >>> class Brightness(keras_vae.losses.ExtraTerm):
        ...     names = ("brightness",)
        ...
        ...     def values(self, y, image, training):
        ...         gap = keras.ops.mean(y - image, axis=(1, 2, 3))
        ...         return {"brightness": keras.ops.square(gap)}
        >>> model = keras_vae.ConvVAE((28, 28, 1), extra_terms=[Brightness(weight=10.0)])

    Args:
        weight: Weight of the first of `names`: a number, a Keras schedule over training steps, or
            one of `keras_vae.controllers`. Set it later as `model.loss_weights[NAME]`.
        **kwargs: `name` of `keras.layers.Layer`.

    Attributes:
        names: Names of the terms, in logs and in `model.loss_weights`.
        measures: Names of further numbers in logs, from `measure`.
    """

    names: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()

    def __init__(self, weight: LossWeight = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = weight

    def build_for(self, model: Any) -> None:
        """Make all variables for a model whose shapes are known.

        Raises:
            ValueError: If its events are no images `(height, width, channels)`.
        """
        if len(model.event_shape) != 3:
            raise UsageError(
                f"Expected images of shape (height, width, channels) for {type(self).__name__}. "
                f"Received: events of shape {model.event_shape}."
            )
        self.built = True

    def values(self, y: Tensor, image: Tensor, training: bool) -> dict[str, Tensor]:
        """Return the terms of `names`, each `(batch,)`.

        Args:
            y: Targets, `(batch, height, width, channels)`, in the unit of the networks.
            image: Their reconstructions, the mean of p(x | z), of the same shape and unit.
            training: Whether layers such as dropout are active.
        """
        raise NotImplementedError(f"{type(self).__name__} must define values(...).")

    def factors(
        self, model: Any, seen: Observed, training: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return factors of the weights of terms, and measures for the logs, each a number.

        Args:
            model: The model.
            seen: The batch and its p(x | z).
            training: Whether this is a training step, in which a state may change.
        """
        return {}, {}


def check_extra_terms(given: Any, own: Sequence[str]) -> list[ExtraTerm]:
    """Return extra terms as a list; raise an error unless they fit the model.

    Args:
        given: The argument, None for none.
        own: Names of the terms of the model itself.
    """
    if given is None:
        return []
    if not arguments.is_list(given) or not all(isinstance(one, ExtraTerm) for one in given):
        raise UsageTypeError(
            "Expected extra_terms to be a list of keras_vae.losses.PerceptualTerm, "
            f"AdversarialTerm, or other ExtraTerm. Received: {given!r:.80}. {ADVICE}"
        )
    names = [*own, *(name for term in given for name in term.names)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(
            f"Expected extra_terms with other names than {tuple(own)} and than each other. "
            f"Received: {sorted(twice)} twice."
        )
    return list(given)


def weights_of(extra: Sequence[ExtraTerm], given: Mapping[str, Any]) -> dict[str, LossWeight]:
    """Return loss weights with those of extra terms; raise ValueError for one given twice."""
    own = {term.names[0]: term.weight for term in extra}
    if twice := own.keys() & given.keys():
        raise UsageError(
            f"Expected the weight of {sorted(twice)} once. Received: loss_weights={dict(given)!r} "
            "next to an extra term with a weight of its own. (Give it to the term alone.)"
        )
    return {**own, **given}


def extra_values(model: Any, seen: Observed, training: bool) -> dict[str, Tensor]:
    """Return the extra terms of a batch by name, each `(batch,)`."""
    if seen.density is None:
        raise UsageError(
            f"Expected {type(model).__name__}.loss_terms to make p(x | z) by self.observation, "
            "for its extra_terms. Received: loss_terms without a call of it."
        )
    y, image = images_of(model, seen.y, seen.density)
    named: dict[str, Tensor] = {}
    for term in model.extra_terms:
        named |= term.values(y, image, training)
    return named


def images_of(model: Any, y: Tensor, density: Any) -> tuple[Tensor, Tensor]:
    """Return targets and the means of p(x | z), in float32 and in the unit of the networks."""
    target, image = (ops.cast(model.prepare(each), "float32") for each in (y, density.mean))
    return target, image


def combine_factors(
    model: Any, seen: Observed, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the factors and the measures of all extra terms of a model."""
    factors: dict[str, Tensor] = {}
    measures: dict[str, Tensor] = {}
    for term in model.extra_terms:
        of_terms, of_logs = term.factors(model, seen, training)
        factors, measures = factors | of_terms, measures | of_logs
    return factors, measures
