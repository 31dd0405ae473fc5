"""What `import keras_vae` gives: these names, documented, and nothing heavy."""

import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import keras_vae

NAMES = [
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
    "LSTMAutoencoder",
    "LSTMVAE",
    "LadderVAE",
    "LearnedPriorVAE",
    "MaskedAutoencoder",
    "PerceptualAutoencoder",
    "SemiSupervisedVAE",
    "SparseAutoencoder",
    "TCNAutoencoder",
    "TCNVAE",
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
    "plots",
    "point_scores",
    "posteriors",
    "preprocessing",
    "presets",
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

# Modules that import packages of an extra which `make test` does not install.
OF_EXTRAS = {
    "keras_vae.backend.on_jax": "backends",
    "keras_vae.backend.on_torch": "backends",
    "keras_vae.training.prediction.beam_pipeline": "beam",
}


def module(name):
    marks = [pytest.mark.extra(name=OF_EXTRAS[name])] if name in OF_EXTRAS else []
    return pytest.param(name, marks=marks)


MODULES = [
    module(found.name)
    for found in pkgutil.walk_packages(keras_vae.__path__, "keras_vae.")
    if not found.name.split(".")[-1].startswith("_")
]


def test_the_public_names_are_these():
    assert sorted(keras_vae.__all__) == sorted(NAMES)
    assert all(hasattr(keras_vae, name) for name in NAMES)


def test_the_version_is_the_one_that_is_installed():
    from importlib.metadata import version

    assert version("keras-vae") == keras_vae.__version__


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented(name):
    module = importlib_import(name)
    assert inspect.getdoc(module)
    for thing in own(module):
        assert inspect.getdoc(thing), f"{name}.{thing.__name__}"
        for method in own(thing) if inspect.isclass(thing) else ():
            assert inspect.getdoc(method), f"{name}.{thing.__name__}.{method.__name__}"


def importlib_import(name):
    import importlib

    return importlib.import_module(name)


def own(owner):
    """Public functions and classes that a module or class defines itself."""
    module = getattr(owner, "__module__", None) or owner.__name__
    for name, value in vars(owner).items():
        if name.startswith("_") or not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        if value.__module__ == module:
            yield value


@pytest.mark.slow
def test_the_import_brings_in_neither_programs_nor_plots():
    """Keras and NumPy aside, it imports itself alone: 0.2 s at most, and no side effects."""
    program = (
        "import sys, json, keras, numpy; before = set(sys.modules); import keras_vae;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    new = json.loads(done.stdout.strip().splitlines()[-1])
    foreign = {name.split(".")[0] for name in new} - {"keras_vae"} - set(sys.stdlib_module_names)
    assert not foreign
    assert not [name for name in new if name.startswith(("keras_vae.plots", "keras_vae.export"))]
