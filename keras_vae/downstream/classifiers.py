"""Classifiers from trained autoencoders: the encoder with a classification head."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_vae.backend.keras_private import flatten_layers
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.conditioning import Conditioning
from keras_vae.base.masking import Masking
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.preprocessing.layer import PreprocessingLayer
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, objects


def classifier_from(
    model: Autoencoder,
    num_classes: int,
    freeze: bool = True,
    layer: str | None = None,
    hidden: Sequence[int] = (),
    dropout: float = 0.0,
    name: str = "classifier",
) -> keras.Model:
    """Make a classifier from the encoder of `model`.

    The classifier is a functional Keras model: `compile`, `fit`, `evaluate`, `save` and `export`
    are those of Keras, and it does not hold the decoder. Its encoder is a copy. Training or
    freezing the classifier does not affect `model`, and training `model` further does not affect
    the classifier.

    With `freeze` only the head is trained, and normalization layers of the encoder keep their
    statistics. To fine-tune all layers afterwards, set `classifier.get_layer("encoder").trainable =
    True` and compile again.

    Example:
        >>> classifier = keras_vae.classifier_from(model, num_classes=10)
        >>> classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> classifier.fit(images, labels, epochs=10)

    Args:
        model: A built autoencoder, trained or not.
        num_classes: Number of classes, at least 2; labels are 0 to `num_classes` - 1.
        freeze: Whether the encoder's weights stay as they are.
        layer: Name of the encoder layer whose output is read; None reads the encoder's first
            output. That is the mean of a VAE, the vectors before quantization of `VQVAE` and `FSQ`,
            the activations before thresholding of `SparseAutoencoder`, the top features of a
            `LadderVAE`.
        hidden: Widths of dense layers before the classes; none makes a linear classifier.
        dropout: Dropout rate before each dense layer.
        name: Name of the classifier.

    Returns:
        A model from x, or `(x, mask)` of a masked model, to probabilities `(batch, num_classes)`,
        float32.

    Raises:
        TypeError: If `model` is no autoencoder of `keras_vae`, its encoder cannot be copied, or an
            argument has another type.
        ValueError: If it is not built, needs a condition, has no such layer, or a number is out of
            range.
    """
    _check(model, dropout)
    num_classes = arguments.integer("num_classes", num_classes, 2)
    hidden = arguments.sizes("hidden", hidden, some=False)
    freeze = arguments.flag("freeze", freeze)
    objects.check_keras_arguments(keras.Model, {"name": name})
    encoder, inputs = _copy(model, layer)
    for each in flatten_layers(encoder):  # Keras leaves out layers inside a trainable model.
        each.trainable = not freeze
    h = _flatten(keras.tree.flatten(encoder(_prepare(model, inputs)))[0])
    for width in hidden:
        h = layers.Dense(width, "relu")(_dropout(h, dropout))
    # Probabilities of many classes need more than half precision.
    head = layers.Dense(num_classes, "softmax", dtype="float32", name="probabilities")
    return keras.Model(inputs, head(_dropout(h, dropout)), name=name)


def _prepare(model: Autoencoder, inputs: Any) -> Any:
    """Return raw symbolic inputs as the encoder takes them."""
    if not model.preprocess:
        return inputs
    first, *others = keras.tree.flatten(inputs)
    prepared = PreprocessingLayer(model.preprocess, name="preprocessing")(first)
    return keras.tree.pack_sequence_as(inputs, [prepared, *others])


def _copy(model: Autoencoder, layer: str | None) -> tuple[keras.layers.Layer, Any]:
    """Return a copy of the encoder up to the output that is read, and symbolic inputs for it."""
    encoder = model.encoder
    if getattr(encoder, "inputs", None) and hasattr(encoder, "layers"):
        # Cut off unused outputs, such as z_log_var: they would never get a gradient.
        output = encoder.outputs[0] if layer is None else _output(encoder, layer)
        part = keras.Model(_unpack_single(encoder.inputs), output, name="encoder")
        copy = keras.models.clone_model(part)
        inputs = [keras.Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in encoder.inputs]
        copy.set_weights(part.get_weights())
        return copy, _unpack_single(inputs)
    if layer is not None:
        raise UsageError(
            "Expected a functional or sequential encoder, whose layers can be read. Received: "
            f"layer={layer!r} of a {type(encoder).__name__}. (Leave layer out to read its code.)"
        )
    return _copy_of_subclass(encoder, keras.Input(model.event_shape, name="x"))


def _copy_of_subclass(encoder: keras.layers.Layer, x: Tensor) -> tuple[keras.layers.Layer, Tensor]:
    try:
        copy = type(encoder).from_config({**encoder.get_config(), "name": "encoder"})
    except (NotImplementedError, TypeError) as error:
        raise UsageTypeError(
            "Expected an encoder that Keras can copy from its get_config(). Received: "
            f"{type(encoder).__name__}. ({error})"
        ) from error
    copy(x)
    copy.set_weights(encoder.get_weights())
    return copy, x


def _output(encoder: Any, layer: str) -> Tensor:
    """Return the output of a layer of a functional or sequential encoder, by the layer's name."""
    names = [each.name for each in encoder.layers]
    if layer not in names:
        raise UsageError(
            f"Expected layer to be one of the encoder's, {', '.join(names)}. Received: {layer!r}."
        )
    return keras.tree.flatten(encoder.get_layer(layer).output)[0]


def _unpack_single(tensors: Any) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _flatten(h: Tensor) -> Tensor:
    return layers.Flatten("channels_last", name="features")(h) if len(h.shape) > 2 else h


def _dropout(h: Tensor, rate: float) -> Tensor:
    return layers.Dropout(rate)(h) if rate else h


def _check(model: LatentModel, dropout: Any) -> None:
    objects.autoencoder(model, Autoencoder)
    if not model.built:
        raise UsageError(
            f"Expected a built model. Received: {type(model).__name__} that has not seen data. "
            "(Call model.build((None, *shape_of_one_example)), or fit it.)"
        )
    if isinstance(model, Conditioning) and not isinstance(model, Masking):
        raise UsageError(
            "Expected a model whose codes need nothing but x. Received: "
            f"{type(model).__name__}, whose encoder takes a condition, of which a label would give "
            "the class away."
        )
    if not 0.0 <= arguments.real("dropout", dropout) < 1.0:
        raise UsageError(f"Expected dropout from 0 to below 1. Received: {dropout!r}.")
