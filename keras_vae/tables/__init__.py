"""Tables: a VAE of columns of every kind, and an imputer of numbers for scikit-learn.

`schema.py` has the columns of a table and the way from data frames to arrays, `reading.py` the
kinds of columns, with `fitting_kinds.py`. `encoding.py` has the numbers of values, and `dates.py`
the days of dates. `tabular.py` has the model, with
`mixed_networks.py`, `self_masked.py` for values that hide themselves, and `verbs.py` its verbs,
which take tables, with `rejection.py` for rows of a condition. The imputer is in `imputer.py`,
with `conditional.py`, the distribution of what is missing given what is known, and its networks in
`networks.py`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from keras_vae.distributions.columns import Column
from keras_vae.tables.schema import Schema
from keras_vae.tables.tabular import TabularVAE

if TYPE_CHECKING:
    from keras_vae.tables.imputer import VAEImputer as VAEImputer

__all__ = ["Column", "Schema", "TabularVAE", "VAEImputer"]


def __getattr__(name: str) -> Any:
    """Import the imputer when it is first used, since it needs scikit-learn."""
    if name != "VAEImputer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.imputer"), name)
