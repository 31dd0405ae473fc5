"""The fit of data to a recipe or a model, and the data to give in place of others."""

import inspect
from collections.abc import Callable
from typing import Any, get_args

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training import recipes
from keras_vae.training.data import source_advice
from keras_vae.training.data.kinds import kind_of
from keras_vae.training.data.sources import registry
from keras_vae.training.data.sources.base import Data, as_floats
from keras_vae.training.recipes import Recipe
from keras_vae.typing import LatentModel

# What to do about examples of another shape than that of a recipe without an argument for it.
SHAPE_ADVICE = {
    "images": "Give --image-size, or let the recipe have an argument image_shape.",
    "series": "Let the recipe have an argument shape.",
    "rows": "Let the recipe have an argument shape, or schema for a table.",
    "volumes": "Let the recipe have an argument shape.",
}


def kind_for(model: LatentModel) -> str:
    """Return the kind of data that a model takes: one of `KINDS`, counts, or tables."""
    if hasattr(model, "schema"):
        return "tables"
    kind = kind_of(model.event_shape)
    return "counts" if kind == "rows" and getattr(model.family, "whole", False) else kind


def model_for(
    function: Callable[..., Recipe],
    arguments: dict[str, Any],
    model: LatentModel,
    data: Any,
    seed: int,
) -> LatentModel:
    """Return the model of a recipe for the shape and the columns of the data.

    Args:
        function: The function of the recipe.
        arguments: Its arguments.
        model: The model that it makes for its own data, which is returned if it
            fits.
        data: A `keras_vae.training.data.loading.Data`.
        seed: Seed of the weights.

    Raises:
        ValueError: If the recipe takes data of another kind or shape.
    """
    schema = getattr(model, "schema", None)
    if tuple(model.event_shape) != data.image_shape or schema not in (None, data.schema):
        of_data = {"image_shape": data.image_shape, "shape": data.image_shape}
        filled = {**arguments, **of_data, "schema": data.schema}
        model = recipes.call(function, filled, seed).model
    check_shape(model, data)
    return model


def check_kind(function: Callable[..., Recipe], model: LatentModel, data: Data) -> None:
    """Raise ValueError for data of another kind than a recipe takes.

    A recipe takes the kind that its own model takes. Only an argument `shape` or `image_shape` of
    any length, such as `tuple[int, ...]`, takes all of them.

    Args:
        function: The function of the recipe.
        model: The model that it makes for its own data.
        data: The data to train on.
    """
    if not (_is_kind(model, data) or takes_any_kind(function)):
        takes_others = set(inspect.signature(function).parameters) & {*recipes.FILLED_IN} - {"seed"}
        other = " or another one" if takes_others else ""
        advice = " A recipe with an argument shape: tuple[int, ...] takes all kinds."
        raise UsageError(_describe_misfit(model, f"{other}, which the recipe takes", data, advice))


def check_shape_of_run(wanted: tuple[int, ...], data: Data) -> None:
    """Raise ValueError for examples of another shape than a run was trained on."""
    if data.image_shape != wanted:
        kind = kind_of(wanted)
        advice = "" if kind == data.kind else f" ({source_advice.advise(kind)})"
        raise UsageError(
            f"Expected {kind} of shape {wanted}, as the run was trained on. Received: {data.kind} "
            f"of shape {data.image_shape} in {data.name}.{advice}"
        )


def check_data(model: LatentModel, data: Data, part: str = "test") -> None:
    """Raise ValueError for examples of another kind, shape, or range than a model takes."""
    wanted = tuple(model.event_shape)
    fits = len(wanted) == len(data.image_shape) and all(
        want in (None, have) for want, have in zip(wanted, data.image_shape, strict=True)
    )
    if not (fits and _is_kind(model, data)):
        raise UsageError(_describe_misfit(model, ", which the model takes", data))
    check_values(model, data, data.name, (part,))


def check_shape(model: LatentModel, data: Data) -> None:
    """Raise ValueError for examples of another shape than the model of a recipe takes."""
    wanted = tuple(model.event_shape)
    if wanted != data.image_shape:
        raise UsageError(
            f"Expected {kind_of(wanted)} of shape {wanted}, which the recipe's model takes. "
            f"Received: {data.image_shape} in {data.name}. ({SHAPE_ADVICE[data.kind]})"
        )


def check_values(
    model: LatentModel, data: Data, name: str, parts: tuple[str, ...], any_kind: bool = False
) -> None:
    """Raise ValueError for values that a model does not take, with the data that it does take.

    Rows and series are checked whole, and of bytes, which all are in [0, 1], one.

    Args:
        model: The model.
        data: Its data.
        name: The name of the data, as `keras_vae.training.data.loading.load` takes it.
        parts: The names of the parts to check, "train" and "test".
        any_kind: Whether the model's recipe takes examples of any kind.
    """
    for part in parts:
        examples = getattr(data, part)
        x = as_floats(examples[:1] if examples.dtype == np.uint8 else examples)
        if error := _refusal(model, x):
            source = registry.find(name)
            takes_rows = data.kind == "rows" or any_kind
            are_counts = source is not None and source[0].gives == "counts"
            counts = takes_rows and getattr(model.family, "whole", False) and not are_counts
            advice = f" {source_advice.advise('counts')}" if counts else ""
            raise UsageError(_explain(model, data, name, x, error, advice)) from error


def _is_kind(model: LatentModel, data: Data) -> bool:
    if hasattr(model, "schema"):
        return data.schema is not None
    return data.kind == kind_of(model.event_shape)


def _describe_misfit(model: LatentModel, which: str, data: Data, advice: str = "") -> str:
    """Return the message about data of another kind or shape, with the names of those that fit."""
    kind = kind_for(model)
    return (
        f"Expected {kind} of shape {tuple(model.event_shape)}{which}. Received: {data.kind} of "
        f"shape {data.image_shape} in {data.name}. ({source_advice.advise(kind)}{advice})"
    )


def takes_any_kind(function: Callable[..., Recipe]) -> bool:
    """Return whether a recipe has an argument for the shape that may have any length."""
    annotations = inspect.get_annotations(function, eval_str=True)
    shapes = [annotations[name] for name in ("shape", "image_shape") if name in annotations]
    return any(Ellipsis in get_args(shape) or not get_args(shape) for shape in shapes)


def _refusal(model: LatentModel, x: np.ndarray) -> UsageError | None:
    """Return the error of a batch that a model refuses, or None."""
    from keras_vae.validation.data_checks import check_batch

    try:
        check_batch(model, x)
    except UsageError as error:
        return error
    return None


def _explain(
    model: LatentModel, data: Data, name: str, x: np.ndarray, error: UsageError, advice: str
) -> str:
    """Return the message about values that a model refuses: missing numbers, or others."""
    if not np.isnan(x).any():
        return f"{error} (x are the {data.kind} of {data.name}.{advice})"
    if name.startswith(registry.TABLE) and _refusal(model, _fill(x)) is None:
        table = name.removeprefix(registry.TABLE).partition(":")[0]
        advice = f" {registry.TABLE}{table}:0 is complete."
    return (
        f"Expected {kind_for(model)} without missing numbers, as a {type(model).__name__} with the "
        f"likelihood {model.likelihood!r} takes them. Received: {data.kind} with missing numbers "
        f"in {data.name}. (The recipe tabular_vae_breast_cancer takes them.{advice})"
    )


def _fill(x: np.ndarray) -> np.ndarray:
    """Return rows with the first number of a row in place of its missing ones."""
    first = np.argmin(np.isnan(x), axis=1)
    return np.where(np.isnan(x), x[np.arange(len(x)), first, None], x)
