"""Methods of `keras.Model` that have no meaning for a detector, refused with advice."""

from collections.abc import Callable
from typing import Any, NoReturn

from keras_vae.errors import UsageError

TRAIN = "Train its model first: detector.model.fit(x)."
ASK = "detector.predict(x) returns scores, detector.is_anomaly(x) decisions."


def _refuse(name: str, advice: str) -> Callable[..., NoReturn]:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise UsageError(
            f"Expected another method: {type(self).__name__} has nothing to train or to compile. "
            f"Received: {name}(). ({advice})"
        )

    method.__name__, method.__doc__ = name, f"Raise ValueError. {advice}"
    return method


class Untrainable:
    """A mixin for a model that is not trained: `compile`, `fit` and `evaluate` raise ValueError."""

    compile = _refuse("compile", "Compile and train its model: detector.model.compile(...).")
    fit = _refuse("fit", TRAIN)
    train_on_batch = _refuse("train_on_batch", TRAIN)
    evaluate = _refuse("evaluate", ASK)
    test_on_batch = _refuse("test_on_batch", ASK)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Ignore the settings in a file of a detector that an older version compiled."""
