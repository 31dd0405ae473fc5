"""log p(x) of models with two latent dimensions by quadrature, to check other estimates."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae.acceleration.batching import CompiledFunction, default_batch_size, map_batches
from keras_vae.errors import UsageError
from keras_vae.estimators.numerics import log_mean_exp
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, containers, data_checks, value_checks
from keras_vae.validation.examples import as_arrays


def quadrature_log_likelihood(
    model: LatentModel, x: Any, points: int = 200, limit: float = 5.0
) -> np.ndarray:
    """Integrate p(x | z) p(z) over a square grid of codes and return the log.

    The rectangle rule is exact to many digits once the grid is finer than the standard deviation of
    the posterior. The square must hold nearly all the mass of p(x | z) p(z).

    Example:
        >>> networks = keras_vae.nets.dense((28, 28, 1), latent_dim=2, heads=2)
        >>> small = keras_vae.VAE(*networks)
        >>> keras_vae.estimators.quadrature_log_likelihood(small, test, points=50).shape
        (32,)

    Args:
        model: A built model with `prior(z)` and `observation(z)` and two latent dimensions.
        x: Examples, `(count, *event_shape)`. Each costs points^2 densities: use about a hundred.
        points: Points of the grid in each dimension.
        limit: The grid covers [-limit, limit] in each dimension.

    Returns:
        float64 `(count,)`, in nats.

    Raises:
        ValueError: If the codes are not two numbers, or the examples do not fit the model.
    """
    containers.refuse_batches("x", x)
    containers.refuse_masked("x", x)
    x = np.asarray(as_arrays(x))
    data_checks.check_batch(model, x)
    points = arguments.integer("points", points, 2)
    if tuple(model.latent_shape) != (2,) or arguments.real("limit", limit) <= 0:
        raise UsageError(
            "Expected a model with codes of shape (2,) and a limit above 0. Received: codes of "
            f"shape {tuple(model.latent_shape)}, limit={limit!r}."
        )
    edge = (np.arange(points) + 0.5) / points * (2.0 * limit) - limit
    grid = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2).astype("float32")
    size = min(default_batch_size(model.event_shape), len(grid))
    compute = CompiledFunction(model, lambda z: _log_joint(model, z, x))
    log_joint = map_batches(compute.predict_on_batch, (grid,), size)
    value_checks.refuse_nan(model, "log likelihoods", log_joint)
    return log_mean_exp(log_joint, axis=0) + 2.0 * np.log(2.0 * limit)


def _log_joint(model: LatentModel, z: Tensor, x: np.ndarray) -> Tensor:
    """Return log p(x, z), `(len(z), len(x))`."""
    p = model.observation(z)
    log_prior = model.prior(z).log_prob(z)

    def one_example(x: Tensor) -> Tensor:
        return p.log_prob(ops.repeat(x[None], z.shape[0], axis=0)) + log_prior

    return ops.transpose(ops.map(one_example, ops.convert_to_tensor(x, dtype="float32")))
