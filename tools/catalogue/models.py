"""The models of the catalogue: each public class, with small networks for images.

A class that takes an encoder and a decoder, or an `image_shape`, needs no entry here. Others get an
entry in `SPECIAL`, or, if there is nothing to export, a reason in `EXCUSED`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, int, int]
LATENT, FILTERS, HIDDEN = 16, (16, 32), 64
CLASSES = 10


def image_inputs(images: np.ndarray, labels: np.ndarray) -> Any:
    """Return the inputs of most models: the images."""
    return images


def labeled_inputs(images: np.ndarray, labels: np.ndarray) -> Any:
    """Return the inputs of conditional models: the images and their one-hot labels."""
    return images, np.eye(CLASSES, dtype="float32")[labels]


def row_inputs(images: np.ndarray, labels: np.ndarray) -> Any:
    """Return the inputs of sequence models, in which each row of an image is a time step."""
    return images.reshape(*images.shape[:2], -1)


def masked_row_inputs(images: np.ndarray, labels: np.ndarray) -> Any:
    """Return the inputs of masked sequence models.

    In images of label c, the last c mod 4 rows are padding.
    """
    steps = row_inputs(images, labels)
    length = steps.shape[1] - labels % 4
    return steps, (np.arange(steps.shape[1]) < length[:, None]).astype("float32")


@dataclass(frozen=True)
class Entry:
    """The functions that make a model of the catalogue and its inputs.

    Attributes:
        make: Returns the model for images of a shape.
        inputs: Returns the inputs for images in [0, 1] and labels: an array, or a tuple.
    """

    make: Callable[[Shape], Any]
    inputs: Callable[[np.ndarray, np.ndarray], Any] = image_inputs


def entries() -> dict[str, Entry]:
    """Return an entry for each public model class that is not excused, by its name."""
    return {
        name: SPECIAL.get(name) or Entry(model_factory(kind))
        for name, kind in public_models().items()
        if name not in EXCUSED
    }


def public_models() -> dict[str, type]:
    """Return the model classes that `keras_vae` exports, by name."""
    import keras_vae

    public = {name: getattr(keras_vae, name) for name in keras_vae.__all__}
    return {
        name: kind
        for name, kind in public.items()
        if inspect.isclass(kind) and issubclass(kind, keras_vae.Autoencoder)
    }


def model_factory(kind: Any, **arguments: Any) -> Callable[[Shape], Any]:
    """Return a function that makes a model of class `kind` for images of a shape."""

    def make(shape: Shape) -> Any:
        if "image_shape" in inspect.signature(kind).parameters:
            return kind(shape, filters=FILTERS, seed=0, **arguments)
        return kind(*networks(shape, kind), likelihood="bernoulli", seed=0, **arguments)

    return make


def networks(shape: Shape, kind: Any) -> tuple[Any, Any]:
    """Return a small convolutional encoder, with two heads for a VAE, and its decoder."""
    import keras_vae as kv

    heads = 2 if issubclass(kind, kv.VAE) else 1
    return kv.nets.conv(
        shape, LATENT, filters=FILTERS, hidden=HIDDEN, heads=heads, activation="relu"
    )


def special_entry(name: str, **arguments: Callable[[], Any]) -> Entry:
    """Return an entry for a class with further arguments, which are made for each model."""

    def make(shape: Shape) -> Any:
        made = {key: argument() for key, argument in arguments.items()}
        return model_factory(public_models()[name], **made)(shape)

    return Entry(make)


def _conditional(shape: Shape) -> Any:
    import keras_vae as kv

    made = kv.nets.conditional(kv.nets.conv, shape, LATENT, CLASSES, filters=FILTERS, hidden=HIDDEN)
    return kv.ConditionalVAE(*made, seed=0)


def _semi_supervised(shape: Shape) -> Any:
    import keras_vae as kv

    sizes: dict[str, Any] = {"filters": FILTERS, "hidden": HIDDEN}
    networks = kv.nets.conditional(kv.nets.conv, shape, LATENT, CLASSES, **sizes)
    return kv.SemiSupervisedVAE(*networks, kv.nets.conv_encoder(shape, CLASSES, **sizes), seed=0)


def quantized_entry(name: str, channels: int, spread: bool = False, **arguments: Any) -> Entry:
    """Return an entry for a model whose codes are maps of integers.

    With `spread`, the values to round have variance 1 from the first step on. In a new network they
    are so close to 0 that all are rounded to the same level. The decoder cannot learn from a single
    level.
    """

    def make(shape: Shape) -> Any:
        import keras

        import keras_vae as kv

        encoder, decoder = kv.nets.conv_map(shape, channels, filters=FILTERS)
        if spread:
            codes = keras.layers.BatchNormalization()(encoder.output)
            encoder = keras.Model(encoder.input, codes, name=encoder.name)
        kind = public_models()[name]
        return kind(encoder, decoder, likelihood="bernoulli", seed=0, **arguments)

    return Entry(make)


def _noise() -> Any:
    import keras

    return keras.layers.GaussianNoise(0.3, seed=0)


def _mixture() -> Any:
    from keras_vae.variational import priors

    return priors.MixturePrior(10, seed=0)


def _ladder(shape: Shape) -> Any:
    import keras_vae as kv

    return kv.LadderVAE(*kv.nets.conv_ladder(shape, LATENT, 2, filters=FILTERS), seed=0)


def _masked(shape: Shape) -> Any:
    import keras_vae as kv

    sizes: dict[str, Any] = {"width": 32, "blocks": 2, "decoder_blocks": 1}
    return kv.MaskedAutoencoder(shape, 4, LATENT, likelihood="bernoulli", seed=0, **sizes)


def sequence_entry(name: str, likelihood: str = "bernoulli", **arguments: Any) -> Entry:
    """Return an entry for a sequence model."""

    def make(shape: Shape) -> Any:
        time, width, channels = shape
        kind = public_models()[name]
        return kind((time, width * channels), LATENT, likelihood=likelihood, seed=0, **arguments)

    return Entry(make, masked_row_inputs if arguments.get("masked") else row_inputs)


SPECIAL: dict[str, Entry] = {
    "BetaTCVAE": special_entry("BetaTCVAE", dataset_size=lambda: 6000),
    "ConditionalVAE": Entry(_conditional, labeled_inputs),
    "ConvAutoencoder": special_entry("ConvAutoencoder", latent_channels=lambda: 8),
    "DenoisingAutoencoder": special_entry("DenoisingAutoencoder", corruption=_noise),
    "FSQ": quantized_entry("FSQ", 3, spread=True, levels=(8, 6, 5)),
    "LadderVAE": Entry(_ladder),
    # A loop of int8 ops crashes the converter, so the steps are unrolled.
    "LSTMAutoencoder": sequence_entry("LSTMAutoencoder", unroll=True),
    "LSTMVAE": sequence_entry("LSTMVAE", unroll=True, masked=True),
    "LearnedPriorVAE": special_entry("LearnedPriorVAE", learned_prior=_mixture),
    "MaskedAutoencoder": Entry(_masked),
    "SemiSupervisedVAE": Entry(_semi_supervised, labeled_inputs),
    "TCNAutoencoder": sequence_entry("TCNAutoencoder"),
    "TCNVAE": sequence_entry("TCNVAE", masked=True),
    "TimeVAE": sequence_entry("TimeVAE", "normal", seasons=[(4, 1)]),
    "TransformerAutoencoder": sequence_entry("TransformerAutoencoder"),
    "TransformerVAE": sequence_entry("TransformerVAE", masked=True),
    "VQVAE": quantized_entry("VQVAE", 8, codebook_size=64),
    "VaDE": special_entry("VaDE", components=lambda: 10),
    "VampVAE": special_entry("VampVAE", components=lambda: 20),
}

EXCUSED: dict[str, str] = {}
