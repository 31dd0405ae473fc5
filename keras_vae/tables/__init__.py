"""Imputation of tables: a VAE of their columns fills in what is missing.

Begin with `imputer.py`, the estimator of scikit-learn. `networks.py` has its encoder and decoder,
and `conditional.py` the distribution of what is missing given what is known.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_vae.tables.imputer import VAEImputer as VAEImputer

__all__ = ["VAEImputer"]


def __getattr__(name: str) -> Any:
    """Import the imputer when it is first used, since it needs scikit-learn."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.imputer"), name)
