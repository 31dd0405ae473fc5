"""Configurations of models for fuzzing, as plain data that print themselves: names and arguments.

A configuration is a model class, networks, arguments, a precision, an optimizer and data. Most are
meant to fit together, in any combination; some have one thing that is out of place.
"""

import dataclasses
import functools
import inspect
import math
from typing import Any

import keras
import numpy as np
from hypothesis import strategies as st

import keras_vae as kv
from tests.support.models import uniform

MODELS = sorted(
    name
    for name in kv.__all__
    if isinstance(getattr(kv, name), type) and issubclass(getattr(kv, name), kv.Autoencoder)
)
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "lion")
IMAGES = [(6, 5, 1), (4, 4, 2), (1, 1, 1)]
SEQUENCES = [(4, 2), (1, 1)]
GRIDS = [*IMAGES, *SEQUENCES, (3, 2, 4, 1)]
SHAPES = [(6,), (1,), *SEQUENCES, *IMAGES]


@dataclasses.dataclass(frozen=True)
class Make:
    """A call of something in keras_vae by name, made only when it is needed."""

    name: str
    arguments: dict[str, Any]

    def __call__(self) -> Any:
        found: Any = functools.reduce(getattr, self.name.split("."), kv)
        return found(**{key: made(value) for key, value in self.arguments.items()})

    def __repr__(self) -> str:
        return f"kv.{self.name}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"


def made(value: Any) -> Any:
    """`value`, with the calls in it made."""
    if isinstance(value, dict):
        return {key: made(one) for key, one in value.items()}
    return value() if isinstance(value, Make) else value


# Networks: a builder, good arguments, and which outputs a model and a likelihood ask for.

HIDDEN = [(5,), (), (3, 4)]
BUILDERS: dict[str, dict[str, list]] = {
    "dense": {"shape": SHAPES, "latent_dim": [3, 1], "hidden": HIDDEN},
    "gated_dense": {"shape": SHAPES, "latent_dim": [3, 1], "hidden": [(5,), (3, 4)]},
    "conv": {"image_shape": GRIDS, "latent_dim": [3], "filters": [(2,), (2, 3)], "hidden": [4]},
    "conv_map": {"image_shape": GRIDS, "latent_channels": [3, 1], "filters": [(2,), (2, 3)]},
    "lstm": {
        "shape": SEQUENCES,
        "latent_dim": [3],
        "units": [(3,), (2, 3)],
        "masked": [False, True],
        "bidirectional": [True, False],
    },
    "transformer": {
        "shape": SEQUENCES,
        "latent_dim": [3],
        "width": [4],
        "blocks": [1],
        "attention_heads": [2, 1],
        "masked": [False, True],
    },
    "conditional": {
        "builder": [kv.nets.dense, kv.nets.conv],
        "shape": [(6,), *IMAGES],
        "latent_dim": [3],
        "condition_dim": [2, 1],
        "hidden": [(5,)],
    },
    "gated_ladder": {"shape": SHAPES, "latent_dims": [(2, 3), (1,)], "width": [4]},
    "conv_ladder": {
        "image_shape": IMAGES,
        "latent_dim": [2],
        "latent_channels": [2],
        "filters": [(2,)],
        "levels": [(1,), (0,)],
    },
}
ONE_HEAD = {
    "AdversarialAutoencoder", "Autoencoder", "CompressiveAutoencoder", "ContractiveAutoencoder",
    "DenoisingAutoencoder", "FSQ", "RAE", "SparseAutoencoder", "VQVAE", "WAE",
}  # fmt: skip
SUITED = {"ConditionalVAE": ["conditional"], "LadderVAE": ["gated_ladder", "conv_ladder"]}
USUAL = ["dense", "dense", "gated_dense", "conv", "conv_map"]

# Arguments of models by name: values that are meant to be good, and others.

