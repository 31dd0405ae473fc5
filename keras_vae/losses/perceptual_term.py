"""The distance of images in the features of a frozen network, as a term of any model."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.extra_terms import ExtraTerm
from keras_vae.losses.weights import LossWeight
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.validation.networks import check_network, takes_shape

SMALL = 1e-8  # Added to squared lengths of features, which may be 0.


def freeze_features(features: Any) -> keras.layers.Layer:
    """Return a network of features, frozen; raise TypeError unless it is one layer or model."""
    if isinstance(features, (list, tuple)):
        raise UsageTypeError(
            "Expected features to be one layer or model. Received: a list. (Of several layers: "
            "keras.Model(x, [a, b]), a model with several outputs.)"
        )
    network = check_network("features", features)
    network.trainable = False
    return network


def build_features(features: keras.layers.Layer, event_shape: tuple[int, ...]) -> list[Any]:
    """Build a network of features; raise ValueError unless it takes events.

    Returns:
        Its symbolic outputs.
    """
    takes = getattr(features, "input_shape", None) or "others"
    wanted = (
        f"Expected features of events of shape {event_shape}. Received: "
        f"{type(features).__name__}, which takes {takes}."
    )
    try:
        outputs = features(keras.KerasTensor((None, *event_shape)))
    except ValueError as error:
        raise UsageError(f"{wanted} ({error})") from error
    if not takes_shape(features, event_shape):
        raise UsageError(f"{wanted} (Repeat the channel, such as by a Concatenate of 3 times x.)")
    return keras.tree.flatten(outputs)


def extract_features(features: keras.layers.Layer, x: Tensor) -> list[Tensor]:
    """Return the features of a batch in float32, one tensor or several."""
    found = features(x, training=False)
    return [ops.cast(part, "float32") for part in keras.tree.flatten(found)]


@keras.saving.register_keras_serializable("keras_vae")
class PerceptualTerm(ExtraTerm):
    """The distance of images in the features of a frozen network, for sharper images.

    Loss:
        perceptual = sum_l mean over the places of layer l of || F_l(x) - F_l(x') ||^2

        F_l are the channels of a layer at one place, divided by their length, and x' is the mean
        of p(x | z). That is the distance LPIPS without learned weights: 0 for equal directions, and
        at most 4 for each layer. With `normalize=False`, F_l are the channels themselves.

    The term is a mean over places, where -log p(x | z) is a sum over pixels. So weights are often
    as large as the number of pixels.

    Source: Zhang et al. 2018 (arXiv:1801.03924, equation 1 with w = 1).

    Example:
        >>> network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(8, 3)])
        >>> term = keras_vae.losses.PerceptualTerm(network, weight=100.0)
        >>> model = keras_vae.ConvVAE((28, 28, 1), extra_terms=[term])

    Args:
        features: Layer or model from images to features `(batch, ..., channels)`, one tensor or
            several. Images come in the unit of the networks, [0, 1] for most data. Its layers are
            frozen, wherever else they are used.
        layers: Names of layers of a functional model `features`, whose outputs to compare; None
            for the outputs of the model.
        weight: As in `ExtraTerm`, of the term `perceptual`.
        normalize: Whether to divide the channels of a place by their length.
        **kwargs: `name` of `keras.layers.Layer`.

    Raises:
        TypeError: If `features` is no Keras layer, or `layers` is no list of names.
        ValueError: If it has no layer of a name, or does not take images of the model.
    """

    names = ("perceptual",)

    def __init__(
        self,
        features: keras.layers.Layer,
        layers: Sequence[str] | None = None,
        weight: LossWeight = 1.0,
        normalize: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(weight, **kwargs)
        network = freeze_features(features)
        self.network = network if layers is None else _part(network, layers)
        self.normalize = arguments.flag("normalize", normalize)

    def build_for(self, model: Any) -> None:
        """Build the features; raise ValueError unless they take images of the model."""
        super().build_for(model)
        flat = [f for f in build_features(self.network, model.event_shape) if len(f.shape) < 2]
        if flat:
            raise UsageError(
                "Expected features of shape (batch, ..., channels). Received: "
                f"{[tuple(f.shape) for f in flat]}."
            )

    def values(self, y: Tensor, image: Tensor, training: bool) -> dict[str, Tensor]:
        """Return the term `perceptual`, `(batch,)`."""
        pairs = zip(self._features(y), self._features(image), strict=True)
        return {"perceptual": sum(_mean_distance(one, other) for one, other in pairs)}

    def _features(self, x: Tensor) -> list[Tensor]:
        found = extract_features(self.network, x)
        return [_unit_length(part) for part in found] if self.normalize else found


def _part(network: Any, layers: Any) -> keras.Model:
    """Return a functional model with the outputs of some of its layers."""
    names = arguments.names("layers", layers)
    known = [layer.name for layer in getattr(network, "layers", [])]
    if not hasattr(network, "inputs") or not set(names) <= set(known) or not names:
        raise UsageError(
            f"Expected layers to be names of layers of a functional model, here of {known}. "
            f"Received: {names}."
        )
    part = keras.Model(network.inputs[0], [network.get_layer(name).output for name in names])
    part.trainable = False
    return part


def _unit_length(features: Tensor) -> Tensor:
    squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
    return features * ops.rsqrt(squares + SMALL)


def _mean_distance(one: Tensor, other: Tensor) -> Tensor:
    squares = ops.sum(ops.square(one - other), axis=-1)
    return ops.mean(ops.reshape(squares, (ops.shape(squares)[0], -1)), axis=1)
