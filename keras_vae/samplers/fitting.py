"""The fit of a sampler to the codes of a model."""

import dataclasses
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.samplers import mixture
from keras_vae.samplers.base import Sampler
from keras_vae.samplers.files import KINDS, MOST_ROUNDS
from keras_vae.samplers.network import NetworkSampler
from keras_vae.samplers.training import train
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, objects
from keras_vae.validation.containers import refuse_masked, to_array

MIXTURE = "mixture"
SMALLEST_DEVIATION = 1e-6
MOST_CLASSES = 10_000


def fit_prior(
    model: LatentModel,
    x: Any,
    labels: Any,
    prior: str,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    verbose: Any = "auto",
    callbacks: Any = None,
    **settings: Any,
) -> Sampler:
    """Return a sampler of the codes of `x`; see `Autoencoder.fit_prior`."""
    arguments.choice("prior", prior, (MIXTURE, *KINDS))
    if prior == MIXTURE:
        more = {"batch_size": batch_size, "callbacks": callbacks}
        settings |= {name: value for name, value in more.items() if value is not None}
        return _fit_mixture(model, x, labels, epochs, seed, settings)
    kind = KINDS[prior]
    _check_codes(model, kind)
    seed = arguments.integer("seed", seed, 0)
    batch_size = arguments.integer("batch_size", 128 if batch_size is None else batch_size)
    epochs = arguments.integer("epochs", kind.epochs if epochs is None else epochs)
    sizes, others = _settings(kind, settings)
    verbose = arguments.verbose(verbose)
    callbacks = objects.callbacks(() if callbacks is None else callbacks)
    classes = _labels(model, labels)
    if classes is None and others.get("guidance", 1.0) != 1.0:
        raise UsageError(
            "Expected labels with a guidance, which strengthens their classes. Received: "
            f"guidance={others['guidance']:g} alone. (model.fit_prior(x, labels, prior={prior!r}).)"
        )
    codes = mixture.sample_posterior(model, x, seed)
    if classes is not None and len(classes) != len(codes):
        raise UsageError(
            f"Expected labels of one integer for each of {len(codes)} examples. Received: "
            f"{len(classes)}."
        )
    count = 0 if classes is None else int(classes.max()) + 1
    size = kind.size_for(
        tuple(model.latent_shape), getattr(model, "codebook_size", None), count, **sizes
    )
    if kind.is_real:
        others |= _moments(codes, size)
    sampler = kind(size, kind.initial_weights(size, seed), **others)
    weights = train(sampler, codes, classes, epochs, batch_size, seed, verbose, callbacks)
    return dataclasses.replace(sampler, weights=weights)


def _fit_mixture(
    model: LatentModel, x: Any, labels: Any, epochs: Any, seed: int, settings: dict[str, Any]
) -> Sampler:
    given = [n for n, v in {"labels": labels, "epochs": epochs}.items() if v is not None]
    if given:
        raise UsageError(
            "Expected neither labels nor epochs for prior='mixture', the default, which has no "
            f"classes and is fitted at once. Received: {' and '.join(given)}. (prior='flow' learns "
            "classes, and for integer codes 'autoregressive' and 'masked'.)"
        )
    _refuse_unknown(settings, ("components", "covariance", "batch_size"))
    return fit_mixture_of(model, x, seed=seed, **settings)


def fit_mixture_of(
    model: LatentModel,
    x: Any,
    components: int = 10,
    covariance: str = "full",
    seed: int = 0,
    batch_size: int | None = None,
) -> mixture.MixtureSampler:
    """Return a mixture of Gaussians of the codes of `x`; see `Autoencoder.fit_sampler`."""
    if model.latent_dtype != "float32":
        raise UsageTypeError(
            "Expected a model whose codes are real numbers, as Gaussians are. "
            f"Received: {type(model).__name__}, whose codes are {model.latent_dtype}. "
            "(model.fit_prior(x, prior='autoregressive') takes integers.)"
        )
    codes = mixture.sample_posterior(model, x, seed, batch_size)
    return mixture.fit_mixture(codes, components, covariance, seed)


