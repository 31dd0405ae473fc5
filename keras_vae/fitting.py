"""What `fit`, `evaluate` and `predict` do before Keras does the rest: check, and feed."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import keras

from keras_vae import checks, feeding, resuming, speed


class Fitting:
    """`fit`, `evaluate` and `predict` on data that were checked, in batches that never stall."""

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.fit`, after a check of all data (`keras_vae.checks.check_data`).

        On TensorFlow arrays become batches of this package, the same ones in the same order.
        """
        given = _by_name(keras.Model.fit, self, (x, y, *args), kwargs)
        given["x"] = checks.check_data(self, x, y, given.get("sample_weight"))
        if given.get("validation_data") is not None:
            data = checks.check_validation_data(self, given["validation_data"])
            given["validation_data"] = data
        speed.keep_to_steps(self, given.get("steps_per_epoch"), given.get("validation_steps"))
        if _resumes(given.get("callbacks")):
            speed.keep_to_steps(self, _count_batches(given))
        return super().fit(**feeding.fed_fit(given, self))  # type: ignore[misc]

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.evaluate`, after a check of the data (`keras_vae.checks.check_data`)."""
        given = _by_name(keras.Model.evaluate, self, (x, y, *args), kwargs)
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked its validation data.
            return super().evaluate(**given)  # type: ignore[misc]
        given["x"] = checks.check_data(self, x, y, given.get("sample_weight"))
        speed.keep_to_steps(self, given.get("steps"))
        return super().evaluate(**feeding.fed_once(given, self))  # type: ignore[misc]

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.predict`."""
        given = _by_name(keras.Model.predict, self, (x, *args), kwargs)
        return super().predict(**feeding.fed_once(given, self))  # type: ignore[misc]


def _by_name(
    function: Callable[..., Any], model: Any, args: tuple, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a method of Keras by name, without the model."""
    signature = inspect.signature(function)
    given = signature.bind(model, *args, **kwargs).arguments
    others = given.pop("kwargs", {})
    return {name: value for name, value in given.items() if name != "self"} | others


def _resumes(callbacks: Any) -> bool:
    """Whether positions within an epoch are kept, which have to be ends of executions."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    known = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    return any(isinstance(callback, resuming.ExactResume) for callback in known)


def _count_batches(given: dict[str, Any]) -> int | None:
    """How many batches the data of `fit` are, where that is known before."""
    x = given["x"]
    if checks.are_arrays(x):
        rows = keras.tree.flatten(x)[0].shape[0]
        return math.ceil(rows / (given.get("batch_size") or feeding.DEFAULT_BATCH_SIZE))
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches
    return feeding.cardinality(x)
