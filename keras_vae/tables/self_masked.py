"""Rows of tables whose numbers are missing with a probability that depends on themselves."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import choices, special
from keras_vae.distributions.base import next_seed, tensor
from keras_vae.distributions.columns import Column
from keras_vae.distributions.mixed import Mixed
from keras_vae.distributions.positive import LOG_RANGE, SMALLEST, LogNormal
from keras_vae.errors import UsageError
from keras_vae.layers import gaps
from keras_vae.typing import Tensor

# The kinds whose p(x | z) is Gaussian, of x or of its logarithm.
GAUSSIAN = ("numeric", "date", "positive")
# A grid of standard normal numbers. The trapezoid rule on it is exact to about 1e-4 up to a slope
# of 8 for each deviation of p(x | z), and for a steeper one still close.
LIMIT, STEP = 5.0, 0.25
POINTS = np.arange(-LIMIT, LIMIT + STEP / 2, STEP)
LOG_MASSES = -0.5 * POINTS**2 - np.log(np.sum(np.exp(-0.5 * POINTS**2)))


class SelfMasked(Mixed):
    """`Mixed` of known values, and of which ones are missing: log p(known, s | z).

    A number of column c is missing with probability sigmoid(slope_c * u_c + offset_c), in which u_c
    is the number in the units of the networks. Given z, columns are independent. So the
    probability that c is missing is an integral over one number, which is taken on a grid:

    p(s_c = 1 | z) = integral of N(u; mean_c, variance_c) sigmoid(slope_c * u + offset_c) du

    Counts and categories are missing at random: they add nothing for being missing or known.

    Source: Ipsen et al. 2021, not-MIWAE (arXiv:2006.12871), with the integral in place of samples
    of the missing values.

    Args:
        outputs: As in `Mixed`.
        *weights: Slope and offset of each of `numbers` in turn, each a number.

    Attributes:
        numbers: Positions of the columns that mask themselves.
    """

    prefix = "SelfMasked_"
    points = len(POINTS)
    numbers: tuple[int, ...] = ()

    def __init__(self, outputs: Tensor, *weights: Tensor) -> None:
        super().__init__(outputs)
        # Stacks take no variables, which a sum is not.
        self.slope, self.offset = (
            ops.stack([tensor(weight) + 0.0 for weight in weights[part::2]]) for part in (0, 1)
        )
        units = np.array([self.columns[i].units for i in self.numbers], "float32")
        self.shift, self.scale = tensor(units[:, 0]), tensor(units[:, 1])
        self.is_log = np.array([self.columns[i].kind == "positive" for i in self.numbers])
        parts = zip(*map(self._standard, self.numbers), strict=True)
        self.location, self.deviation = (ops.stack(part, axis=1) for part in parts)

    @classmethod
    def of(cls, columns: Iterable[Column]) -> type["SelfMasked"]:
        """Return the class for a table.

        Args:
            columns: The columns in order, such as a `keras_vae.tables.Schema`.

        Raises:
            ValueError: If there are none, or all are counts or categories.
        """
        columns = tuple(columns)
        found: Any = super().of(columns)
        found.numbers = tuple(i for i, column in enumerate(columns) if column.kind in GAUSSIAN)
        found.shared = tuple(f"{part}_{i}" for i in found.numbers for part in ("slope", "offset"))
        if not found.numbers:
            raise UsageError(
                f"Expected a column of kind {', '.join(GAUSSIAN)}, whose numbers mask themselves. "
                f"Received: kinds {sorted({column.kind for column in columns})}. (Counts and "
                "categories are missing at random: leave missing='at_random'.)"
            )
        return found

    @property
    def gap_log_prob(self) -> Tensor:
        """Log probability that each value is missing, `(batch, columns)`, 0 if at random."""
        return self._by_column(ops.logsumexp(self._log_missing(), axis=-1))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the summands of `log_prob`, `(batch, columns)`, in nats."""
        usual = np.array([column.usual for column in self.columns], "float32")
        u = ops.take(ops.where(gaps.is_number(x), x, usual), np.array(self.numbers), axis=-1)
        u = ops.where(self.is_log, ops.log(ops.maximum(u, SMALLEST)), u)
        u = (u - self.shift) / self.scale
        log_known = self._by_column(-special.softplus(self.slope * u + self.offset))
        return super().element_log_prob(x) + ops.where(gaps.is_number(x), log_known, 0.0)

    def mean_of_mixtures(self, weights: Tensor) -> Tensor:
        """Return expected values of mixtures given that they are missing, `(rows, columns)`.

        Args:
            weights: As in `Mixed.mean_of_mixtures`.
        """
        chances = ops.softmax(self._log_missing(), axis=-1)
        mean = ops.sum(chances * self._values(self._grid()), axis=-1)
        mean = ops.reshape(mean, (-1, weights.shape[1], len(self.numbers)))
        mean = self._by_column(ops.sum(weights[..., None] * mean, axis=1))
        return ops.where(self._is_number(), mean, super().mean_of_mixtures(weights))

    def sample_missing(self, seed: Any = None) -> Tensor:
        """Sample values given that they are missing, `(batch, columns)`.

        Numbers are uniform within a step of the grid, a quarter of the deviation of p(x | z).
        """
        x, size = self.sample(seed), ops.shape(self.location)
        for _ in self.groups:  # Past the seeds of that sample.
            seed = next_seed(next_seed(seed))
        uniform = [
            keras.random.uniform(size, dtype="float32", seed=one) for one in (seed, next_seed(seed))
        ]
        chosen = ops.cast(choices.by_uniform(self._log_missing(), uniform[0]), "float32")
        noise = STEP * (chosen + uniform[1] - 0.5) - LIMIT
        u = self.location + self.deviation * noise
        return ops.where(self._is_number(), self._by_column(self._values(u[..., None])[..., 0]), x)

    def _standard(self, position: int) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of a column in the units of the networks, `(batch,)` each."""
        pairs: Any = zip(self.densities, self.groups, strict=True)
        density, group = next(pair for pair in pairs if position in pair[1].positions)
        place = group.positions.index(position)
        p = density.logarithm if isinstance(density, LogNormal) else density.density
        mean, deviation = p.mean[:, place], ops.exp(0.5 * p.log_var[:, place])
        if not isinstance(density, LogNormal):
            return mean, deviation
        shift, scale = self.columns[position].units
        return (mean - shift) / scale, deviation / scale

    def _grid(self) -> Tensor:
        """Return the grid in the units of the networks, `(batch, numbers, points)`."""
        points = tensor(POINTS.astype("float32"))
        return self.location[..., None] + self.deviation[..., None] * points

    def _log_missing(self) -> Tensor:
        """Return log of the mass of each point times the probability that it is missing."""
        logits = self.slope[:, None] * self._grid() + self.offset[:, None]
        return tensor(LOG_MASSES.astype("float32")) - special.softplus(-logits)

    def _values(self, u: Tensor) -> Tensor:
        """Return numbers in the units of the table, `(batch, numbers, ...)`."""
        raw = self.shift[:, None] + self.scale[:, None] * u
        positive = ops.exp(ops.clip(raw, np.log(SMALLEST), LOG_RANGE[1]))
        return ops.where(self.is_log[:, None], positive, raw)

    def _is_number(self) -> np.ndarray:
        return np.isin(np.arange(len(self.columns)), self.numbers)

    def _by_column(self, found: Tensor) -> Tensor:
        """Return `(batch, columns)` of what `numbers` have, with 0 for other columns."""
        places = [
            self.numbers.index(i) if i in self.numbers else len(self.numbers)
            for i in range(len(self.columns))
        ]
        padded = ops.concatenate([found, ops.zeros_like(found[:, :1])], axis=-1)
        return ops.take(padded, np.array(places), axis=-1)
