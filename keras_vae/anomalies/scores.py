"""Anomaly scores: higher is more unusual, and none is random."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.estimators.likelihood import log_weight
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, objects
from keras_vae.validation.examples import first_input


def reconstruction(detector: Any, x: Tensor) -> Tensor:
    """Return -log p(x | z) at the code of x, `(batch,)`, in nats."""
    return detector.model.score_terms(x)["reconstruction"]


def elbo(detector: Any, x: Tensor) -> Tensor:
    """Return the model's own score, minus the bound at the posterior mean, `(batch,)`, in nats."""
    return detector.model.score(x)


def likelihood(detector: Any, x: Tensor) -> Tensor:
    """Return minus the importance-weighted bound on log p(x), `(batch,)`, in nats.

    Source: Burda et al. 2016 (arXiv:1509.00519), equation 8. All examples share the noise, which is
        a
    function of the seed. The score of an example therefore does not depend on its batch.
    """
    model, samples = detector.model, detector.samples
    seeds = random.row_seeds(samples, detector.seed)
    size = int(np.prod(model.latent_shape))
    noise = random.standard_normal(seeds, size)
    # All samples of an example are in one batch: LiteRT has no builtin op for a loop.
    copies = keras.tree.map_structure(lambda part: ops.repeat(part, samples, axis=0), x)
    noise = ops.tile(noise, (ops.shape(first_input(x))[0], 1))
    noise = ops.reshape(noise, (-1, *model.latent_shape))
    weights = log_weight(model, copies, model.posterior(copies), noise)
    return np.log(samples) - ops.logsumexp(ops.reshape(weights, (-1, samples)), axis=1)


def latent(detector: Any, x: Tensor) -> Tensor:
    """Return the distance of the code of x from the codes of the training data, `(batch,)`."""
    check_reference(detector)
    codes = detector.model.encode(x)
    size = int(np.prod(detector.model.latent_shape))
    return detector.reference.distance(ops.reshape(codes, (-1, size)))


SCORES: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "reconstruction": reconstruction,
    "elbo": elbo,
    "likelihood": likelihood,
    "latent": latent,
}


# What a score is summed over; see `AnomalyDetector`.
PER = ("example", "step")


def choose_per(model: Any, score: str, per: str | None) -> str:
    """Return what scores are summed over: `per`, or the default of the model and the score.

    Raises:
        ValueError: If there is no such choice, or "step" is asked for a distance, or for a model
            without a mask.
    """
    steps = hasattr(model, "present_steps") and model.conditional and score != "latent"
    if per is None:
        return "step" if steps else "example"
    if arguments.choice("per", per, PER) == "step" and not steps:
        raise UsageError(
            "Expected a score in nats of a model of sequences that takes a mask (masked=True) for "
            f"per='step'. Received: score={score!r} of a {type(model).__name__}. (Leave per out.)"
        )
    return per


def per_step(detector: Any, x: Tensor, scores: Tensor) -> Tensor:
    """Divide scores by the number of present steps, `(batch,)`, to nats per step.

    The units of missing values count as those of present ones do, so a gap of a sensor with large
    numbers changes no score for its unit.
    """
    model = detector.model
    scores = scores / model.present_steps(x)
    if not model.preprocess:
        return scores
    return scores + sum_event(model.present_units(x)) / model.present_steps(x) - model.all_units()


def per_feature(detector: Any, x: Tensor, steps: Tensor) -> Tensor:
    """Divide scores of steps, `(batch, time)`, by the share of their features that are present.

    Units count as in `per_step`. A step without any feature scores 0.
    """
    model = detector.model
    shares = model.present_shares(x)
    if not model.preprocess:
        return steps / shares
    units = model.present_units(x)
    whole = steps / shares + units / shares - model.all_units()
    return ops.where(model.has_values(x), whole, ops.zeros_like(whole))


# The score that uses a setting of the detector, and the value that counts as not given.
SETTINGS = {"samples": ("likelihood", 16), "neighbors": ("latent", None), "seed": ("likelihood", 0)}


def unused_settings(score: str) -> set[str]:
    """Return the names of the settings that a score does not use."""
    return {name for name, (user, _) in SETTINGS.items() if user != score}


def check_settings(score: str, **given: Any) -> None:
    """Raise ValueError if a setting is given that the score does not use."""
    for name in sorted(unused_settings(score)):
        user, default = SETTINGS[name]
        if given[name] != default:
            raise UsageError(
                f"Expected no {name} for score={score!r}, which does not use it. Received: "
                f"{name}={given[name]!r}. (Leave it out, or choose score={user!r}.)"
            )


def check_reference(detector: Any) -> None:
    """Raise ValueError if the score needs the codes of the training data and has none."""
    if detector.score_name == "latent" and detector.reference is None:
        raise UsageError(
            "Expected a detector that knows the codes of the training data. Received: one that "
            "has seen none. (Call detector.adapt(training_data) first.)"
        )


def check_score(model: LatentModel, score: str) -> None:
    """Raise unless the score can be computed for `model`.

    Raises:
        ValueError: If there is no such score.
        TypeError: If the model is no autoencoder, has no bound, or its codes are no real numbers.
    """
    objects.autoencoder(model, Autoencoder)
    if not isinstance(score, str) or score not in SCORES:
        raise UsageError(f"Expected score to be one of {list(SCORES)}. Received: {score!r}.")
    if score in ("elbo", "likelihood") and not hasattr(model, "posterior"):
        raise UsageTypeError(
            f"Expected a model with a posterior for score={score!r}, such as keras_vae.VAE. "
            f"Received: {type(model).__name__}. (score='reconstruction' takes any model.)"
        )
    if score == "latent" and model.latent_dtype != "float32":
        raise UsageTypeError(
            "Expected a model whose codes are real numbers for score='latent'. Received: "
            f"{type(model).__name__}, whose codes are {model.latent_dtype}."
        )