SCHEDULE = Make("schedules.LinearWarmUp", {"steps": 10})
WEIGHTS = [
    1.0,
    0.0,
    0.5,
    3,
    SCHEDULE,
    Make("schedules.CosineWarmUp", {"steps": 3, "start": 0.1}),
    Make("schedules.SigmoidWarmUp", {"steps": 3, "delay": 2}),
    Make("schedules.CyclicalWarmUp", {"steps": 4, "cycles": 2}),
    Make("controllers.FreeBits", {"nats": 0.1}),
    Make("controllers.Capacity", {"nats": SCHEDULE, "gamma": 10.0}),
    Make("controllers.Geco", {"target": 2.0}),
]
TERMS = ("reconstruction", "kl", "iwae", "mmd", "sparsity", "rate", "total_correlation", "hidden")
PRIORS = [
    Make("priors.MixturePrior", {"components": 3, "seed": 2}),
    Make("priors.MixturePrior", {"components": 1, "spread": 0.0}),
    Make("priors.FlowPrior", {"couplings": 2, "hidden": (4,), "seed": 2}),
]
CORRUPTIONS = [
    None,
    Make("layers.MaskingNoise", {"rate": 0.5, "seed": 1}),
    Make("layers.SaltAndPepperNoise", {"rate": 0.4}),
    Make("layers.RectangleOcclusion", {"height": 1, "width": 1}),
    Make("layers.HalfOcclusion", {}),
    Make("layers.PatchOcclusion", {"patch": 2}),
]
DISCRIMINATORS = [None, Make("nets.dense_encoder", {"shape": (3,), "latent_dim": 1, "hidden": ()})]

CLASSIFIERS = [
    Make("nets.dense_encoder", {"shape": shape, "latent_dim": 3, "hidden": ()})
    for shape in ((6,), (4, 4, 2))
]

