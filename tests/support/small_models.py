"""Models as small as they can be, one of each class and of each kind of networks."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import layers
from keras_vae.losses import controllers

ROWS = 13  # Batches of 5 leave a ragged last one.
BATCH = 5
FEATURES = (6,)
IMAGE = (6, 5, 1)  # Odd, not square, not a power of two.
PATCHED = (4, 6, 1)  # Six patches of 2x2.
SEQUENCE = (4, 2)
VOLUME = (3, 4, 2, 1)
WORDS = 5


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype("float32")


def counts(*shape: int, seed: int = 0) -> np.ndarray:
    """Counts from 0 to some hundreds, a fifth of them 0."""
    return np.random.default_rng(seed).negative_binomial(0.6, 0.02, shape).astype("float32")


def dense(heads: int = 1, decoder_heads: int = 1, shape: Any = FEATURES) -> Any:
    return kv.nets.dense(shape, 3, hidden=(5,), heads=heads, decoder_heads=decoder_heads)


def autoencoder() -> Any:
    return kv.Autoencoder(*dense(), seed=1)


def denoising(corruption: Any, shape: Any = FEATURES) -> Callable[[], Any]:
    return lambda: kv.DenoisingAutoencoder(*dense(shape=shape), corruption=corruption(), seed=1)


def sparse(**kwargs: Any) -> Callable[[], Any]:
    def construct() -> Any:
        encoder, decoder = dense()
        code = keras.layers.Activation("sigmoid")(encoder.output)
        return kv.SparseAutoencoder(keras.Model(encoder.input, code), decoder, seed=1, **kwargs)

    return construct


def vae(**kwargs: Any) -> Callable[[], Any]:
    heads = kv.distributions.get(kwargs.get("likelihood", "bernoulli")).heads
    return lambda: kv.VAE(*dense(2, heads), seed=1, **kwargs)


def controlled_vae() -> Any:
    """A controller has a state, so each model needs its own."""
    return vae(beta=controllers.Geco(2.0))()


def conv_autoencoder() -> Any:
    return kv.ConvAutoencoder(IMAGE, latent_channels=2, filters=(2,), seed=1)


def conv_vae(shape: Any = IMAGE) -> Any:
    return kv.ConvVAE(shape, latent_dim=2, filters=(2, 3), hidden=4, seed=1)


def iwae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.IWAE(*dense(2), samples=3, seed=1, **kwargs)


def beta_tc_vae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.BetaTCVAE(*dense(2), dataset_size=ROWS, seed=1, **kwargs)


def vamp_vae() -> Any:
    return kv.VampVAE(*dense(2), components=4, seed=1)


def mixture_vae() -> Any:
    return kv.LearnedPriorVAE(*dense(2), kv.priors.MixturePrior(3, seed=2), seed=1)


def vade() -> Any:
    return kv.VaDE(*dense(2), components=3, seed=1)


def flow_vae() -> Any:
    return kv.LearnedPriorVAE(*dense(2), kv.priors.FlowPrior(2, (4,), seed=2), seed=1)


def directed_flow_vae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.FlowVAE(*dense(2), flow_steps=2, seed=1, **kwargs)


def iaf_vae() -> Any:
    return kv.IAFVAE(*dense(2), flow_steps=2, hidden=(4,), seed=1)


def free_bits_vae() -> Any:
    return kv.FreeBitsVAE(*dense(2), nats=0.1, seed=1)


def conditional_vae() -> Any:
    networks = kv.nets.conditional(kv.nets.dense, FEATURES, 3, 2, hidden=(5,))
    return kv.ConditionalVAE(*networks, seed=1)


def semi_supervised() -> Any:
    networks = kv.nets.conditional(kv.nets.dense, FEATURES, 3, 2, hidden=(5,))
    classifier = kv.nets.dense_encoder(FEATURES, 2, hidden=(5,))
    return kv.SemiSupervisedVAE(*networks, classifier, seed=1)


def wae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.WAE(*dense(), seed=1, **kwargs)


def info_vae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.InfoVAE(*dense(2), lambda_=20.0, seed=1, **kwargs)


def discriminator() -> Any:
    layers = [keras.Input((3,)), keras.layers.Dense(4, "leaky_relu"), keras.layers.Dense(1)]
    return keras.Sequential(layers)


def factor_vae() -> Any:
    return kv.FactorVAE(*dense(2), gamma=3.0, discriminator=discriminator(), seed=1)


def adversarial() -> Any:
    return kv.AdversarialAutoencoder(*dense(), discriminator=discriminator(), seed=1)


def dip_vae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.DIPVAE(*dense(2), lambda_d=20.0, seed=1, **kwargs)


def vae_gan() -> Any:
    x = keras.Input(FEATURES)
    features = keras.layers.Dense(4, "leaky_relu")(x)
    critic = keras.Model(x, [features, keras.layers.Dense(1)(features)])
    return kv.VAEGAN(*dense(2), discriminator=critic, seed=1)


def contractive(probes: int | None) -> Callable[[], Any]:
    def construct() -> Any:
        networks = kv.nets.dense(FEATURES, 3, hidden=(5,), activation="tanh")
        return kv.ContractiveAutoencoder(*networks, probes=probes, seed=1)

    return construct


def rae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.RAE(*dense(), code_weight=0.1, decoder_weight=0.01, seed=1, **kwargs)


def lstm(kind: Any, masked: bool) -> Callable[[], Any]:
    return lambda: kind(SEQUENCE, 3, masked=masked, units=(3,), seed=1)


def tcn(kind: Any, masked: bool) -> Callable[[], Any]:
    return lambda: kind(SEQUENCE, 3, masked=masked, width=4, blocks=1, seed=1)


def time_vae(masked: bool = False) -> Callable[[], Any]:
    sizes: Any = {"filters": (2,), "hidden": 4, "trend_degree": 1, "seasons": [(2, 1)]}
    return lambda: kv.TimeVAE(SEQUENCE, 3, masked=masked, **sizes, seed=1)


def transformer(kind: Any, masked: bool) -> Callable[[], Any]:
    sizes = {"width": 8, "blocks": 1, "attention_heads": 2}
    return lambda: kind(SEQUENCE, 3, masked=masked, **sizes, seed=1)


def token_lstm() -> Any:
    arguments: Any = {"units": (3,), "unroll": True, "vocabulary_size": WORDS}
    return kv.LSTMAutoencoder((4,), 3, masked=True, **arguments, seed=1)


def token_transformer() -> Any:
    sizes: Any = {"width": 8, "blocks": 1, "attention_heads": 2, "vocabulary_size": WORDS}
    return kv.TransformerVAE((4,), 3, **sizes, seed=1)


def compressive() -> Any:
    return kv.CompressiveAutoencoder(*dense(), rate_weight=0.1, seed=1)


def vq_vae() -> Any:
    return kv.VQVAE(*kv.nets.conv_map(IMAGE, 2, filters=(2,)), codebook_size=4, seed=1)


def residual_vq_vae() -> Any:
    quantizer = kv.quantization.ResidualVectorQuantizer(2, 4, dropout=0.5, seed=1)
    networks = kv.nets.conv_map(IMAGE, 2, filters=(2,))
    return kv.VQVAE(*networks, quantizer=quantizer, seed=1)


# Quantizers of three elements, for which no case of the contract tests stands.
QUANTIZERS: dict[str, Callable[[], Any]] = {
    "vector_rotation": lambda: kv.quantization.VectorQuantizer(4, seed=1, gradient="rotation"),
    "levels": lambda: kv.quantization.FiniteScalarQuantizer((3, 2, 4)),
    "grouped": lambda: kv.quantization.GroupedResidualVectorQuantizer(3, 2, 4, seed=1),
    "sim_vq": lambda: kv.quantization.SimVectorQuantizer(4, seed=1),
    "lookup_free": lambda: kv.quantization.LookupFreeQuantizer(3),
    "spherical": lambda: kv.quantization.BinarySphericalQuantizer(3),
}


def quantized(name: str) -> Any:
    return kv.VQVAE(*dense(), quantizer=QUANTIZERS[name](), seed=1)


def fsq() -> Any:
    return kv.FSQ(*dense(), levels=(3, 2, 4), seed=1)


def ladder_vae() -> Any:
    return kv.LadderVAE(*kv.nets.gated_ladder(FEATURES, (2, 3), 4), free_bits=0.1, seed=1)


def conv_ladder_vae() -> Any:
    return kv.LadderVAE(*kv.nets.conv_ladder(IMAGE, 2, 2, filters=(2,), levels=(1,)), seed=1)


TABLE = kv.tables.Schema(
    (
        kv.tables.Column("color", "categorical", ("blue", "green", "red")),
        kv.tables.Column("height", "numeric", mean=0.5, scale=0.3),
        kv.tables.Column("grade", "ordinal", (1, 2, 3, 4)),
        kv.tables.Column("income", "positive", mean=1.0, scale=0.5),
        kv.tables.Column("visits", "count", mean=2.0, scale=2.0),
    )
)


def table() -> np.ndarray:
    """Rows of `TABLE`, one value of each second row missing."""
    generator = np.random.default_rng(0)
    x = generator.random((ROWS, 5)) + [0.0, 0.0, 0.0, 0.5, 0.0]
    x[:, [0, 2, 4]] = generator.integers(3, size=(ROWS, 3))
    x[np.arange(0, ROWS, 2), np.arange(0, ROWS, 2) % 5] = np.nan
    return x.astype("float32")


def tabular_vae() -> Any:
    return kv.tables.TabularVAE(TABLE, latent_dim=3, hidden=(5,), seed=1)


def masked_autoencoder() -> Any:
    sizes = {"width": 8, "blocks": 1, "decoder_blocks": 1, "attention_heads": 2}
    return kv.MaskedAutoencoder(PATCHED, 2, latent_dim=3, mask_ratio=0.5, **sizes, seed=1)


def perceptual() -> Any:
    networks = kv.nets.conv(IMAGE, 2, filters=(2,), hidden=4)
    return kv.PerceptualAutoencoder(*networks, layers.Outlines(square=2), 0.5, seed=1)
