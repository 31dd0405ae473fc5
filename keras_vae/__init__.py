"""Autoencoders for Keras 3, from `model.fit` to a server, a phone, and a browser.

`import keras_vae` loads nothing but the standard library; the first use of a public name loads the
library with Keras. So the `keras-vae` command answers at once, and the client for servers needs
NumPy only. `keras_vae/_api.py` lists where each public name comes from.
"""

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from keras_vae import _imports

if TYPE_CHECKING:
    from keras_vae import plots as plots
    from keras_vae._api import *  # noqa: F403

__version__ = "0.1.0"

__all__ = [
    "DIPVAE",
    "FSQ",
    "IAFVAE",
    "IWAE",
    "RAE",
    "VAE",
    "VAEGAN",
    "VQVAE",
    "WAE",
    "AdversarialAutoencoder",
    "AnomalyDetector",
    "Autoencoder",
    "BetaTCVAE",
    "Compiled",
    "CompressiveAutoencoder",
    "ConditionalVAE",
    "ContractiveAutoencoder",
    "ConvAutoencoder",
    "ConvVAE",
    "DenoisingAutoencoder",
    "Endpoint",
    "FactorVAE",
    "FlowVAE",
    "FreeBitsVAE",
    "InfoVAE",
    "LSTMVAE",
    "LSTMAutoencoder",
    "LadderVAE",
    "LearnedPriorVAE",
    "MaskedAutoencoder",
    "PerceptualAutoencoder",
    "SemiSupervisedVAE",
    "SparseAutoencoder",
    "TCNVAE",
    "TCNAutoencoder",
    "TimeVAE",
    "TransformerAutoencoder",
    "TransformerVAE",
    "VaDE",
    "VampVAE",
    "anomalies",
    "callbacks",
    "compression",
    "classifier_from",
    "compile_fast",
    "controllers",
    "decode_tiled",
    "distill_decoder",
    "encode_tiled",
    "distributions",
    "errors",
    "estimators",
    "from_preset",
    "inpaint",
    "latents",
    "layers",
    "load",
    "load_images",
    "losses",
    "metrics",
    "nets",
    "preprocessing",
    "presets",
    "plots",
    "point_scores",
    "posteriors",
    "priors",
    "quantization",
    "random",
    "samplers",
    "schedules",
    "tables",
    "weights",
    "windows",
    "with_mask",
]


def __getattr__(name: str) -> Any:
    """Import a sub-module, or the whole public API, when one of its names is first used."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}._api"), name)
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})


if "keras" in sys.modules:
    importlib.import_module(f"{__name__}._api")
else:
    _imports.register_with_keras()
