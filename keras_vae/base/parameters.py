"""The size of a model, counted in one way in cards, metadata, and programs."""

import math
from typing import Any


def count_parameters(model: Any) -> int:
    """Count the numbers in the weights of a model, or of a detector's, frozen ones included.

    `model.count_params()` of Keras is one more: it counts the step counter too.
    """
    inner = model if hasattr(model, "steps") else model.model
    return sum(math.prod(weight.shape) for weight in inner.weights if weight is not inner.steps)
