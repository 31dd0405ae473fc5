"""Columns of a table in the units of the networks, and back."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

# Gauss-Hermite quadrature of three points: exact for polynomials up to degree 5.
POINTS = ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6))


class Columns:
    """Powers that make each column nearly normal, with mean 0 and variance 1.

    The power of a column is that of Yeo & Johnson (2000), chosen by maximum likelihood. NaN stays.

    Args:
        x: Rows, float64 `(rows, columns)`, with NaN for missing values.
    """

    def __init__(self, x: np.ndarray) -> None:
        # Standardized first, since powers of large numbers overflow.
        self.steps = Pipeline([("scale", StandardScaler()), ("power", PowerTransformer())])
        values = self.steps.fit_transform(x)
        self.lowest, self.highest = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        self.smallest, self.largest = np.nanmin(x, axis=0), np.nanmax(x, axis=0)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return `x` in the units of the networks."""
        return self.steps.transform(x)

    def means(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Return the means in the units of the table of normal distributions in those of networks.

        Values beyond those of the training data count as the nearest of these.
        """
        points = [np.clip(mean + at * deviation, self.lowest, self.highest) for at, _ in POINTS]
        raw = [self.steps.inverse_transform(values) for values in points]
        found = sum(weight * values for (_, weight), values in zip(POINTS, raw, strict=True))
        return np.clip(found, self.smallest, self.largest)  # Rounding leads out of the range.
