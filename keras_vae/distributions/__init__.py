"""Distributions over one event for each row of a batch.

Axis 0 is the batch and every other axis is the event. `log_prob` and `kl` therefore return shape
`(batch,)`, in nats: sums over the event, never means.
"""

import difflib
from typing import Any

import keras

from keras_vae.distributions.autoregressive import Autoregressive
from keras_vae.distributions.base import Distribution, parameters, sum_event
from keras_vae.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from keras_vae.distributions.beta_binomial import BetaBinomial
from keras_vae.distributions.categorical import Categorical
from keras_vae.distributions.counts import NegativeBinomial, Poisson
from keras_vae.distributions.laplace import Laplace
from keras_vae.distributions.logistic import DiscretizedLogistic, DiscretizedLogisticMixture
from keras_vae.distributions.masked import Masked
from keras_vae.distributions.mixed import Mixed
from keras_vae.distributions.normal import Normal, NormalLearnedScale, NormalPerElement
from keras_vae.distributions.positive import Gamma, LogNormal
from keras_vae.distributions.student_t import StudentT
from keras_vae.distributions.suggestion import suggest
from keras_vae.distributions.von_mises import VonMises
from keras_vae.distributions.zero_inflated import (
    ZeroInflatedNegativeBinomial,
    ZeroInflatedPoisson,
)
from keras_vae.errors import UsageError

__all__ = [
    "FAMILIES",
    "Autoregressive",
    "Bernoulli",
    "BetaBinomial",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Distribution",
    "Gamma",
    "Laplace",
    "LogNormal",
    "Masked",
    "Mixed",
    "NegativeBinomial",
    "Normal",
    "NormalLearnedScale",
    "NormalPerElement",
    "Poisson",
    "StudentT",
    "VonMises",
    "ZeroInflatedNegativeBinomial",
    "ZeroInflatedPoisson",
    "get",
    "parameters",
    "suggest",
    "sum_event",
]

FAMILIES: dict[str, type[Distribution]] = {
    "bernoulli": Bernoulli,
    "beta_binomial": BetaBinomial,
    "categorical": Categorical,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretized_logistic": DiscretizedLogistic,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "gamma": Gamma,
    "laplace": Laplace,
    "log_normal": LogNormal,
    "negative_binomial": NegativeBinomial,
    "normal": Normal,
    "normal_learned_scale": NormalLearnedScale,
    "normal_per_element": NormalPerElement,
    "poisson": Poisson,
    "student_t": StudentT,
    "von_mises": VonMises,
    "zero_inflated_negative_binomial": ZeroInflatedNegativeBinomial,
    "zero_inflated_poisson": ZeroInflatedPoisson,
}

# The form of the names that hold the largest count.
BETA_BINOMIAL = "beta_binomial_N"


def get(identifier: str | type[Distribution]) -> Any:
    """Return the distribution class of a name; a class is returned as it is.

    Example:
        >>> keras_vae.distributions.get("laplace").__name__
        'Laplace'

    Args:
        identifier: A key of `FAMILIES`, a class, or the name of a class, as in a saved model; or
            "beta_binomial_20", for counts of at most 20. Pass a class of your own to `load_model`
            as a custom object, so that its name is found.

    Raises:
        ValueError: If no distribution has that name.
    """
    found = _find_class(identifier) if isinstance(identifier, str) else identifier
    is_family = isinstance(found, type) and issubclass(found, Distribution)
    if is_family and found is not Distribution:  # Which has no density.
        return found
    near = difflib.get_close_matches(str(identifier), FAMILIES, n=1)
    advice = " (Of a class of your own: pass the class, and to load a file, custom_objects.)"
    if str(identifier).startswith("beta_binomial"):
        advice = " (N is the largest count, a whole number from 1, such as 'beta_binomial_20'.)"
    elif near:
        advice = f" (Did you mean {near[0]!r}?)"
    raise UsageError(
        f"Expected the name of a distribution, one of {sorted([*FAMILIES, BETA_BINOMIAL])}, or a "
        f"subclass of keras_vae.distributions.Distribution. Received: {identifier!r}.{advice}"
    )


def _find_class(name: str) -> Any:
    classes = {family.__name__: family for family in FAMILIES.values()}
    known = {**FAMILIES, **classes}.get(name)
    known = known or BetaBinomial.from_name(name) or Mixed.from_name(name)
    return known or keras.saving.get_registered_object(name)
