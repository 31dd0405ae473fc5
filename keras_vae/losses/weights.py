"""Loss weights: numbers, schedules over training steps, and controllers with a state."""

import inspect
import numbers
from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_vae.backend import is_traced, sum_over_replicas, sync_variables
from keras_vae.backend.keras_private import recompile, unlock
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.controllers import Controller
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

__all__ = ["LossWeights", "weight_setting"]

LARGEST = float(np.finfo("float32").max)
# Terms without a largest value.
NONNEGATIVE = (
    *("reconstruction", "kl", "off_diagonal", "diagonal", "contraction"),
    *("perceptual", "features", "classification", "adversarial"),
)

LossWeight: TypeAlias = float | LearningRateSchedule | Controller


def merge_weights(own: Mapping[str, LossWeight], given: Any) -> dict[str, LossWeight]:
    """Return a model's own loss weights, updated by those of `loss_weights`."""
    return {**own, **arguments.mapping("loss_weights", given)}


def refuse_twice(model: Any, given: Mapping[str, Any]) -> None:
    """Raise ValueError if `loss_weights` replaces a weight that an argument of its own sets.

    Args:
        model: The model; `weight_arguments` are its arguments with the terms that each weighs.
        given: The arguments of its constructor by name, with defaults.
    """
    weights = given.get("loss_weights") or {}
    for name, terms in model.weight_arguments.items():
        replaced = [term for term in terms if term in weights]
        if replaced and name in given and given[name] != _default(type(model), name):
            raise UsageError(
                f"Expected the weight of {' and '.join(map(repr, replaced))} once. Received: both "
                f"{name}={given[name]!r} and loss_weights={dict(weights)!r}, which would replace "
                "it. (Leave one out.)"
            )


def _default(cls: type, name: str) -> Any:
    """Return the default of a constructor argument, of the first class that names it."""
    for one in cls.__mro__:
        parameter = inspect.signature(one.__init__).parameters.get(name)  # type: ignore[misc]
        if parameter is not None:
            return parameter.default
    return inspect.Parameter.empty