GOOD: dict[str, list] = {
    "likelihood": [
        *(name for name, family in kv.distributions.FAMILIES.items() if not family.whole),
        *("Normal", kv.distributions.Laplace),
    ],
    **dict.fromkeys(
        (
            "beta", "code_weight", "decoder_weight", "mmd_weight", "gamma", "contraction_weight",
            "sparsity_weight", "visible_weight",
        ),
        WEIGHTS,
    ),
    **dict.fromkeys(("commitment", "alpha", "lambda_", "rate_weight"), [1.0, 0.25, 0.0, 2]),
    "loss_weights": [
        None, {}, {"reconstruction": 0.5}, {"kl": SCHEDULE}, {"reconstruction": WEIGHTS[-1]},
    ],
    "seed": [0, 1, None],
    "name": ["vae", None],
    "samples": [1, 3],
    "gradient": ["iwae", "dreg", "piwae"],
    "groups": [1, 2],
    "elbo_share": [0.0, 0.5],
    "dataset_size": [1, 13],
    "stratified": [True, False],
    "components": [1, 4],
    "learned_prior": PRIORS,
    "flow_steps": [1, 2],
    "hidden": [(4,), (3, 3)],
    "nats": [0.0, 0.25],
    "free_bits": [0.0, 0.1],
    "kernel": ["imq", "rbf"],
    "scale": [None, 2.0],
    "discriminator": DISCRIMINATORS,
    "classifier": CLASSIFIERS,
    "probes": [1, 2, None],
    "penalty": ["l1", "kl", "top_k"],
    "target": [0.05, 0.9],
    "k": [1, 2, None],
    "corruption": CORRUPTIONS,
    "codebook_size": [1, 4],
    "decay": [0.99, 0.0],
    "restart": [0.05, 0.0],
    "levels": [(3, 2, 4), (5, 5, 5)],
    "image_shape": IMAGES,
    "shape": SEQUENCES,
    "latent_dim": [3, 1],
    "latent_channels": [2],
    "filters": [(2,), (2, 3)],
    "masked": [False, True],
    "units": [(3,), (2, 2)],
    "bidirectional": [True, False],
    "unroll": [False, True],
    "width": [4, 8],
    "blocks": [1],
    "decoder_blocks": [1],
    "attention_heads": [2, 1],
    "patch": [1, 2, 4],
    "mask_ratio": [0.5, 0.0, 0.75],
}  # fmt: skip
# Sizes whose defaults would make networks large, or that have none.
ALWAYS = {
    "image_shape", "shape", "latent_dim", "filters", "hidden", "units", "width", "blocks",
    "decoder_blocks", "attention_heads", "patch", "components", "codebook_size", "dataset_size",
    "learned_prior", "levels", "latent_channels", "discriminator", "classifier",
}  # fmt: skip
ODD = [
    None, 0, -1, -0.5, 1.5, 2.5, True, 10**6 + 0.5, math.nan, math.inf, "", "large", (), (0,),
    (-2, 3), (2.5,), [], [3], {}, {"kll": 1.0}, {"kl": None}, (2, 2, 2, 2), np.float32(0.5),
    np.int64(2), np.ones(2),
    Make("controllers.FreeBits", {"nats": -1.0}), Make("layers.MaskingNoise", {"rate": 2.0}),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One case.

    Attributes:
        model: Name of a class.
        networks: The call that makes encoder and decoder, or None where the class makes them.
        arguments: Of the class, without the networks.
        policy: Name of a dtype policy.
        optimizer: Name of an optimizer.
        rows: Examples in the batch.
        weights: Sample weights: None, "ones" or "zeros".
    """

    model: str
    networks: Make | None
    arguments: dict[str, Any]
    policy: str = "float32"
    optimizer: str = "sgd"
    rows: int = 4
    weights: str | None = None

    def construct(self) -> Any:
        """The model."""
        keras.utils.set_random_seed(3)
        keras.config.set_dtype_policy(self.policy)
        networks = self.networks() if self.networks else ()
        return Make(self.model, {**self.arguments, **self._pair(networks)})()

    def _pair(self, networks: Any) -> dict[str, Any]:
        return dict(zip(("encoder", "decoder"), networks, strict=False))

    def data(self, model: Any) -> Any:
        """An input of the model, in [0, 1]: an array, or a pair with a condition or a mask."""
        x, *others = [
            uniform(self.rows, *i.shape[1:], seed=n) for n, i in enumerate(model.encoder.inputs)
        ]
        if not others:
            return x
        if getattr(model, "condition_name", "") == "mask":
            others = [(np.arange(x.shape[1]) <= np.arange(self.rows)[:, None]).astype("float32")]
        return (x, *others)

    def sample_weights(self) -> np.ndarray | None:
        """One for each example."""
        return None if self.weights is None else getattr(np, self.weights)(self.rows, "float32")


@st.composite
def configurations(draw: Any) -> Configuration:
    """Any configuration."""
    name = draw(st.sampled_from(MODELS))
    signature = inspect.signature(getattr(kv, name)).parameters
    takes = [n for n in (*signature, "likelihood", "seed", "name") if n in GOOD]
    needed = [n for n in takes if n in ALWAYS]
    chosen = draw(st.sets(st.sampled_from(sorted(set(takes) - set(needed))), max_size=4))
    arguments = {n: draw(st.sampled_from(GOOD[n])) for n in (*needed, *sorted(chosen))}
    odd = draw(st.integers(0, 9)) > 6
    if odd:
        arguments[draw(st.sampled_from(sorted(set(takes))))] = draw(st.sampled_from(ODD))
    networks = _networks(draw, name, arguments) if "encoder" in signature else None
    return Configuration(
        name,
        networks,
        arguments,
        draw(st.sampled_from(POLICIES)),
        draw(st.sampled_from(OPTIMIZERS)),
        draw(st.sampled_from([4, 1, 2])),
        draw(st.sampled_from([None, None, "ones", "zeros"])),
    )


def _networks(draw: Any, model: str, arguments: dict[str, Any]) -> Make:
    """Mostly networks with the outputs that the model and the likelihood take."""
    fits = draw(st.integers(0, 9)) < 9
    builder = draw(st.sampled_from(SUITED.get(model, USUAL) if fits else sorted(BUILDERS)))
    options = {n: draw(st.sampled_from(values)) for n, values in BUILDERS[builder].items()}
    if builder == "conditional" and options["builder"] is kv.nets.conv:
        options |= {"hidden": 4, "filters": (2,)}
    if "ladder" not in builder:
        options["heads"] = 1 if model in ONE_HEAD else 2
    options["decoder_heads"] = _decoder_heads(model, arguments)
    if not fits and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(options)))
        options[key] = draw(st.sampled_from(ODD))
    return Make(f"nets.{builder}", options)


def _decoder_heads(model: str, arguments: dict[str, Any]) -> int:
    default = inspect.signature(getattr(kv, model)).parameters.get("likelihood")
    name = arguments.get("likelihood", default.default if default else "normal")
    try:
        return kv.distributions.get(name).heads
    except ValueError:
        return 1
