"""Autoencoders for Keras 3, from `model.fit` to a server and a phone."""

from keras_vae import (
    anomalies,
    callbacks,
    compression,
    controllers,
    distributions,
    estimators,
    latents,
    layers,
    metrics,
    nets,
    posteriors,
    priors,
    random,
    samplers,
    schedules,
    weights,
)
from keras_vae.anomalies import AnomalyDetector
from keras_vae.autoencoder import Autoencoder
from keras_vae.classifiers import classifier_from
from keras_vae.endpoint import Endpoint
from keras_vae.inference import Compiled
from keras_vae.inpainting import inpaint
from keras_vae.loading import load
from keras_vae.models.compressive import CompressiveAutoencoder
from keras_vae.models.conditional import ConditionalVAE
from keras_vae.models.contractive import ContractiveAutoencoder
from keras_vae.models.conv import ConvAutoencoder, ConvVAE
from keras_vae.models.denoising import DenoisingAutoencoder
from keras_vae.models.factor_vae import FactorVAE
from keras_vae.models.free_bits import FreeBitsVAE
from keras_vae.models.fsq import FSQ
from keras_vae.models.iaf_vae import IAFVAE
from keras_vae.models.info_vae import InfoVAE
from keras_vae.models.iwae import IWAE
from keras_vae.models.ladder_vae import LadderVAE
from keras_vae.models.learned_prior import LearnedPriorVAE
from keras_vae.models.lstm import LSTMVAE, LSTMAutoencoder
from keras_vae.models.masked import MaskedAutoencoder
from keras_vae.models.perceptual import PerceptualAutoencoder
from keras_vae.models.rae import RAE
from keras_vae.models.sparse import SparseAutoencoder
from keras_vae.models.tc_vae import BetaTCVAE
from keras_vae.models.transformer import TransformerAutoencoder, TransformerVAE
from keras_vae.models.vae import VAE
from keras_vae.models.vamp_vae import VampVAE
from keras_vae.models.vq_vae import VQVAE
from keras_vae.models.wae import WAE
from keras_vae.speed import compile_fast
from keras_vae.tiles import decode_tiled

__version__ = "0.1.0"

__all__ = [
    "FSQ",
    "IAFVAE",
    "IWAE",
    "RAE",
    "VAE",
    "VQVAE",
    "WAE",
    "AnomalyDetector",
    "Autoencoder",
    "BetaTCVAE",
    "Compiled",
    "CompressiveAutoencoder",
    "ConditionalVAE",
    "ContractiveAutoencoder",
    "ConvAutoencoder",
    "ConvVAE",
    "DenoisingAutoencoder",
    "Endpoint",
    "FactorVAE",
    "FreeBitsVAE",
    "InfoVAE",
    "LSTMVAE",
    "LSTMAutoencoder",
    "LadderVAE",
    "LearnedPriorVAE",
    "MaskedAutoencoder",
    "PerceptualAutoencoder",
    "SparseAutoencoder",
    "TransformerAutoencoder",
    "TransformerVAE",
    "VampVAE",
    "anomalies",
    "callbacks",
    "compression",
    "classifier_from",
    "compile_fast",
    "controllers",
    "decode_tiled",
    "distributions",
    "estimators",
    "inpaint",
    "latents",
    "layers",
    "load",
    "metrics",
    "nets",
    "posteriors",
    "priors",
    "random",
    "samplers",
    "schedules",
    "weights",
]
