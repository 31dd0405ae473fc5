"""Distributions over one event for each row of a batch.

One rule of shapes: axis 0 is the batch and every other axis is the event, so `log_prob` and `kl`
return shape `(batch,)`, in nats, summed over the event and never averaged over it.
"""

import difflib
from typing import Any

import keras

from keras_vae.distributions.autoregressive import Autoregressive
from keras_vae.distributions.base import Distribution, parameters, sum_event
from keras_vae.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from keras_vae.distributions.categorical import Categorical
from keras_vae.distributions.laplace import Laplace
from keras_vae.distributions.logistic import DiscretizedLogistic, DiscretizedLogisticMixture
from keras_vae.distributions.masked import Masked
from keras_vae.distributions.normal import Normal, NormalLearnedScale, NormalPerElement

__all__ = [
    "FAMILIES",
    "Autoregressive",
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Distribution",
    "Laplace",
    "Masked",
    "Normal",
    "NormalLearnedScale",
    "NormalPerElement",
    "get",
    "parameters",
    "sum_event",
]

FAMILIES: dict[str, type[Distribution]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretized_logistic": DiscretizedLogistic,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "laplace": Laplace,
    "normal": Normal,
    "normal_learned_scale": NormalLearnedScale,
    "normal_per_element": NormalPerElement,
}


def get(identifier: str | type[Distribution]) -> Any:
    """The distribution class of a name; a class is given back as it is.

    Args:
        identifier: A key of `FAMILIES`, a class, or, as in a saved model, the name of a class; one
            of your own is found if you give it to `load_model` as a custom object.

    Raises:
        ValueError: If no distribution has that name.
    """
    found = _named(identifier) if isinstance(identifier, str) else identifier
    if isinstance(found, type) and issubclass(found, Distribution):
        return found
    near = difflib.get_close_matches(str(identifier), FAMILIES, n=1)
    raise ValueError(
        f"Expected the name of a distribution, one of {sorted(FAMILIES)}, or a subclass of "
        f"keras_vae.distributions.Distribution. Received: {identifier!r}."
        + (f" (Did you mean {near[0]!r}?)" if near else "")
    )


def _named(name: str) -> Any:
    classes = {family.__name__: family for family in FAMILIES.values()}
    return {**FAMILIES, **classes}.get(name) or keras.saving.get_registered_object(name)
