"""The models that the catalogue proves: each public class, with small networks for images.

A class that takes an encoder and a decoder, or an `image_shape`, needs nothing here. Others get an
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


def pictures(images: np.ndarray, labels: np.ndarray) -> Any:
    """The input of most models: the images."""
    return images


def labelled(images: np.ndarray, labels: np.ndarray) -> Any:
    """The input of conditional models: the images, and their labels one-hot."""
    return images, np.eye(CLASSES, dtype="float32")[labels]


def rows(images: np.ndarray, labels: np.ndarray) -> Any:
    """The input of models of sequences: each row of an image is a step."""
    return images.reshape(*images.shape[:2], -1)


def rows_and_mask(images: np.ndarray, labels: np.ndarray) -> Any:
    """The input of masked models of sequences: of label c, the last c mod 4 rows are left out."""
    steps = rows(images, labels)
    length = steps.shape[1] - labels % 4
    return steps, (np.arange(steps.shape[1]) < length[:, None]).astype("float32")


@dataclass(frozen=True)
class Entry:
    """How the catalogue makes a model, and of what.

    Attributes:
        make: The model for images of a shape.
        inputs: What the model takes, of images in [0, 1] and labels: an array, or a tuple.
    """

    make: Callable[[Shape], Any]
    inputs: Callable[[np.ndarray, np.ndarray], Any] = pictures


def entries() -> dict[str, Entry]:
    """An entry for each public model class that is not excused, by its name."""
    return {
        name: SPECIAL.get(name) or Entry(plain(kind))
        for name, kind in public_models().items()
        if name not in EXCUSED
    }


def public_models() -> dict[str, type]:
    """The model classes that `keras_vae` exports, by name."""
    import keras_vae

    public = {name: getattr(keras_vae, name) for name in keras_vae.__all__}
    return {
        name: kind
        for name, kind in public.items()
        if inspect.isclass(kind) and issubclass(kind, keras_vae.Autoencoder)
    }


def plain(kind: Any, **arguments: Any) -> Callable[[Shape], Any]:
    """Makes a model of a class that builds its own networks, or takes an encoder and a decoder."""

    def make(shape: Shape) -> Any:
        if "image_shape" in inspect.signature(kind).parameters:
            return kind(shape, filters=FILTERS, seed=0, **arguments)
        return kind(*networks(shape, kind), likelihood="bernoulli", seed=0, **arguments)

    return make


def networks(shape: Shape, kind: Any) -> tuple[Any, Any]:
    """A small convolutional encoder, with two heads for a VAE, and its decoder."""
    import keras_vae as kv

    heads = 2 if issubclass(kind, kv.VAE) else 1
    return kv.nets.conv(shape, LATENT, filters=FILTERS, hidden=HIDDEN, heads=heads)


def special(name: str, **arguments: Callable[[], Any]) -> Entry:
    """An entry for a class that needs more arguments, each made anew for each model."""

    def make(shape: Shape) -> Any:
        made = {key: argument() for key, argument in arguments.items()}
        return plain(public_models()[name], **made)(shape)

    return Entry(make)


def _conditional(shape: Shape) -> Any:
    import keras_vae as kv

    made = kv.nets.conditional(kv.nets.conv, shape, LATENT, CLASSES, filters=FILTERS, hidden=HIDDEN)
    return kv.ConditionalVAE(*made, seed=0)


def quantized(name: str, channels: int, spread: bool = False, **arguments: Any) -> Entry:
    """An entry for a model whose codes are maps of integers.

    With `spread`, what is rounded has variance 1 from the first step on. Of a new network it is so
    near to 0 that all rounds to one level, and where the decoder sees one alone nothing is learned.
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
    from keras_vae import priors

    return priors.MixturePrior(10, seed=0)


def _ladder(shape: Shape) -> Any:
    import keras_vae as kv

    return kv.LadderVAE(*kv.nets.conv_ladder(shape, LATENT, 2, filters=FILTERS), seed=0)


def _masked(shape: Shape) -> Any:
    import keras_vae as kv

    sizes: dict[str, Any] = {"width": 32, "blocks": 2, "decoder_blocks": 1}
    return kv.MaskedAutoencoder(shape, 4, LATENT, likelihood="bernoulli", seed=0, **sizes)


def sequential(name: str, **arguments: Any) -> Entry:
    """An entry for a model of sequences."""

    def make(shape: Shape) -> Any:
        time, width, channels = shape
        kind = public_models()[name]
        return kind((time, width * channels), LATENT, likelihood="bernoulli", seed=0, **arguments)

    return Entry(make, rows_and_mask if arguments.get("masked") else rows)


SPECIAL: dict[str, Entry] = {
    "BetaTCVAE": special("BetaTCVAE", dataset_size=lambda: 6000),
    "ConditionalVAE": Entry(_conditional, labelled),
    "ConvAutoencoder": special("ConvAutoencoder", latent_channels=lambda: 8),
    "DenoisingAutoencoder": special("DenoisingAutoencoder", corruption=_noise),
    "FSQ": quantized("FSQ", 3, spread=True, levels=(8, 6, 5)),
    "LadderVAE": Entry(_ladder),
    # A loop of int8 crashes the converter; unrolled, the steps are no loop.
    "LSTMAutoencoder": sequential("LSTMAutoencoder", unroll=True),
    "LSTMVAE": sequential("LSTMVAE", unroll=True, masked=True),
    "LearnedPriorVAE": special("LearnedPriorVAE", learned_prior=_mixture),
    "MaskedAutoencoder": Entry(_masked),
    "TransformerAutoencoder": sequential("TransformerAutoencoder"),
    "TransformerVAE": sequential("TransformerVAE", masked=True),
    "VQVAE": quantized("VQVAE", 8, codebook_size=64),
    "VampVAE": special("VampVAE", components=lambda: 20),
}

EXCUSED: dict[str, str] = {}