def _settings(
    kind: type[NetworkSampler], given: dict[str, Any]
) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the sizes of the network, and the other settings of a sampler."""
    has_rounds = any(field.name == "rounds" for field in dataclasses.fields(kind))
    more = {"guidance": kind.is_guided, "rounds": has_rounds}
    _refuse_unknown(given, (*kind.defaults, *(name for name, known in more.items() if known)))
    least = {"width": 2, "blocks": kind.fewest_blocks}
    sizes = {
        name: arguments.integer(name, given.get(name, default), least.get(name, 1))
        for name, default in kind.defaults.items()
    }
    if "heads" in sizes and (sizes["width"] % sizes["heads"] or sizes["width"] % 2):
        raise UsageError(
            "Expected an even width that heads divide. Received: "
            f"width={sizes['width']}, heads={sizes['heads']}."
        )
    others: dict[str, Any] = {}
    if "guidance" in given:
        others["guidance"] = float(arguments.real("guidance", given["guidance"]))
    if "rounds" in given:
        others["rounds"] = arguments.integer("rounds", given["rounds"])
        if others["rounds"] > MOST_ROUNDS:
            raise UsageError(
                f"Expected at most {MOST_ROUNDS} rounds. Received: rounds={others['rounds']}."
            )
    return sizes, others


def _refuse_unknown(given: dict[str, Any], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise UsageTypeError(
            f"Expected settings among {', '.join(known)} for this prior. Received: "
            f"{', '.join(unknown)}."
        )


def _check_codes(model: LatentModel, kind: type[NetworkSampler]) -> None:
    is_real = model.latent_dtype == "float32"
    if not is_real and getattr(model, "codebook_size", None) is None:
        raise UsageTypeError(
            "Expected real codes, or integers of a codebook. Received: "
            f"{type(model).__name__}, whose integers have no largest one. (Its entropy model is a "
            "prior of its own: see keras_vae.compression.)"
        )
    if is_real != kind.is_real:
        wanted = "real numbers" if kind.is_real else "integers, as those of VQVAE and FSQ"
        advice = "flow' or 'mixture" if is_real else "autoregressive' or 'masked"
        raise UsageTypeError(
            f"Expected codes of {wanted} for prior={kind.name!r}. Received: "
            f"{type(model).__name__}, whose codes are {model.latent_dtype}. (prior='{advice}' "
            "takes them.)"
        )


def _labels(model: Any, labels: Any) -> np.ndarray | None:
    """Return the class of each example, int32 `(count,)`, or None."""
    if labels is None:
        return None
    if getattr(model, "conditional", False):
        raise UsageTypeError(
            f"Expected no labels: {type(model).__name__} takes a condition itself. Received: "
            "labels. (Leave them out; sample(condition=...) gives the decoder its condition.)"
        )
    refuse_masked("labels", labels)
    found = to_array("labels", labels)
    if found.ndim == 2 and found.shape[1] == 1:  # As keras.datasets gives them.
        found = found[:, 0]
    if found.dtype.kind not in "iu" or found.ndim != 1 or not found.size:
        raise UsageError(
            "Expected labels of one integer for each example. Received: "
            f"{found.dtype} of shape {found.shape}. (Names and numbers with gaps are numbered by "
            "numpy.unique(labels, return_inverse=True)[1], one-hot rows by labels.argmax(-1), and "
            'whole floats by labels.astype("int32").)'
        )
    if not 0 <= found.min() <= found.max() < MOST_CLASSES:
        raise UsageError(
            f"Expected labels from 0 to {MOST_CLASSES - 1}. Received: {found.min()} to "
            f"{found.max()}. (numpy.unique(labels, return_inverse=True)[1] numbers classes from 0.)"
        )
    if len(empty := np.setdiff1d(np.arange(found.max()), found)):
        more = ", ..." if len(empty) > 5 else ""
        raise UsageError(
            f"Expected an example of each class from 0 to {found.max()}. Received: none of "
            f"{', '.join(map(str, empty[:5]))}{more}. (numpy.unique(labels, "
            "return_inverse=True)[1] numbers the classes of these labels without gaps.)"
        )
    return found.astype("int32")


def _moments(codes: np.ndarray, size: Any) -> dict[str, np.ndarray]:
    """Return mean and standard deviation of codes, each `(places, outputs)`."""
    rows = codes.reshape(len(codes), size.places, size.outputs).astype("float64")
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    return {
        "mean": mean.astype("float32"),
        "scale": np.maximum(scale, SMALLEST_DEVIATION).astype("float32"),
    }
