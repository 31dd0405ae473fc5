"""The top-down half of a hierarchical VAE, with levels of codes that depend on those above.

Codes are in units of their prior. If level l has a prior p(v_l | levels above) with a mean and a
sigma, its code is z_l = (v_l - mean) / sigma. So the prior of all codes is a standard normal for
any depth. KL divergences and density ratios are those of v.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.base.recorded_init import RecordedInit
from keras_vae.distributions import Normal, parameters
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import data_checks

Shape = tuple[int, ...]


@keras.saving.register_keras_serializable("keras_vae")
class Level(RecordedInit, keras.layers.Layer):
    """One level of codes: its posterior, its prior, and its update of the state.

    The state holds all that lower levels know of the levels above. Below the top level, each
    network takes the state too.

    Example:
        >>> encoder, decoder = keras_vae.nets.gated_ladder((784,), latent_dims=(40, 20))
        >>> top, bottom = decoder.levels

    Args:
        posterior: Functional model from `features` of x, below the top from `[features, state]`,
            to `[mean, log_var]` of q(z | x, levels above), z in units of the prior.
        merge: Functional model from v, below the top from `[state, v]`, to the next state.
        prior: Functional model from the state to `[mean, log_var]` of p(v | levels above); None
            for a standard normal, as it is at the top.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If the shapes of the networks do not fit.
        TypeError: If a network is not a functional model.
    """

    def __init__(
        self,
        posterior: keras.Model,
        merge: keras.Model,
        prior: keras.Model | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.posterior = _check_functional("posterior", posterior)
        self.merge = _check_functional("merge", merge)
        self.prior = None if prior is None else _check_functional("prior", prior)
        *self.state_shape, self.code_shape = _shapes(merge.inputs)
        self.feature_shape = _shapes(posterior.inputs)[0]
        self.next_shape = _shapes(merge.outputs)[0]
        self._check()
        self.built = True

    def q(self, features: Tensor, state: Tensor | None, training: bool = False) -> Normal:
        """Return the posterior of this level, over codes `(batch, *code_shape)`."""
        inputs = features if state is None else [features, state]
        return Normal(*parameters(self.posterior(inputs, training=training)))

    def call(self, z: Tensor, state: Tensor | None = None, training: bool = False) -> Tensor:
        """Return the next state for codes `(batch, *code_shape)` and the state."""
        if self.prior is not None:
            p = Normal(*parameters(self.prior(state, training=training)))
            z = p.from_noise(z)
        return self.merge(z if state is None else [state, z], training=training)

    def _check(self) -> None:
        pair, state = [self.code_shape] * 2, self.state_shape
        name = f"of level {self.name!r}"
        _check_shapes(f"outputs of the posterior {name}", pair, _shapes(self.posterior.outputs))
        _check_shapes(
            f"states taken by the posterior {name}", state, _shapes(self.posterior.inputs)[1:]
        )
        if self.prior is not None:
            _check_shapes(f"outputs of the prior {name}", pair, _shapes(self.prior.outputs))
            _check_shapes(f"states taken by the prior {name}", state, _shapes(self.prior.inputs))


@keras.saving.register_keras_serializable("keras_vae")
class TopDown(RecordedInit, keras.layers.Layer):
    """The decoder of `keras_vae.LadderVAE`, from codes of all levels to parameters of p(x | z).

    Example:
        >>> encoder, decoder = keras_vae.nets.gated_ladder((784,), latent_dims=(40, 20))
        >>> type(decoder).__name__, len(decoder.levels)
        ('TopDown', 2)

    Args:
        levels: A `Level` for each level, from the top to the bottom.
        head: Functional model from the last state to the parameters of p(x | z).
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Attributes:
        sizes: Number of elements of the code of each level. A flat code holds them in this order.

    Raises:
        ValueError: If the shapes of the levels do not fit.
        TypeError: If `levels` are no levels, or `head` is no functional model.
    """

    def __init__(self, levels: Sequence[Level], head: keras.Model, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if not levels or not all(isinstance(level, Level) for level in levels):
            raise UsageTypeError(
                f"Expected at least one level, each a keras_vae.nets.Level. Received: {levels!r}."
            )
        self.levels = list(levels)
        self.head = _check_functional("head", head)
        self.sizes = [int(np.prod(level.code_shape)) for level in self.levels]
        given: list[Shape] = []
        for number, level in enumerate(self.levels):
            _check_shapes(f"states taken by level {number} from the top", given, level.state_shape)
            given = [level.next_shape]
        _check_shapes("inputs of the head", given, _shapes(self.head.inputs))
        self.built = True

    def call(self, z: Tensor, training: bool = False) -> Any:
        """Return parameters of p(x | z) for flat codes `(batch, sum(sizes))`."""
        data_checks.check_shape("z", z.shape, (sum(self.sizes),))
        parts = self.split(z)
        state = self.descend(lambda number, _: parts[number], training)
        return self.head(state, training=training)

    def descend(self, code: Callable[[int, Tensor | None], Tensor], training: bool) -> Tensor:
        """Run all levels from the top down, and return the last state.

        Args:
            code: Function from the number of a level and the state to the code of the level.
            training: Whether layers such as dropout are active.
        """
        state = None
        for number, level in enumerate(self.levels):
            state = level(code(number, state), state, training=training)
        return state

    def descend_posterior(
        self,
        features: Sequence[Tensor],
        choose: Callable[[int, Normal], Tensor],
        training: bool = False,
    ) -> tuple[list[Tensor], list[Normal], Tensor]:
        """Run all levels with codes that depend on their posteriors.

        Args:
            features: Outputs of the encoder for each level.
            choose: Function from the number of a level and its posterior to the code of the level.
            training: Whether layers such as dropout are active.

        Returns:
            The codes and the posteriors of the levels, and the last state.
        """
        codes: list[Tensor] = []
        posteriors: list[Normal] = []

        def code(number: int, state: Tensor | None) -> Tensor:
            posteriors.append(self.levels[number].q(features[number], state, training))
            codes.append(choose(number, posteriors[-1]))
            return codes[-1]

        state = self.descend(code, training)
        return codes, posteriors, state

    def descend_means(self, *features: Tensor) -> tuple[list[Tensor], list[Any], Tensor]:
        """Run all levels with the means of their posteriors, which are pairs in the result."""
        return _as_pairs(self.descend_posterior(features, lambda _, q: q.mean))

    def descend_noise(
        self, noise: Tensor, *features: Tensor
    ) -> tuple[list[Tensor], list[Any], Tensor]:
        """Run all levels with samples of their posteriors, which are pairs in the result."""
        parts = self.split(noise)
        return _as_pairs(
            self.descend_posterior(features, lambda number, q: q.from_noise(parts[number]))
        )

    def split(self, z: Tensor) -> list[Tensor]:
        """Split codes `(batch, sum(sizes))` into those of each level, `(batch, *code_shape)`."""
        parts, start = [], 0
        for level, size in zip(self.levels, self.sizes, strict=True):
            parts.append(ops.reshape(z[:, start : start + size], (-1, *level.code_shape)))
            start += size
        return parts


def _as_pairs(
    found: tuple[list[Tensor], list[Normal], Tensor],
) -> tuple[list[Tensor], list[Any], Tensor]:
    codes, posteriors, state = found
    return codes, [(q.mean, q.log_var) for q in posteriors], state


def _check_functional(name: str, network: Any) -> Any:
    if isinstance(network, keras.Model) and getattr(network, "inputs", None):
        return network
    raise UsageTypeError(
        f"Expected {name} to be a functional model, keras.Model(inputs, outputs). "
        f"Received: {network!r}."
    )


def _shapes(tensors: Sequence[Tensor]) -> list[Shape]:
    return [tuple(tensor.shape[1:]) for tensor in tensors]


def _check_shapes(what: str, wanted: Sequence[Shape], found: Sequence[Shape]) -> None:
    if list(wanted) != list(found):
        raise UsageError(
            f"Expected {what} to have the shapes {[*wanted]}. Received: {[*found]}. "
            "(Shapes are without the batch axis.)"
        )
