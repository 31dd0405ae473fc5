"""Models that take raw data, in programs: what they can be given, and series to standardize."""

from typing import Any

from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel

FILLING = (
    "The recipes lstm_mnist1d, tcn_mnist1d, transformer_mnist1d, and conv_mnist1d take gaps. To "
    "find faults in a recording with gaps: keras-vae anomalies FILE."
)


def take_raw(model: LatentModel, data: Any, train: Any, standardize: bool) -> Any:
    """Return the model of a recipe as it takes data: with gaps, and standardized if asked for.

    Args:
        model: The built model of a recipe.
        data: A `keras_vae.training.data.loading.Data`.
        train: Its examples that training sees.
        standardize: Whether to standardize series inside of the model.

    Raises:
        ValueError: If the model is one of images with preprocess, or cannot take the data.
    """
    refuse_raw_images(model)
    if standardize:
        return standardize_inside(model, train, data.gaps > 0.0)
    return fill_inside(model, data)


def refuse_raw_images(model: LatentModel) -> None:
    """Raise ValueError for a model of images with preprocess, as programs rescale the pixels."""
    if model.preprocess and len(getattr(model, "event_shape", ())) == 3:
        raise UsageError(
            "Expected a model of images without preprocess: programs give it pixels in [0, 1]. "
            f"Received: one with {model.preprocess.describe()}. (Leave preprocess out of the "
            "recipe. To train or to export such a model, use model.fit and model.export.)"
        )


def standardize_inside(model: LatentModel, x: Any, gaps: bool | None = None) -> Any:
    """Return a model like this one, of the same weights, that standardizes raw series.

    Args:
        model: The built model of a recipe, without preprocess.
        x: Training series, float32 `(count, time, features)`, with NaN for gaps.
        gaps: Whether the model fills gaps; None if there is one in `x`.

    Raises:
        ValueError: If `x` are no series, or the model has a preprocess of its own.
    """
    from keras_vae.preprocessing import standardize
    from keras_vae.training.data.kinds import kind_of

    if len(x.shape) != 3 or model.preprocess:
        given = kind_of(x.shape[1:])
        own = f"a recipe whose model has preprocess ({model.preprocess.describe()})"
        raise UsageError(
            "Expected series of numbers, and a recipe without preprocess, for --standardize. "
            f"Received: {own if model.preprocess else given}. (Leave the option out.)"
        )
    return with_preprocess(model, standardize(x, gaps))


def fill_inside(model: LatentModel, data: Any) -> Any:
    """Return a model like this one, of the same weights, that takes the gaps of series.

    It fills them by the means of the features of the training series, and its losses leave them
    out. A model that does so, and one for series without gaps, are returned as they are.

    Args:
        model: The built model of a recipe.
        data: A `keras_vae.training.data.loading.Data`.

    Raises:
        ValueError: If the data have gaps, and the model can take none.
    """
    import numpy as np

    from keras_vae.layers import FillGaps

    if not data.gaps or model.preprocess.fills:
        return model
    if (empty := np.isnan(data.train).all(axis=(0, 1))).any():
        raise UsageError(
            f"Expected at least one number in each feature of the training series of {data.name}. "
            f"Received: gaps alone in feature(s) {np.flatnonzero(empty).tolist()}. (Leave the "
            "columns out: --skip-columns.)"
        )
    try:
        if model.preprocess:
            raise UsageError(f"its preprocess, {model.preprocess.describe()}, fills none")
        return with_preprocess(model, [FillGaps(np.nanmean(data.train, axis=(0, 1)))])
    except UsageError as error:
        raise UsageError(
            f"Expected series without gaps, which the recipe's model does not take. Received: gaps "
            f"in {data.gaps:.1%} of the numbers of {data.name}. ({FILLING} The reason: {error}.)"
        ) from error


def with_preprocess(model: LatentModel, layers: list[Any]) -> Any:
    """Return a model like this one, of the same weights, with these layers as its preprocess."""
    import keras

    from keras_vae.preprocessing import Preprocessing

    steps = keras.saving.serialize_keras_object(Preprocessing(layers))
    kind: Any = type(model)
    made = kind.from_config({**model.get_config(), "preprocess": steps})
    for variable, value in zip(made.weights, model.weights, strict=True):
        variable.assign(value)
    return made
