"""Checks and data preparation in `fit`, `evaluate` and `predict`, before those of Keras."""

import functools
import math
import warnings
from typing import Any

import keras

from keras_vae.backend import tensorflow_data
from keras_vae.backend.keras_private import validates_in_fit
from keras_vae.base.explosion import with_watch
from keras_vae.base.starting import start_scale
from keras_vae.base.step_bar import with_bar
from keras_vae.errors import UsageError
from keras_vae.validation import data_checks, examples, later_batches, sources
from keras_vae.validation.of_keras import (
    check_compile_options,
    check_counts,
    check_optimizer,
    name_arguments,
    refuse_class_weight,
)


class Fitting:
    """The methods of Keras from `compile` to `predict`, with checks of what they are given."""

    built: bool
    optimizer: Any
    trainable_variables: Any

    def compile(
        self,
        optimizer: Any = "adam",
        loss: None = None,
        loss_weights: None = None,
        metrics: None = None,
        weighted_metrics: None = None,
        **kwargs: Any,
    ) -> None:
        """Set the optimizer and the options of `keras.Model.compile`.

        Raises:
            ValueError: If a loss or metrics are given. The loss of the model is `loss_terms`. Also
                if a subclass has a training step of its own.
        """
        _refuse_own_steps(type(self))
        refused = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        for name, value in refused.items():
            if value is not None:
                raise UsageError(
                    f"Expected no {name} in compile(). Received: {name}={value!r}. "
                    f"(The objective of {type(self).__name__} is its method loss_terms; choose "
                    "likelihood=... and loss_weights=... in the constructor, or override "
                    "loss_terms in a subclass.)"
                )
        check_optimizer(optimizer)
        check_compile_options(kwargs)
        super().compile(optimizer=optimizer, **kwargs)  # type: ignore[misc]

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as in a file, and make the variables of the optimizer, to be restored."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.fit` after a check of the data (`sources.check_data`).

        All rows of arrays are checked before the first step. Each batch of any other source is
        checked before its step: the model keeps the weights of the steps before a bad batch.

        On TensorFlow, this package makes the batches of arrays. They are the same as Keras's, in
        the same order.

        Args:
            x: Input, as for `keras.Model.fit`.
            y: Target, or None to reconstruct `x`.
            *args: Other arguments of `keras.Model.fit`.
            **kwargs: Other arguments of `keras.Model.fit`.

        Returns:
            The `keras.callbacks.History`.

        Raises:
            ValueError: If the data do not fit the model.
        """
        given = name_arguments(keras.Model.fit, self, (x, y, *args), kwargs)
        # Keras warns that it does not shuffle other sources, even if nobody asked for it.
        is_shuffled = data_checks.are_arrays(x) or isinstance(x, keras.utils.PyDataset)
        given.setdefault("shuffle", is_shuffled)
        check_counts(given)
        refuse_class_weight(given.get("class_weight"))
        examples.require_end(x, given.get("steps_per_epoch"))
        examples.require_end(given.get("validation_data"), given.get("validation_steps"))
        given |= self._check_arrays(given, training=True)
        _warn_of_sampler(self)
        if given.get("validation_data") is not None:
            data = sources.check_validation_data(self, given["validation_data"])  # type: ignore[arg-type]
            given["validation_data"] = data
        steps = given.get("steps_per_epoch"), given.get("validation_steps")
        lower_steps_per_execution(self, *steps)
        if _needs_whole_executions(given.get("callbacks")):
            lower_steps_per_execution(self, _count_batches(given))
        given["callbacks"] = with_watch(given)
        given = with_bar(given, self)
        names = [] if given.get("validation_split") else _sources(given)
        given = tensorflow_data.with_tf_data_for_fit(given, self)
        with later_batches.each_checked(self, given, names, training=True) as given:  # type: ignore[arg-type]
            history = super().fit(**given)  # type: ignore[misc]
        history.params["validation_freq"] = given.get("validation_freq", 1)  # For plots.
        return history

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.evaluate` after a check of the data (`sources.check_data`).

        Args:
            x: Input, as for `keras.Model.evaluate`.
            y: Target, or None to reconstruct `x`.
            *args: Other arguments of `keras.Model.evaluate`.
            **kwargs: Other arguments of `keras.Model.evaluate`.

        Returns:
            The means of the loss and its terms, as `keras.Model.evaluate` returns them.

        Raises:
            ValueError: If the data do not fit the model.
        """
        given = name_arguments(keras.Model.evaluate, self, (x, y, *args), kwargs)
        if validates_in_fit(kwargs):  # `fit` has checked its validation data.
            return super().evaluate(**given)  # type: ignore[misc]
        check_counts(given)
        examples.require_end(given["x"], given.get("steps"))
        given |= self._check_arrays(given)
        lower_steps_per_execution(self, given.get("steps"))
        given = with_bar(given, self)
        names, given = _sources(given), tensorflow_data.with_tf_data_for_one_pass(given, self)
        with later_batches.each_checked(self, given, names) as given:  # type: ignore[arg-type]
            return super().evaluate(**given)  # type: ignore[misc]

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.predict`, with batches of this package for arrays on TensorFlow.

        Raises:
            ValueError: If arrays have the wrong shape.
        """
        given = name_arguments(keras.Model.predict, self, (x, *args), kwargs)
        check_counts(given)
        examples.require_end(x, given.get("steps"))
        given["x"] = sources.check_shapes(self, x)  # type: ignore[arg-type]
        given = with_bar(given, self)
        return super().predict(**tensorflow_data.with_tf_data_for_one_pass(given, self))  # type: ignore[misc]

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.train_on_batch` after a check of the batch, as `fit` does.

        Raises:
            ValueError: If the data do not fit the model.
        """
        given = name_arguments(keras.Model.train_on_batch, self, (x, y, *args), kwargs)
        refuse_class_weight(given.pop("class_weight", None))
        return super().train_on_batch(**given | self._check_arrays(given, training=True))  # type: ignore[misc]

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.test_on_batch` after a check of the batch, as `evaluate` does.

        Raises:
            ValueError: If the data do not fit the model.
        """
        given = name_arguments(keras.Model.test_on_batch, self, (x, y, *args), kwargs)
        return super().test_on_batch(**given | self._check_arrays(given))  # type: ignore[misc]

    def predict_on_batch(self, x: Any) -> Any:
        """Run `keras.Model.predict_on_batch` after a check of the shapes, as `predict` does.

        Raises:
            ValueError: If arrays have the wrong shape.
        """
        x = sources.as_arrays_of(self, x)
        data_checks.require_arrays("x", x)
        return super().predict_on_batch(sources.check_shapes(self, x))  # type: ignore[misc, arg-type]

    def _check_arrays(self, given: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Check the data in the arguments of `fit` or `evaluate`, and return those that change.

        If `training` is true, they also start the scale of a new model.
        """
        y, weights = (sources.as_arrays(given.get(name)) for name in ("y", "sample_weight"))
        start = functools.partial(_start, self) if training else None
        x = sources.check_data(self, given["x"], y, weights, start)  # type: ignore[arg-type]
        y, weights = sources.weighted_target(x, y, weights)
        return {"x": x, "y": y, "sample_weight": weights}


def _sources(given: dict[str, Any]) -> list[str]:
    """Return the names of the data in arguments of `fit` or `evaluate` that come in batches."""
    return [n for n in ("x", "validation_data") if data_checks.is_source(given.get(n))]


def _start(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Look at the first data of a training: all arrays, or the first batch of a source."""
    start_scale(model, x, y, sample_weight)
    _warn_of_scaled_pixels(model, x)


def _warn_of_scaled_pixels(model: Any, x: Any) -> None:
    """Warn of a new model that gets pixels in [0, 1] and divides them by 255 once more."""
    if model.preprocess.white() != 255.0 or int(keras.ops.convert_to_numpy(model.steps)):
        return
    largest = float(keras.ops.convert_to_numpy(keras.tree.flatten(x)[0]).max())
    if 0.0 < largest <= 1.0:
        warnings.warn(
            "Expected x with pixels from 0 to 255, for preprocess "
            f"({model.preprocess.describe()}). Received: values up to {largest:g}. All pictures "
            "are then black. (Give x from 0 to 255, or leave out preprocess.)",
            stacklevel=3,
        )


def _warn_of_sampler(model: keras.Model) -> None:
    """Warn that a sampler, fitted to the codes of before, does not follow training."""
    if model.sampler is not None:
        warnings.warn(
            "The model has a sampler, fitted to its codes before this training. After it, call "
            "fit_prior or fit_sampler again, or set model.sampler = None to sample from the prior.",
            stacklevel=3,
        )


def lower_steps_per_execution(model: keras.Model, *counts: int | None) -> None:
    """Lower `steps_per_execution` to a divisor of each number of steps.

    Otherwise Keras runs past the end of an epoch of given length. Where it gets no number of
    steps, Keras stops at the end of the data.

    Args:
        model: A compiled model.
        *counts: Steps of an epoch and of a validation; None for all data.
    """
    given = [count for count in counts if count]
    if not given or not any(count % model.steps_per_execution for count in given):
        return
    model.steps_per_execution = math.gcd(model.steps_per_execution, *given)
    model.train_function = model.test_function = model.predict_function = None


def _needs_whole_executions(callbacks: Any) -> bool:
    """Return whether a callback, such as `ExactResume`, needs each epoch in whole executions."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    known = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    return any(getattr(callback, "needs_whole_executions", False) for callback in known)


def _count_batches(given: dict[str, Any]) -> int | None:
    """Count the batches in the data of `fit`; None if that is unknown in advance."""
    x = given["x"]
    if data_checks.are_arrays(x):
        rows = keras.tree.flatten(x)[0].shape[0]
        return math.ceil(rows / (given.get("batch_size") or tensorflow_data.DEFAULT_BATCH_SIZE))
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches
    return tensorflow_data.cardinality(x)


def _refuse_own_steps(cls: type) -> None:
    """Raise ValueError for a step or a loss that a subclass defines in place of ours.

    A step that calls that of its base, as in `super().train_step(data)`, is allowed.
    """
    for name in ("train_step", "test_step", "compute_loss"):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner.__module__.split(".")[0] in ("keras", "keras_vae"):
            continue
        code = getattr(vars(owner)[name], "__code__", None)
        if code is None or name not in code.co_names:
            raise UsageError(
                f"Expected the objective of {cls.__name__} in its method loss_terms. Received: "
                f"{owner.__name__}.{name}, which would replace it, or never be called. (Remove it, "
                "and return the terms of its loss from loss_terms.)"
            )
