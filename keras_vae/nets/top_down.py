"""The top-down half of a hierarchical VAE: levels of codes, each of which depends on those above.

Codes are kept in the units of their prior: where level l has p(v_l | levels above) with a mean and
a sigma, its code is z_l = (v_l - mean) / sigma. The prior of all codes together is then a standard
normal, however deep the hierarchy, and the KL divergences and the density ratios are those of v.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import checks
from keras_vae.construction import Constructed
from keras_vae.distributions import Normal, parameters

Tensor = Any
Shape = tuple[int, ...]


@keras.saving.register_keras_serializable("keras_vae")
class Level(Constructed, keras.layers.Layer):
    """One level of codes: its posterior, its prior, and how it changes the state that goes down.

    Below the top, each network also takes the state, which stands for all levels above.

    Args:
        posterior: Functional model from `features` of x, below the top from `[features, state]`,
            to `[mean, log_var]` of q(z | x, levels above), z in units of the prior.
        merge: Functional model from v, below the top from `[state, v]`, to the next state.
        prior: Functional model from the state to `[mean, log_var]` of p(v | levels above); None
            for a standard normal, as it is at the top.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If the shapes of the networks do not meet.
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
        self.posterior = _functional("posterior", posterior)
        self.merge = _functional("merge", merge)
        self.prior = None if prior is None else _functional("prior", prior)
        *self.state_shape, self.code_shape = _shapes(merge.inputs)
        self.feature_shape = _shapes(posterior.inputs)[0]
        self.next_shape = _shapes(merge.outputs)[0]
        self._check()
        self.built = True

    def q(self, features: Tensor, state: Tensor | None, training: bool = False) -> Normal:
        """The posterior of this level, over codes `(batch, *code_shape)`."""
        inputs = features if state is None else [features, state]
        return Normal(*parameters(self.posterior(inputs, training=training)))

    def call(self, z: Tensor, state: Tensor | None = None, training: bool = False) -> Tensor:
        """The next state, from codes `(batch, *code_shape)` and the state."""
        if self.prior is not None:
            p = Normal(*parameters(self.prior(state, training=training)))
            z = p.from_noise(z)
        return self.merge(z if state is None else [state, z], training=training)

    def _check(self) -> None:
        pair, state = [self.code_shape] * 2, self.state_shape
        name = f"of level {self.name!r}"
        _meet(f"outputs of the posterior {name}", pair, _shapes(self.posterior.outputs))
        _meet(f"states taken by the posterior {name}", state, _shapes(self.posterior.inputs)[1:])
        if self.prior is not None:
            _meet(f"outputs of the prior {name}", pair, _shapes(self.prior.outputs))
            _meet(f"states taken by the prior {name}", state, _shapes(self.prior.inputs))


@keras.saving.register_keras_serializable("keras_vae")
class TopDown(Constructed, keras.layers.Layer):
    """The decoder of `keras_vae.LadderVAE`: from the codes of all levels to parameters of p(x | z).

    Args:
        levels: `Level`s from the top to the bottom.
        head: Functional model from the last state to the parameters of p(x | z).
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Attributes:
        sizes: Elements of the code of each level; a flat code has them one after the other.

    Raises:
        ValueError: If the shapes of the levels do not meet.
        TypeError: If what is given is not levels and a functional model.
    """

    def __init__(self, levels: Sequence[Level], head: keras.Model, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if not levels or not all(isinstance(level, Level) for level in levels):
            raise TypeError(
                f"Expected at least one level, each a keras_vae.nets.Level. Received: {levels!r}."
            )
        self.levels = list(levels)
        self.head = _functional("head", head)
        self.sizes = [int(np.prod(level.code_shape)) for level in self.levels]
        given: list[Shape] = []
        for number, level in enumerate(self.levels):
            _meet(f"states taken by level {number} from the top", given, level.state_shape)
            given = [level.next_shape]
        _meet("inputs of the head", given, _shapes(self.head.inputs))
        self.built = True

    def call(self, z: Tensor, training: bool = False) -> Any:
        """Parameters of p(x | z) from flat codes `(batch, sum(sizes))`."""
        checks.check_shape("z", z.shape, (sum(self.sizes),))
        parts = self.split(z)
        state = self.descend(lambda number, _: parts[number], training)
        return self.head(state, training=training)

    def descend(self, code: Callable[[int, Tensor | None], Tensor], training: bool) -> Tensor:
        """The last state, where `code(level number, state)` gives the code of each level."""
        state = None
        for number, level in enumerate(self.levels):
            state = level(code(number, state), state, training=training)
        return state

    def split(self, z: Tensor) -> list[Tensor]:
        """Codes `(batch, *code_shape)` of each level, from a flat code `(batch, sum(sizes))`."""
        parts, start = [], 0
        for level, size in zip(self.levels, self.sizes, strict=True):
            parts.append(ops.reshape(z[:, start : start + size], (-1, *level.code_shape)))
            start += size
        return parts


def _functional(name: str, network: Any) -> Any:
    if isinstance(network, keras.Model) and getattr(network, "inputs", None):
        return network
    raise TypeError(
        f"Expected {name} to be a functional model, keras.Model(inputs, outputs). "
        f"Received: {network!r}."
    )


def _shapes(tensors: Sequence[Tensor]) -> list[Shape]:
    return [tuple(tensor.shape[1:]) for tensor in tensors]


def _meet(what: str, wanted: Sequence[Shape], found: Sequence[Shape]) -> None:
    if list(wanted) != list(found):
        raise ValueError(
            f"Expected {what} to have the shapes {[*wanted]}. Received: {[*found]}. "
            "(Shapes are without the batch axis.)"
        )
