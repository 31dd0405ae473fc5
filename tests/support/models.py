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
from keras_vae.losses import schedules
from tests.support.small_models import (
    BATCH,
    FEATURES,
    IMAGE,
    PATCHED,
    ROWS,
    SEQUENCE,
    VOLUME,
    WORDS,
    adversarial,
    autoencoder,
    beta_tc_vae,
    compressive,
    conditional_vae,
    contractive,
    controlled_vae,
    conv_autoencoder,
    conv_ladder_vae,
    conv_vae,
    counts,
    denoising,
    dip_vae,
    directed_flow_vae,
    factor_vae,
    flow_vae,
    free_bits_vae,
    fsq,
    iaf_vae,
    info_vae,
    iwae,
    ladder_vae,
    lstm,
    masked_autoencoder,
    mixture_vae,
    perceptual,
    rae,
    residual_vq_vae,
    semi_supervised,
    sparse,
    table,
    tabular_vae,
    tcn,
    time_vae,
    token_lstm,
    token_transformer,
    transformer,
    uniform,
    vade,
    vae,
    vae_gan,
    vamp_vae,
    vq_vae,
    wae,
)
from tests.support.small_models import QUANTIZERS as QUANTIZERS
from tests.support.small_models import dense as dense
from tests.support.small_models import quantized as quantized

# A graph of TensorFlow takes longer to trace than a few steps on tiny data take; an eager step of
# JAX compiles each op.
FAST = {"run_eagerly": keras.backend.backend() == "tensorflow"}


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


