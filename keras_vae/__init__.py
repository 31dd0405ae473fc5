"""Autoencoders for Keras 3, from `model.fit` to a server and a phone."""

from keras_vae import controllers, distributions, latents, layers, nets, random, schedules, weights
from keras_vae.autoencoder import Autoencoder, Endpoint
from keras_vae.models.conv import ConvAutoencoder, ConvVAE
from keras_vae.models.denoising import DenoisingAutoencoder
from keras_vae.models.iwae import IWAE
from keras_vae.models.sparse import SparseAutoencoder
from keras_vae.models.tc_vae import BetaTCVAE
from keras_vae.models.vae import VAE

__version__ = "0.1.0"

__all__ = [
    "IWAE",
    "VAE",
    "Autoencoder",
    "BetaTCVAE",
    "ConvAutoencoder",
    "ConvVAE",
    "DenoisingAutoencoder",
    "Endpoint",
    "SparseAutoencoder",
    "controllers",
    "distributions",
    "latents",
    "layers",
    "nets",
    "random",
    "schedules",
    "weights",
]
