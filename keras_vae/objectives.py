"""Pure functions that objectives share, on tensors of any backend."""

import math
from typing import Any

from keras import ops

from keras_vae.distributions import Normal

Tensor = Any


def log_mean_exp(x: Tensor, axis: int = -1) -> Tensor:
    """Log of the mean of exp(x) along `axis`, without overflow."""
    return ops.logsumexp(x, axis=axis) - math.log(x.shape[axis])


def repeated(q: Normal, times: int) -> Normal:
    """`q` with each row `times` times in a row: draws of it are several draws for each example."""
    mean, log_var = (ops.repeat(part, times, axis=0) for part in (q.mean, q.log_var))
    return Normal(mean, log_var)
