"""The public names and where they come from; importing this module imports Keras."""

from keras_vae import (
    anomalies,
    callbacks,
    compression,
    distributions,
    errors,
    estimators,
    latents,
    layers,
    losses,
    metrics,
    nets,
    preprocessing,
    presets,
    quantization,
    random,
    samplers,
    tables,
)
from keras_vae.acceleration.compile_fast import compile_fast
from keras_vae.acceleration.compiled import Compiled
from keras_vae.anomalies import AnomalyDetector
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.endpoint import Endpoint
from keras_vae.data import load_images, point_scores, windows, with_mask
from keras_vae.downstream.classifiers import classifier_from
from keras_vae.downstream.distillation import distill_decoder
from keras_vae.downstream.inpainting import inpaint
from keras_vae.loading import load
from keras_vae.losses import controllers, schedules, weights
from keras_vae.models.adversarial import AdversarialAutoencoder
from keras_vae.models.compressive import CompressiveAutoencoder
from keras_vae.models.conditional import ConditionalVAE
from keras_vae.models.contractive import ContractiveAutoencoder
from keras_vae.models.conv import ConvAutoencoder, ConvVAE
from keras_vae.models.denoising import DenoisingAutoencoder
from keras_vae.models.dip_vae import DIPVAE
from keras_vae.models.factor_vae import FactorVAE
from keras_vae.models.flow_vae import FlowVAE
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
from keras_vae.models.semi_supervised import SemiSupervisedVAE
from keras_vae.models.sparse import SparseAutoencoder
from keras_vae.models.tc_vae import BetaTCVAE
from keras_vae.models.tcn import TCNVAE, TCNAutoencoder
from keras_vae.models.time_vae import TimeVAE
from keras_vae.models.transformer import TransformerAutoencoder, TransformerVAE
from keras_vae.models.vade import VaDE
from keras_vae.models.vae import VAE
from keras_vae.models.vae_gan import VAEGAN
from keras_vae.models.vamp_vae import VampVAE
from keras_vae.models.vq_vae import VQVAE
from keras_vae.models.wae import WAE
from keras_vae.presets.places import from_preset
from keras_vae.tiles import decode_tiled, encode_tiled
from keras_vae.variational import posteriors, priors