UNIT = (0.0, 1.0)
IMAGES = uniform(ROWS, *IMAGE)
SPARSITY = ("reconstruction", "sparsity")
FREE_BITS = ("reconstruction", "kl", "free_bits")
BOUND: Any = {"terms": ("reconstruction", "kl"), "generative": True}
SEQUENCES = uniform(ROWS, *SEQUENCE)
VOLUMES = uniform(ROWS, *VOLUME)
# Sequences of 1 to 4 steps.
MASKED = (SEQUENCES, (np.arange(4) <= np.arange(ROWS)[:, None] % 4).astype("float32"))
TOKENS = np.random.default_rng(0).integers(WORDS, size=(ROWS, 4))
# One-hot labels of two classes, and a row of zeros for each third one, which is missing.
LABELED = np.eye(2, dtype="float32")[np.arange(ROWS) % 2] * (np.arange(ROWS) % 3 < 2)[:, None]
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
    *(
        Case(name, functools.partial(conv_vae, x.shape[1:]), x=x, range=UNIT, variant=True, **BOUND)
        for name, x in (("conv_vae_series", SEQUENCES), ("conv_vae_volumes", VOLUMES))
    ),
    Case("iwae", iwae(), ("iwae", "reconstruction", "kl"), range=UNIT, generative=True),
    Case(
        "iwae_dreg",
        iwae(gradient="dreg"),
        ("iwae", "reconstruction", "kl"),
        generative=True,
        variant=True,
    ),
    *(
        Case(name, iwae(groups=2, **given), kv.IWAE.terms, generative=True, variant=True)
        for name, given in (
            ("iwae_groups_and_elbo", {"elbo_share": 0.5}),
            ("iwae_piwae", {"gradient": "piwae"}),
        )
    ),
    Case("beta_tc_vae", beta_tc_vae(), kv.BetaTCVAE.terms, range=UNIT, generative=True),
    Case("vamp_vae", vamp_vae, range=UNIT, one_mode=False, **BOUND),
    Case("mixture_vae", mixture_vae, range=UNIT, one_mode=False, **BOUND, variant=True),
    Case("vade", vade, range=UNIT, one_mode=False, **BOUND),
    Case("wae", wae(), kv.WAE.terms, generative=True),
    Case("info_vae", info_vae(), kv.InfoVAE.terms, range=UNIT, generative=True),
    Case("factor_vae", factor_vae, kv.FactorVAE.terms, range=UNIT, generative=True),
    Case("dip_vae", dip_vae(), kv.DIPVAE.terms, range=UNIT, generative=True),
    Case("adversarial", adversarial, kv.AdversarialAutoencoder.terms, generative=True),
    Case("vae_gan", vae_gan, kv.VAEGAN.terms, range=UNIT, generative=True),
    Case("contractive", contractive(2), kv.ContractiveAutoencoder.terms),
    Case("contractive_exact", contractive(None), kv.ContractiveAutoencoder.terms, variant=True),
    Case("perceptual", perceptual, kv.PerceptualAutoencoder.terms, x=IMAGES),
    Case("rae", rae(), kv.RAE.terms),
    Case(
        "rae_gradient",
        rae(regularizer="gradient"),
        ("reconstruction", "code", "decoder_gradient"),
        variant=True,
    ),
    Case("free_bits_vae", free_bits_vae, kv.FreeBitsVAE.terms, range=UNIT, generative=True),
    Case(
        "conditional_vae",
        conditional_vae,
        x=(uniform(ROWS, *FEATURES), uniform(ROWS, 2, seed=1)),
        range=UNIT,
        **BOUND,
    ),
    Case(
        "semi_supervised",
        semi_supervised,
        kv.SemiSupervisedVAE.terms,
        x=(uniform(ROWS, *FEATURES), LABELED.astype("float32")),
        generative=True,
        range=UNIT,
    ),
    Case("lstm_autoencoder", lstm(kv.LSTMAutoencoder, False), x=SEQUENCES),
    Case("lstm_vae_masked", lstm(kv.LSTMVAE, True), x=MASKED, **BOUND),
    Case("transformer_autoencoder_masked", transformer(kv.TransformerAutoencoder, True), x=MASKED),
    Case("transformer_vae", transformer(kv.TransformerVAE, False), x=SEQUENCES, **BOUND),
    Case("tcn_autoencoder", tcn(kv.TCNAutoencoder, False), x=SEQUENCES),
    Case("tcn_vae_masked", tcn(kv.TCNVAE, True), x=MASKED, **BOUND),
    Case("time_vae", time_vae(), x=SEQUENCES, **BOUND),
    Case("time_vae_masked", time_vae(True), x=MASKED, **BOUND, variant=True),
    Case("lstm_autoencoder_tokens", token_lstm, x=(TOKENS, MASKED[1]), range=(0, WORDS - 1)),
    Case("transformer_vae_tokens", token_transformer, x=TOKENS, range=(0, WORDS - 1), **BOUND),
    Case("vq_vae", vq_vae, kv.VQVAE.terms, x=IMAGES, measures=("perplexity",), fixed=False),
    Case(
        "residual_vq_vae",
        residual_vq_vae,
        kv.VQVAE.terms,
        x=IMAGES,
        measures=("perplexity",),
        fixed=False,
    ),
    Case("compressive", compressive, kv.CompressiveAutoencoder.terms),
    Case("fsq", fsq, measures=("perplexity",)),
    Case("flow_vae", flow_vae, range=UNIT, **BOUND),
    Case("iaf_vae", iaf_vae, range=UNIT, **BOUND),
    Case("planar_vae", directed_flow_vae(), range=UNIT, **BOUND),
    Case("radial_vae", directed_flow_vae(flow_kind="radial"), range=UNIT, **BOUND),
    Case("ladder_vae", ladder_vae, FREE_BITS, range=UNIT, generative=True),
    Case(
        "masked_autoencoder",
        masked_autoencoder,
        kv.MaskedAutoencoder.terms,
        x=uniform(ROWS, *PATCHED),
    ),
    Case("tabular_vae", tabular_vae, x=table(), **BOUND),
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
    *("lstm_autoencoder_tokens", "transformer_vae_tokens", "residual_vq_vae", "radial_vae"),
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
