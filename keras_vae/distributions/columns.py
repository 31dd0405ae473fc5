"""Columns of tables: their kind, and the units in which networks take their numbers."""

import dataclasses
import math
import numbers
from typing import Any

import numpy as np

from keras_vae.distributions.positive import SMALLEST
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import arguments

# A date is the number of days since 1970-01-01.
NUMBERS = ("numeric", "positive", "count", "date")
CLASSES = ("ordinal", "categorical", "boolean")
KINDS = (*NUMBERS, *CLASSES)

# What a value must be, for messages.
MEANINGS = {
    "numeric": "a number",
    "positive": "a number above 0",
    "count": "a count, 0, 1, 2, ...",
    "date": "a date, as days since 1970-01-01",
}


def check_categories(values: Any) -> tuple[Any, ...]:
    """Return a list of texts, numbers, and booleans as a tuple; raise TypeError for another."""
    listed = values.tolist() if hasattr(values, "tolist") else values
    if not arguments.is_list(listed) or not all(
        isinstance(one, str | bool | numbers.Real) and one == one for one in listed
    ):
        raise UsageTypeError(
            "Expected categories to be a list of texts, numbers, or booleans. Received: "
            f'categories={values!r:.80}. (Write categories=["small", "large"].)'
        )
    return tuple(listed)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table. In arrays, a value of a class is the index of its category.

    Example:
        >>> keras_vae.tables.Column("size", "ordinal", ("small", "large")).kind
        'ordinal'

    Args:
        name: Its name.
        kind: "numeric" for any real number, "positive" for numbers above 0, "count" for 0, 1, 2,
            ..., "date" for days since 1970-01-01, "ordinal" for categories in an order,
            "categorical" for others, and "boolean" for two.
        categories: The categories: texts, numbers, or booleans. Empty for numbers.
        mean: Mean of the known numbers, in their unit.
        scale: Standard deviation of the known numbers, above 0.

    Raises:
        ValueError: If the kind is unknown, or does not fit the categories, the mean, or the scale.
    """

    name: str
    kind: str
    categories: tuple[Any, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check that all fits."""
        if not isinstance(self.name, str):
            raise UsageTypeError(f"Expected name to be text. Received: name={self.name!r}.")
        arguments.choice("kind", self.kind, KINDS)
        object.__setattr__(self, "categories", check_categories(self.categories))
        for name in ("mean", "scale"):
            arguments.real(name, getattr(self, name))
        count, different = len(self.categories), len(set(self.categories))
        least = 2 if self.kind in CLASSES else 0
        most = {"boolean": 2, "ordinal": math.inf, "categorical": math.inf}.get(self.kind, 0)
        if not least <= count <= most or different < count:
            wanted = f"{least}" if least == most else f"at least {least} different"
            raise UsageError(
                f"Expected {wanted} categories for column {self.name!r} of kind {self.kind!r}. "
                f"Received: {list(self.categories)}. (Leave out columns of one value.)"
            )
        lowest = {"positive": SMALLEST, "count": 0.0}.get(self.kind, -math.inf)
        if not (self.mean >= lowest and self.scale > 0.0):
            raise UsageError(
                f"Expected a scale above 0, and the mean of {self.kind} numbers for column "
                f"{self.name!r}. Received: mean={self.mean!r}, scale={self.scale!r}."
            )

    @property
    def units(self) -> tuple[float, float]:
        """Shift and scale of the numbers that networks take, standardized.

        These are x itself, log(x) of positive numbers, or log(1 + x) of counts. The moments of
        logarithms are those of the log-normal distribution with this mean and scale.
        """
        if self.kind not in ("positive", "count"):
            return self.mean, self.scale
        mean = self.mean + float(self.kind == "count")
        variance = math.log1p((self.scale / mean) ** 2)
        return math.log(mean) - 0.5 * variance, math.sqrt(variance)

    @property
    def usual(self) -> float:
        """A value in the support, near the others of the column."""
        return self.mean if self.kind in ("numeric", "positive", "date") else 0.0

    def accepts(self, values: np.ndarray) -> np.ndarray:
        """Return which values of an array are NaN, for missing, or in the support, bool."""
        with np.errstate(invalid="ignore"):
            if self.kind in ("numeric", "date"):
                inside = np.abs(values) < math.inf
            elif self.kind == "positive":
                inside = (values >= SMALLEST) & (values < math.inf)
            else:
                end = len(self.categories) if self.kind in CLASSES else math.inf
                inside = (values == np.rint(values)) & (values >= 0.0) & (values < end)
        return inside | np.isnan(values)

    @property
    def meaning(self) -> str:
        """Description of a value in an array, for messages."""
        return MEANINGS.get(self.kind) or f"a category, 0 to {len(self.categories) - 1}"

    def get_config(self) -> dict[str, Any]:
        """Return the fields, as JSON can hold them."""
        return {**dataclasses.asdict(self), "categories": list(self.categories)}
