"""Models that take raw data, in programs: what they can be given, and series to standardize."""

from typing import Any

from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel


def refuse_raw_images(model: LatentModel) -> None:
    """Raise ValueError for a model of images with preprocess, as programs rescale the pixels."""
    if model.preprocess and len(getattr(model, "event_shape", ())) == 3:
        raise UsageError(
            "Expected a model of images without preprocess: programs give it pixels in [0, 1]. "
            f"Received: one with {model.preprocess.describe()}. (Leave preprocess out of the "
            "recipe. To train or to export such a model, use model.fit and model.export.)"
        )


def standardize_inside(model: LatentModel, x: Any) -> Any:
    """Return a model like this one, of the same weights, that standardizes raw series.

    Args:
        model: The built model of a recipe, without preprocess.
        x: Training series, float32 `(count, time, features)`.

    Raises:
        ValueError: If `x` are no series, or the model has a preprocess of its own.
    """
    import keras

    from keras_vae.preprocessing import Preprocessing, standardize
    from keras_vae.training.data.kinds import kind_of

    if len(x.shape) != 3 or model.preprocess:
        given = kind_of(x.shape[1:])
        own = f"a recipe whose model has preprocess ({model.preprocess.describe()})"
        raise UsageError(
            "Expected series of numbers, and a recipe without preprocess, for --standardize. "
            f"Received: {own if model.preprocess else given}. (Leave the option out.)"
        )
    steps = keras.saving.serialize_keras_object(Preprocessing(standardize(x)))
    kind: Any = type(model)
    made = kind.from_config({**model.get_config(), "preprocess": steps})
    for variable, value in zip(made.weights, model.weights, strict=True):
        variable.assign(value)
    return made