class LossWeights(dict[str, Any]):
    """The weights of the loss terms of a model, by name: what is set is used, saved, and shown.

    A number is a variable of the model, so that a callback can assign it while a compiled step
    runs. A schedule is called with the number of training steps done, a controller with the term.
    Terms without an entry have weight 1.

    These are settings: they are no part of `model.weights`, so weight files and callbacks that
    restore weights leave them. The configuration of the model holds those that were set later.

    Example:
        >>> model.loss_weights["kl"] = 4.0
        >>> model.beta
        4.0

    Args:
        model: The model.
        given: The weights that its constructor got.

    Raises:
        ValueError: If a name is no term of `model` or a number is not finite.
        TypeError: If a weight is neither a number nor a schedule nor a controller.
    """

    def __init__(self, model: keras.Model, given: Mapping[str, LossWeight]) -> None:
        super().__init__()
        self._model = model
        self._numbers: dict[str, float] = {}
        self.update(given)
        self._constructed = self.settings()
        self.may_be_in_file = False

    def __setitem__(self, name: str, weight: LossWeight) -> None:
        """Set the weight of a term, also while the model is trained."""
        _check_weight(self._model, name, weight)
        old = self.get(name)
        if not isinstance(weight, numbers.Real):
            self._replace(name, weight)
        elif isinstance(old, keras.Variable):
            sync_variables(self._model)
            old.assign(float(weight))
        else:
            self._replace(name, weight)
        if isinstance(weight, numbers.Real):
            self._numbers[name] = weight  # type: ignore[assignment]

    def update(self, *weights: Any, **named: Any) -> None:
        """Set several weights, from what `dict` takes."""
        for name, weight in dict(*weights, **named).items():
            self[name] = weight

    def __ior__(self, weights: Any) -> Any:  # type: ignore[misc]
        """Set several weights."""
        self.update(weights)
        return self

    def setdefault(self, name: str, default: LossWeight = 1.0) -> Any:
        """Return the entry of a term, and set it if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __delitem__(self, name: str) -> None:
        """Refuse: every term has a weight."""
        self.pop(name)

    def pop(self, *name: Any) -> Any:
        """Refuse: every term has a weight."""
        raise UsageError(
            f"Expected a weight of each term. Received: the removal of {name or 'all'}. (Set it to "
            "1.0.)"
        )

    popitem = clear = pop

    def setting(self, name: str) -> Any:
        """Return the weight of a term as a number, as it was given, or a schedule or controller.

        In a step that is being compiled, a number is a variable.
        """
        weight = self.get(name, 1.0)
        if not isinstance(weight, keras.Variable) or is_traced(weight):
            return weight
        sync_variables(self._model)
        value, given = float(keras.ops.convert_to_numpy(weight)), self._numbers[name]
        return given if np.float32(given) == np.float32(value) else value

    def number(self, name: str) -> Any:
        """Return `setting`; raise ValueError if it is a schedule or a controller."""
        weight = self.setting(name)
        if isinstance(weight, (LearningRateSchedule, Controller)):
            raise UsageError(
                f"Expected the weight of {name!r} to be a number. Received: {weight!r}. (It is "
                f"model.loss_weights[{name!r}].)"
            )
        return weight

    def settings(self) -> dict[str, Any]:
        """Return `setting` of each term that has a weight."""
        return {name: self.setting(name) for name in self}

    def changed(self) -> dict[str, Any]:
        """Return `settings`, or no weights if all are those of the constructor."""
        now, then = self.settings(), self._constructed
        same = now.keys() == then.keys() and all(_are_equal(now[k], then[k]) for k in now)
        return {} if same else now

    def variables(self) -> dict[str, Any]:
        """Return the variables of the terms whose weight is a number, in the order of the model."""
        return {name: weight for name, weight in self.items() if isinstance(weight, keras.Variable)}

    def _replace(self, name: str, weight: LossWeight) -> None:
        """Exchange a weight for one of another kind, and compile steps again that use it."""
        model, old = self._model, self.get(name)
        with unlock(model) as tracker:
            if old is not None:
                tracker.untrack(old)
            dict.__setitem__(self, name, _as_variable(model, name, weight))
            tracker.track(self[name])
        recompile(model)


def weight_setting(*terms: str, offset: float = 0.0) -> Any:
    """Return a property of a model that reads and sets the weight of terms.

    Example:
        >>> class Weighted(keras_vae.VAE):
        ...     beta = keras_vae.weights.weight_setting("kl")
        >>> Weighted(encoder, decoder, beta=4.0).beta
        4.0

    Args:
        *terms: Names of the terms. Those that the model does not have are left out.
        offset: The number that the property has above the weight of the terms.
    """

    def read(model: keras.Model) -> Any:
        if offset:
            return model.loss_weights.number(terms[0]) + offset
        return model.loss_weights.setting(terms[0])

    def write(model: keras.Model, value: Any) -> None:
        for term in terms:
            if term in model.terms:
                model.loss_weights[term] = value - offset if offset else value

    return property(read, write, doc=f"Weight of {' and '.join(terms)}; see `LossWeights`.")


def _check_weight(model: keras.Model, name: str, weight: Any) -> None:
    if name not in model.terms:
        raise UsageError(
            f"Expected loss_weights for the terms {model.terms} of {type(model).__name__}. "
            f"Received: {name!r}."
        )
    if isinstance(weight, (LearningRateSchedule, Controller)):
        return
    if not isinstance(weight, numbers.Real) or isinstance(weight, bool):
        raise UsageTypeError(
            f"Expected the weight of {name!r} to be a number, a Keras schedule or a controller "
            f"(keras_vae.schedules, keras_vae.controllers). Received: {weight!r}."
        )
    weight = arguments.real(f"the weight of {name!r}", weight)
    if abs(float(weight)) > LARGEST:
        raise UsageError(
            f"Expected the weight of {name!r} to be finite in float32. Received: {weight!r}."
        )
    if float(weight) < 0.0 and name in NONNEGATIVE:
        raise UsageError(
            f"Expected the weight of {name!r} to be at least 0. Received: {weight!r}. (Training "
            "would make this term as large as it can, without end.)"
        )


def _as_variable(model: keras.Model, name: str, weight: LossWeight) -> Any:
    """Return a variable of `model` for a number, and any other weight as it is."""
    if not isinstance(weight, numbers.Real):
        return weight
    return model.add_weight(
        name=f"{name}_weight",
        shape=(),
        dtype="float32",
        initializer=keras.initializers.Constant(float(weight)),
        trainable=False,
        autocast=False,
    )


def _are_equal(value: Any, before: Any) -> bool:
    if isinstance(value, numbers.Real) and isinstance(before, numbers.Real):
        return value == before
    return value is before


def weigh_term(weight: Any, term: Tensor, rows: Tensor | None, step: Any, training: bool) -> Tensor:
    """Return the loss of a term, `(batch,)`, in nats.

    Args:
        weight: One of `LossWeights`, or None for 1.
        term: The term, `(batch,)`, in nats.
        rows: Sample weights, `(batch,)`, or None for ones.
        step: Training steps done.
        training: Whether a controller learns from this batch.
    """
    if weight is None:
        return term
    if not isinstance(weight, Controller):
        return term * ops.cast(weight(step) if callable(weight) else weight, "float32")
    mean = _batch_mean(term, rows)
    minimized = weight.minimized(term, mean, step)
    if training:
        weight.update(mean, step)
    return minimized


def _batch_mean(term: Tensor, rows: Tensor | None) -> Tensor:
    """Return the mean of `term` with weights `rows`, over all replicas, without gradient."""
    rows = ops.ones_like(term) if rows is None else rows
    total = sum_over_replicas(ops.sum(ops.stop_gradient(term) * rows))
    return total / ops.maximum(sum_over_replicas(ops.sum(rows)), keras.config.epsilon())
