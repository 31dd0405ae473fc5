"""New codes of a trained model: what `fit_sampler` and `fit_prior` fit, and `sample` draws from.

`base` states what a sampler is. `mixture` is one of Gaussians. The others are networks (`network`),
trained by `training` and made by `fitting`. `autoregressive`, `masked`, and `flow` are transformers
(`transformer`). `maf` and `two_stage` read a code as one vector (`vectors`). `files` keeps them in
the file of the model.
"""

from keras_vae.samplers.autoregressive import AutoregressiveSampler
from keras_vae.samplers.base import Sampler
from keras_vae.samplers.flow import FlowSampler
from keras_vae.samplers.maf import MAFSampler
from keras_vae.samplers.masked import MaskedSampler
from keras_vae.samplers.mixture import MixtureSampler, fit_mixture, sample_posterior
from keras_vae.samplers.two_stage import TwoStageSampler

__all__ = [
    "AutoregressiveSampler",
    "FlowSampler",
    "MAFSampler",
    "MaskedSampler",
    "MixtureSampler",
    "Sampler",
    "TwoStageSampler",
    "fit_mixture",
    "sample_posterior",
]
