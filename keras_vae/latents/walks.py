"""Walks and arithmetic in latent space; a walk is decoded in one call."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.estimators.codes import kl_per_dimension
from keras_vae.latents.paths import METHODS, check_ends
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments
from keras_vae.validation.data_checks import check_shape, refuse_condition, require_arrays
from keras_vae.validation.value_checks import check_weights

# Values of a traversal: they span nearly all of a standard normal.
TRAVERSED = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def interpolate(
    model: LatentModel, start: Any, end: Any, steps: int = 8, method: str = "slerp"
) -> np.ndarray:
    """Encode `start` and `end`, interpolate between their codes, and decode.

    Example:
        >>> keras_vae.latents.interpolate(model, test[:4], test[4:8], steps=8).shape
        (4, 8, 28, 28, 1)

    Args:
        model: A built `keras_vae.Autoencoder`.
        start: Examples, `(batch, *event_shape)`.
        end: Examples of the same shape.
        steps: Points of each walk; the first and last are the reconstructions of the ends.
        method: "slerp", or "lerp" for codes without a normal prior.

    Returns:
        `(batch, steps, *event_shape)`, in the range of the data.

    Raises:
        ValueError: If the method is unknown, the shapes differ, an example is not finite, or
            `steps` is less than 2.
        TypeError: If codes are integers, between which there are none, or the model takes a pair.
    """
    arguments.choice("method", method, tuple(METHODS))
    refuse_condition(model)
    check_weights(model)
    _check_real_codes(model)
    start, end = arguments.array("start", start), arguments.array("end", end)
    check_shape("start", start.shape, model.event_shape)
    check_ends(start.astype("float32"), end.astype("float32"), steps)
    codes = as_numpy(model.encode(np.concatenate([start, end])))
    return decode(model, METHODS[method](codes[: len(start)], codes[len(start) :], steps))


def traverse(
    model: LatentModel,
    x: Any,
    dimensions: Sequence[int] | None = None,
    values: Sequence[float] = TRAVERSED,
    examples: Any = None,
) -> np.ndarray:
    """Decode one example with one latent dimension at a time set to each of `values`.

    Example:
        >>> keras_vae.latents.traverse(model, test[0], dimensions=[0, 1]).shape
        (2, 7, 28, 28, 1)

    Args:
        model: A built `keras_vae.Autoencoder` whose codes are vectors.
        x: One example, `event_shape`.
        dimensions: Latent dimensions, a row each. None for all, sorted by decreasing KL; the model
            must then be a VAE.
        values: Values of the dimension, a column each; -3 to 3 by default.
        examples: Examples over which the KL is averaged, `(batch, *event_shape)`; None for `x`
            alone. Only without `dimensions`.

    Returns:
        `(len(dimensions), len(values), *event_shape)`.

    Raises:
        ValueError: If codes are not vectors, there is no such dimension, none are given for a model
            without a posterior, or `examples` are given next to `dimensions`.
        TypeError: If codes are integers, the model takes a pair, or an argument has another type.
    """
    refuse_condition(model)
    check_weights(model)
    size = _vector_size(model)
    _check_real_codes(model)
    x = arguments.array("x", x)
    found, wanted = x.shape, tuple(model.event_shape)
    if len(found) != len(wanted) or any(
        size not in (None, have) for size, have in zip(wanted, found, strict=True)
    ):
        raise UsageError(
            f"Expected one example of shape {wanted}, without a batch axis, such as images[0]. "
            f"Received: shape {found}."
        )
    if examples is not None:
        require_arrays("examples", examples)
    if dimensions is None:
        dimensions = ordered_by_kl(model, x[None] if examples is None else examples)
    elif examples is not None:
        raise UsageError(
            "Expected no examples next to dimensions: their KL orders all dimensions. "
            f"Received: both, dimensions={dimensions!r}. (Leave one out.)"
        )
    dimensions = arguments.sizes("dimensions", dimensions, 0, some=False)
    columns = arguments.array("values", values)
    if columns.ndim != 1 or not columns.size or not dimensions or max(dimensions) >= size:
        raise UsageError(
            f"Expected dimensions among 0 to {size - 1} and a list of at least one value. "
            f"Received: dimensions={list(dimensions)}, values={columns.tolist()}."
        )
    code = as_numpy(model.encode(x[None]))
    codes = np.tile(code, (len(dimensions), len(columns), 1))
    for row, dimension in enumerate(dimensions):
        codes[row, :, dimension] = columns
    return decode(model, codes)


def ordered_by_kl(model: LatentModel, x: Any) -> list[int]:
    """Return the latent dimensions of a VAE, sorted by decreasing KL.

    Example:
        >>> dimensions = keras_vae.latents.ordered_by_kl(model, test)[:5]

    Args:
        model: A `keras_vae.VAE` whose codes are vectors.
        x: Examples, `(batch, *event_shape)`, over which the KL is averaged.

    Raises:
        ValueError: If the model has no posterior.
    """
    if not hasattr(model, "posterior"):
        raise UsageError(
            "Expected a model with a posterior, whose KL orders the dimensions. Received: "
            f"{type(model).__name__}. (Give dimensions.)"
        )
    return np.argsort(-kl_per_dimension(model, x), kind="stable").tolist()


def normal_grid(size: int) -> np.ndarray:
    """Return two-dimensional codes at even quantiles of the standard normal.

    Source: Kingma & Welling 2014.

    Example:
        >>> keras_vae.latents.normal_grid(3)[0].round(2)
        array([[-0.97,  0.97],
               [ 0.  ,  0.97],
               [ 0.97,  0.97]], dtype=float32)

    Args:
        size: Rows and columns.

    Returns:
        `(size, size, 2)`: first coordinate from left to right, second from bottom to top.

    Raises:
        ValueError: If `size` is less than 1.
    """
    size = arguments.integer("size", size)
    normal = NormalDist()
    points = [normal.inv_cdf((index + 0.5) / size) for index in range(size)]
    horizontal, vertical = np.meshgrid(points, points[::-1])
    return np.stack([horizontal, vertical], axis=-1).astype("float32")


def attribute_vector(codes: np.ndarray, has_attribute: np.ndarray) -> np.ndarray:
    """Return the vector from the mean code without an attribute to the mean code with it.

    Add it to codes to give them the attribute (Larsen et al. 2016, arXiv:1512.09300).

    Example:
        >>> codes = model.encode(train)
        >>> to_class_3 = keras_vae.latents.attribute_vector(codes, train_labels == 3)
        >>> changed = model.decode(codes[:8] + to_class_3)

    Args:
        codes: `(batch, *latent_shape)`.
        has_attribute: Booleans, `(batch,)`, or 0 and 1.

    Returns:
        Shape `latent_shape`.

    Raises:
        ValueError: If all codes or none have the attribute, or there are other numbers.
        TypeError: If codes are integers, as indices of a codebook are.
    """
    codes = arguments.codes("codes", codes)
    given = arguments.array("has_attribute", has_attribute, finite=False)
    if not np.isin(given, (0, 1)).all():
        raise UsageError(
            f"Expected has_attribute of booleans, or 0 and 1. Received: {np.unique(given)[:5]}. "
            "(Of class labels: labels == 3.)"
        )
    has = given.astype(bool)
    if has.shape != (len(codes),) or has.all() or not has.any():
        raise UsageError(
            "Expected has_attribute of shape (batch,) with both True and False. "
            f"Received: shape {has.shape} with {int(has.sum())} True for {len(codes)} codes."
        )
    return codes[has].mean(axis=0) - codes[~has].mean(axis=0)


def decode(model: LatentModel, codes: np.ndarray) -> np.ndarray:
    """Decode codes `(..., *latent_shape)` to `(..., *event_shape)` in one call of the decoder.

    Example:
        >>> grid = np.zeros((5, 7, 16))
        >>> keras_vae.latents.decode(model, grid).shape
        (5, 7, 28, 28, 1)

    Raises:
        ValueError: If the codes have another shape or are not finite.
        TypeError: If they are not numbers, or the model takes a pair.
    """
    refuse_condition(model)
    codes, latent = arguments.array("codes", codes), tuple(model.latent_shape)
    split = codes.ndim - len(latent)
    if split < 0 or codes.shape[split:] != latent:
        raise UsageError(f"Expected codes of shape {('...', *latent)}. Received: {codes.shape}.")
    leading = codes.shape[:split]
    kind = codes.dtype if codes.dtype.kind in "iu" and not _has_real_codes(model) else "float32"
    images = as_numpy(model.decode(codes.reshape(-1, *latent).astype(kind)))
    return images.reshape(*leading, *images.shape[1:])


def as_numpy(x: Any) -> np.ndarray:
    """Convert `x`, a tensor of any backend and shape, to an array on the host.

    Example:
        >>> codes = keras_vae.latents.as_numpy(model.encode(images))
    """
    return np.asarray(ops.convert_to_numpy(x))


def _has_real_codes(model: LatentModel) -> bool:
    return getattr(model, "latent_dtype", "float32") == "float32"


def _check_real_codes(model: LatentModel) -> None:
    if not _has_real_codes(model):
        raise UsageTypeError(
            "Expected a model whose codes are real numbers, which have values between them. "
            f"Received: {type(model).__name__}, whose codes are {model.latent_dtype}."
        )


def _vector_size(model: LatentModel) -> int:
    if len(model.latent_shape) != 1:
        raise UsageError(
            f"Expected a model whose codes are vectors. Received: codes of shape "
            f"{model.latent_shape}."
        )
    return model.latent_shape[0]
