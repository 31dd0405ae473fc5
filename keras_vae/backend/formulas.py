"""Formulas that a backend may replace by faster ones while a function is traced."""

import threading

from keras import ops

from keras_vae.typing import Tensor


class Formulas(threading.local):
    """The formulas of the current thread. A replacement is an attribute of the same name."""

    def softplus(self, x: Tensor) -> Tensor:
        """Return log(1 + exp(x)), also in LiteRT, whose own softplus overflows for large `x`."""
        size = ops.abs(x)
        # (x + |x|) / 2 has a slope of 1/2 at 0; max(x, 0) would have 1 or 0.
        return 0.5 * (x + size) + ops.softplus(-size)


formulas = Formulas()
