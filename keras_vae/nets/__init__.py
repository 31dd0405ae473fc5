"""Builders of encoders and decoders, which return functional Keras models.

An encoder with `heads=2` returns a list `[z_mean, z_log_var]`, for `keras_vae.VAE`. With
`heads=1` it returns the code, for plain autoencoders. Ladders are for `keras_vae.LadderVAE`.
"""

from keras_vae.nets.conditional import conditional
from keras_vae.nets.conv import conv, conv_decoder, conv_encoder, conv_map
from keras_vae.nets.conv_ladder import conv_ladder
from keras_vae.nets.dense import dense, dense_decoder, dense_encoder
from keras_vae.nets.gated import gated_dense
from keras_vae.nets.heads import with_heads
from keras_vae.nets.ladder import gated_ladder
from keras_vae.nets.lstm import lstm
from keras_vae.nets.patch_discriminator import patch_discriminator
from keras_vae.nets.patches import patches
from keras_vae.nets.tcn import tcn
from keras_vae.nets.time_vae import time_vae
from keras_vae.nets.top_down import Level, TopDown
from keras_vae.nets.transformer import transformer

__all__ = [
    "conditional",
    "Level",
    "TopDown",
    "conv",
    "conv_decoder",
    "conv_encoder",
    "conv_ladder",
    "conv_map",
    "dense",
    "dense_decoder",
    "dense_encoder",
    "gated_dense",
    "lstm",
    "patch_discriminator",
    "patches",
    "tcn",
    "time_vae",
    "transformer",
    "gated_ladder",
    "with_heads",
]
