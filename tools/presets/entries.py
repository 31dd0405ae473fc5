"""The presets of the package: the recipe, the data, and the description of each."""

import dataclasses
from collections.abc import Mapping

FASHION_MNIST = {
    "title": "Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): 60,000 training and 10,000 test "
    "images of clothes, 28x28, gray",
    "url": "https://github.com/zalandoresearch/fashion-mnist",
    "license": "MIT",
}
DIGITS = {
    "title": "Optical Recognition of Handwritten Digits (UCI) as scikit-learn has it: 1,497 "
    "training and 300 test images, 8x8, gray",
    "url": "https://archive.ics.uci.edu/dataset/80",
    "license": "CC BY 4.0",
}
MNIST1D = {
    "title": "MNIST-1D (Greydanus and Kobak 2020, arXiv:2011.14439): 4,000 training and 1,000 test "
    "series of 40 steps",
    "url": "https://github.com/greydanus/mnist1d",
    "license": "Apache-2.0",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A preset to make.

    Attributes:
        recipe: A recipe of `keras-vae train`.
        about: The data for the card.
        description: One or two sentences for the card and the list.
        has_page: Whether `keras-vae explorer` shows it.
        options: Options of `keras-vae train`, in addition to the recipe.
        is_detector: Whether it is a detector of `tools.presets.detector`.
    """

    recipe: str
    about: Mapping[str, str]
    description: str
    has_page: bool = False
    options: tuple[str, ...] = ()
    is_detector: bool = False


ENTRIES = {
    "vae_digits": Entry(
        "vae_digits",
        DIGITS,
        "A VAE of handwritten digits with two latent units, so that a map shows its whole latent "
        "space.",
        has_page=True,
    ),
    "denoising_digits": Entry(
        "denoising_digits",
        DIGITS,
        "A denoising autoencoder that removes salt-and-pepper noise from handwritten digits.",
    ),
    "vq_vae_fashion_mnist": Entry(
        "vq_vae_fashion_mnist",
        FASHION_MNIST,
        "A vector-quantized autoencoder of clothes: an image becomes 7x7 discrete codes.",
    ),
    "lstm_mnist1d": Entry(
        "lstm_mnist1d",
        MNIST1D,
        "A recurrent autoencoder of time series with 40 steps and 8-dimensional codes.",
        options=("--units", "64", "--epochs", "40"),
    ),
    "detector_sneakers": Entry(
        "one_class_fashion_mnist",
        FASHION_MNIST,
        "A detector that knows sneakers alone and flags other clothes, with a threshold for 5 % "
        "false alarms.",
        is_detector=True,
    ),
    "conv_vae_fashion_mnist": Entry(
        "conv_vae_fashion_mnist",
        FASHION_MNIST,
        "A convolutional VAE of clothes with 16 latent units, for samples and the latent explorer.",
        has_page=True,
    ),
}
