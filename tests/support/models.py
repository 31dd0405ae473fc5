"""The list of models that the contract tests run over: to test a new model, add a case."""

import dataclasses
import functools
from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import layers
from keras_vae.losses import controllers, schedules

ROWS = 13  # Batches of 5 leave a ragged last one.
BATCH = 5
FEATURES = (6,)
IMAGE = (6, 5, 1)  # Odd, not square, not a power of two.
PATCHED = (4, 6, 1)  # Six patches of 2x2.

# A graph of TensorFlow takes longer to trace than a few steps on tiny data take; an eager step of
# JAX compiles each op.
FAST = {"run_eagerly": keras.backend.backend() == "tensorflow"}


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype("float32")


def counts(*shape: int, seed: int = 0) -> np.ndarray:
    """Counts from 0 to some hundreds, a fifth of them 0."""
    return np.random.default_rng(seed).negative_binomial(0.6, 0.02, shape).astype("float32")


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A model and data for it.

    Attributes:
        id: Name of the test case.
        construct: Makes the model; the networks as small as they can be.
        terms: Names of its loss terms.
        x: 13 examples, or a structure of arrays with 13 rows each.
        generative: Whether it has `sample`.
        measures: Names of what is logged beside terms.
        fixed: Whether nothing of it moves in training but by its optimizer.
        one_mode: Whether its prior has one mode, where temperature 0 puts all samples.
        range: Lowest and highest value that a reconstruction may have.
        variant: Whether another case has the same class and takes the same paths through the
            base class. Tests of it are `long`.
    """

    id: str
    construct: Callable[[], Any]
    terms: tuple[str, ...] = ("reconstruction",)
    x: Any = dataclasses.field(default_factory=lambda: uniform(ROWS, *FEATURES))
    generative: bool = False
    measures: tuple[str, ...] = ()
    fixed: bool = True
    one_mode: bool = True
    range: tuple[float, float] = (-np.inf, np.inf)
    variant: bool = False

    def make(self) -> Any:
        """The model, with the same initial weights at each call."""
        keras.utils.set_random_seed(7)
        return self.construct()

    @functools.cached_property
    def untouched(self) -> Any:
        """One model for all tests that leave its weights as they are."""
        return self.make()

    def trained(self, optimizer: Any = "sgd", steps: int = 2) -> Any:
        """The model after a few steps."""
        model = self.make()
        model.compile(optimizer, **FAST)
        for _ in range(steps):
            model.train_on_batch(first(BATCH, self.x))
        return model

    def draw(self, model: Any, count: int, **kwargs: Any) -> np.ndarray:
        """New examples, of one condition where the model needs one."""
        given = {"condition": self.x[1][0]} if isinstance(self.x, tuple) else {}
        return array(model.sample(count, **given, **kwargs))

    @property
    def bounded(self) -> bool:
        """Whether it has a posterior and logs a bound."""
        return "kl" in self.terms

    @property
    def logs(self) -> set[str]:
        """Names of what is logged."""
        return {"loss", *self.terms, *self.measures, *(("elbo",) if self.bounded else ())}


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


def conv_vae() -> Any:
    return kv.ConvVAE(IMAGE, latent_dim=2, filters=(2, 3), hidden=4, seed=1)


def iwae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.IWAE(*dense(2), samples=3, seed=1, **kwargs)


def beta_tc_vae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.BetaTCVAE(*dense(2), dataset_size=ROWS, seed=1, **kwargs)


def vamp_vae() -> Any:
    return kv.VampVAE(*dense(2), components=4, seed=1)


def mixture_vae() -> Any:
    return kv.LearnedPriorVAE(*dense(2), kv.priors.MixturePrior(3, seed=2), seed=1)


def flow_vae() -> Any:
    return kv.LearnedPriorVAE(*dense(2), kv.priors.FlowPrior(2, (4,), seed=2), seed=1)


def iaf_vae() -> Any:
    return kv.IAFVAE(*dense(2), flow_steps=2, hidden=(4,), seed=1)


def free_bits_vae() -> Any:
    return kv.FreeBitsVAE(*dense(2), nats=0.1, seed=1)


def conditional_vae() -> Any:
    networks = kv.nets.conditional(kv.nets.dense, FEATURES, 3, 2, hidden=(5,))
    return kv.ConditionalVAE(*networks, seed=1)


def wae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.WAE(*dense(), seed=1, **kwargs)


def info_vae(**kwargs: Any) -> Callable[[], Any]:
    return lambda: kv.InfoVAE(*dense(2), lambda_=20.0, seed=1, **kwargs)


def factor_vae() -> Any:
    layers = [keras.Input((3,)), keras.layers.Dense(4, "leaky_relu"), keras.layers.Dense(1)]
    return kv.FactorVAE(*dense(2), gamma=3.0, discriminator=keras.Sequential(layers), seed=1)


def contractive(probes: int | None) -> Callable[[], Any]:
    def construct() -> Any:
        networks = kv.nets.dense(FEATURES, 3, hidden=(5,), activation="tanh")
        return kv.ContractiveAutoencoder(*networks, probes=probes, seed=1)

    return construct


def rae() -> Any:
    return kv.RAE(*dense(), code_weight=0.1, decoder_weight=0.01, seed=1)


SEQUENCE = (4, 2)


def lstm(kind: Any, masked: bool) -> Callable[[], Any]:
    return lambda: kind(SEQUENCE, 3, masked=masked, units=(3,), seed=1)


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


def fsq() -> Any:
    return kv.FSQ(*dense(), levels=(3, 2, 4), seed=1)


def ladder_vae() -> Any:
    return kv.LadderVAE(*kv.nets.gated_ladder(FEATURES, (2, 3), 4), free_bits=0.1, seed=1)


def conv_ladder_vae() -> Any:
    return kv.LadderVAE(*kv.nets.conv_ladder(IMAGE, 2, 2, filters=(2,), levels=(1,)), seed=1)


def masked_autoencoder() -> Any:
    sizes = {"width": 8, "blocks": 1, "decoder_blocks": 1, "attention_heads": 2}
    return kv.MaskedAutoencoder(PATCHED, 2, latent_dim=3, mask_ratio=0.5, **sizes, seed=1)


def perceptual() -> Any:
    networks = kv.nets.conv(IMAGE, 2, filters=(2,), hidden=4)
    return kv.PerceptualAutoencoder(*networks, layers.Outlines(square=2), 0.5, seed=1)


UNIT = (0.0, 1.0)
IMAGES = uniform(ROWS, *IMAGE)
SPARSITY = ("reconstruction", "sparsity")
FREE_BITS = ("reconstruction", "kl", "free_bits")
BOUND: Any = {"terms": ("reconstruction", "kl"), "generative": True}
SEQUENCES = uniform(ROWS, *SEQUENCE)
# Sequences of 1 to 4 steps.
MASKED = (SEQUENCES, (np.arange(4) <= np.arange(ROWS)[:, None] % 4).astype("float32"))
WORDS = 5
TOKENS = np.random.default_rng(0).integers(WORDS, size=(ROWS, 4))
WARM_UP = schedules.LinearWarmUp(10)

CASES = [
    Case("autoencoder", autoencoder),
    Case("conv_autoencoder", conv_autoencoder, x=IMAGES, range=UNIT),
    Case("denoising_gaussian", denoising(lambda: keras.layers.GaussianNoise(0.3, seed=2))),
    Case("denoising_masking", denoising(lambda: layers.MaskingNoise(0.5, seed=2)), variant=True),
    Case("denoising_salt", denoising(lambda: layers.SaltAndPepperNoise(0.4, seed=2)), variant=True),
    Case(
        "denoising_occlusion",
        denoising(lambda: layers.RectangleOcclusion(2, 3, seed=2), IMAGE),
        x=IMAGES,
        variant=True,
    ),
    Case("sparse_l1", sparse(penalty="l1", sparsity_weight=0.1), SPARSITY, variant=True),
    Case("sparse_kl", sparse(penalty="kl", sparsity_weight=0.1), SPARSITY, variant=True),
    Case("sparse_top_k", sparse(penalty="top_k", k=2), SPARSITY),
    Case("vae_bernoulli", vae(), range=UNIT, **BOUND),
    Case("vae_normal", vae(likelihood="normal"), **BOUND),
    Case("vae_normal_learned_scale", vae(likelihood="normal_learned_scale"), **BOUND, variant=True),
    Case("vae_normal_per_element", vae(likelihood="normal_per_element"), **BOUND, variant=True),
    Case("vae_laplace", vae(likelihood="laplace"), **BOUND, variant=True),
    Case(
        "vae_negative_binomial",
        vae(likelihood="negative_binomial"),
        x=counts(ROWS, *FEATURES),
        range=(0.0, np.inf),
        **BOUND,
        variant=True,
    ),
    Case("vae_schedule", vae(beta=WARM_UP), range=UNIT, **BOUND),
    Case("vae_controller", controlled_vae, range=UNIT, **BOUND),
    Case("conv_vae", conv_vae, x=IMAGES, range=UNIT, **BOUND),
    Case("iwae", iwae(), ("iwae", "reconstruction", "kl"), range=UNIT, generative=True),
    Case(
        "iwae_dreg",
        iwae(gradient="dreg"),
        ("iwae", "reconstruction", "kl"),
        generative=True,
        variant=True,
    ),
    Case("beta_tc_vae", beta_tc_vae(), kv.BetaTCVAE.terms, range=UNIT, generative=True),
    Case("vamp_vae", vamp_vae, range=UNIT, one_mode=False, **BOUND),
    Case("mixture_vae", mixture_vae, range=UNIT, one_mode=False, **BOUND, variant=True),
    Case("wae", wae(), kv.WAE.terms, generative=True),
    Case("info_vae", info_vae(), kv.InfoVAE.terms, range=UNIT, generative=True),
    Case("factor_vae", factor_vae, kv.FactorVAE.terms, range=UNIT, generative=True),
    Case("contractive", contractive(2), kv.ContractiveAutoencoder.terms),
    Case("contractive_exact", contractive(None), kv.ContractiveAutoencoder.terms, variant=True),
    Case("perceptual", perceptual, kv.PerceptualAutoencoder.terms, x=IMAGES),
    Case("rae", rae, kv.RAE.terms),
    Case("free_bits_vae", free_bits_vae, kv.FreeBitsVAE.terms, range=UNIT, generative=True),
    Case(
        "conditional_vae",
        conditional_vae,
        x=(uniform(ROWS, *FEATURES), uniform(ROWS, 2, seed=1)),
        range=UNIT,
        **BOUND,
    ),
    Case("lstm_autoencoder", lstm(kv.LSTMAutoencoder, False), x=SEQUENCES),
    Case("lstm_vae_masked", lstm(kv.LSTMVAE, True), x=MASKED, **BOUND),
    Case("transformer_autoencoder_masked", transformer(kv.TransformerAutoencoder, True), x=MASKED),
    Case("transformer_vae", transformer(kv.TransformerVAE, False), x=SEQUENCES, **BOUND),
    Case("lstm_autoencoder_tokens", token_lstm, x=(TOKENS, MASKED[1]), range=(0, WORDS - 1)),
    Case("transformer_vae_tokens", token_transformer, x=TOKENS, range=(0, WORDS - 1), **BOUND),
    Case("vq_vae", vq_vae, kv.VQVAE.terms, x=IMAGES, measures=("perplexity",), fixed=False),
    Case("compressive", compressive, kv.CompressiveAutoencoder.terms),
    Case("fsq", fsq, measures=("perplexity",)),
    Case("flow_vae", flow_vae, range=UNIT, **BOUND),
    Case("iaf_vae", iaf_vae, range=UNIT, **BOUND),
    Case("ladder_vae", ladder_vae, FREE_BITS, range=UNIT, generative=True),
    Case(
        "masked_autoencoder",
        masked_autoencoder,
        kv.MaskedAutoencoder.terms,
        x=uniform(ROWS, *PATCHED),
    ),
    Case("conv_ladder_vae", conv_ladder_vae, x=IMAGES, range=UNIT, **BOUND),
]


# One case of each way through the base class, for tests of what all models share.
FEW = ("autoencoder", "conv_vae", "conditional_vae", "transformer_vae_tokens", "vq_vae", "iwae")


def each(cases: list[Case], quick: Collection[str] | None = None, rest: str = "long") -> Any:
    """Decorate a test to run with each case.

    Args:
        cases: The cases.
        quick: Names of those whose test has no mark; all but the variants, if None.
        rest: Mark of the others, "long" or "slow". Variants of a class are always `long`.
    """
    names = [case.id for case in cases if not case.variant] if quick is None else quick

    def marks(case: Case) -> list[Any]:
        return [] if case.id in names else [getattr(pytest.mark, "long" if case.variant else rest)]

    marked = [pytest.param(case, id=case.id, marks=marks(case)) for case in cases]
    return pytest.mark.parametrize("case", marked)


# Cases of a class of which there is another one: what differs between them is training.
SAME_CLASS = (
    *("vae_normal", "vae_schedule", "vae_controller", "conv_ladder_vae"),
    *("lstm_autoencoder_tokens", "transformer_vae_tokens"),
)
# One of each class, without making a model, since each process that collects tests reads this.
ONE_OF_EACH = [case for case in CASES if not case.variant and case.id not in SAME_CLASS]


def first(count: int, x: Any) -> Any:
    """The first `count` rows of an array or of each array of a structure."""
    return keras.tree.map_structure(lambda array: array[:count], x)


def event(x: Any) -> np.ndarray:
    """The array that is reconstructed."""
    return keras.tree.flatten(x)[0]


def array(x: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(x))


def values(variables: Any) -> list[np.ndarray]:
    return [array(variable) for variable in variables]


def assert_equal(found: Any, wanted: Any, **tolerance: float) -> None:
    """All arrays of two lists are equal, within the tolerances of `numpy.testing`."""
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


def flat(arrays: Any) -> np.ndarray:
    """All numbers of a list of arrays, as one vector."""
    return np.concatenate([np.ravel(one) for one in arrays])
