"""The figure of each model."""

from collections.abc import Callable

from keras_vae.plots.figures import Figure
from tools.gallery import autoencoders, factors, integers, planes, series, variational
from tools.gallery.studio import Studio

FIGURES: dict[str, Callable[[Studio], Figure]] = {
    "AdversarialAutoencoder": planes.adversarial,
    "Autoencoder": autoencoders.autoencoder,
    "BetaTCVAE": factors.tc_vae,
    "CompressiveAutoencoder": autoencoders.compressive,
    "ConditionalVAE": variational.conditional,
    "ContractiveAutoencoder": autoencoders.contractive,
    "ConvAutoencoder": autoencoders.conv_autoencoder,
    "ConvVAE": variational.conv_vae,
    "DIPVAE": factors.dip_vae,
    "DenoisingAutoencoder": autoencoders.denoising,
    "FSQ": integers.fsq,
    "FactorVAE": factors.factor_vae,
    "FlowVAE": planes.flow_vae,
    "FreeBitsVAE": variational.free_bits,
    "IAFVAE": planes.iaf_vae,
    "IWAE": variational.iwae,
    "InfoVAE": planes.info_vae,
    "LSTMAutoencoder": series.lstm_autoencoder,
    "LSTMVAE": series.lstm_vae,
    "LadderVAE": variational.ladder,
    "LearnedPriorVAE": planes.learned_prior,
    "MaskedAutoencoder": autoencoders.mask_patches,
    "PerceptualAutoencoder": autoencoders.perceptual,
    "RAE": autoencoders.rae,
    "SemiSupervisedVAE": variational.semi_supervised,
    "SparseAutoencoder": autoencoders.sparse,
    "TCNAutoencoder": series.tcn_autoencoder,
    "TCNVAE": series.tcn_vae,
    "TimeVAE": series.time_vae,
    "TransformerAutoencoder": series.transformer_autoencoder,
    "TransformerVAE": series.transformer_vae,
    "VAE": variational.vae,
    "VAEGAN": variational.vae_gan,
    "VQVAE": integers.vq_vae,
    "VaDE": variational.clusters,
    "VampVAE": planes.vamp_vae,
    "WAE": planes.wae,
}
