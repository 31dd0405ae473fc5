"""One backend for a run, from KERAS_BACKEND, and no state that leaks from test to test."""

import atexit
import functools
import gc
import importlib.util
import os
import tempfile
import types
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

# Keras is imported where it is used: the process that only hands out tests does without.

# Graphs hold millions of small objects: going through them all at each turn of the collector takes
# a good part of the suite's time.
gc.set_threshold(50_000, 20, 100)

# Files that take half a minute or more begin, so that no process is left alone with one at the end.
LONGEST = (
    *("artifacts", "notebooks", "documents", "contract", "precisions", "workers"),
    *("killed_training", "fuzz", "litert", "verify", "catalogue", "other_backends"),
    *("exact_resume", "stored_files", "numerics", "serialization", "tokens", "examples"),
    *("gallery", "dimension_reduction", "sequence_properties", "limits", "predict"),
)

# Files whose tests are marked `long`: kills, loads, fuzzing, several workers or TensorFlows, a
# browser, and trainings of minutes. `make test` leaves them to `make test-long`.
LONG = (
    *(
        "fuzz",
        "killed_training",
        "killed_tflite",
        "killed_onnx",
        "workers",
        "load",
        "old_tensorflow",
    ),
    *("artifacts", "explorer", "explorer_samples", "signatures", "pipeline", "numerics"),
    *("gallery", "showcase", "known_optima", "limits", "sequence_properties"),
    *("documents", "replicas", "catalogue", "verify", "examples", "stored_files", "serving_page"),
    "release",
)

# Files whose tests are marked `portable`: `make test-long` runs them on JAX and PyTorch too. They
# show that models train, give exact losses, save, resume, draw and measure on these as well.
PORTABLE = (
    *("contract", "fitting", "random", "serialization", "loading", "stored_files", "steps"),
    *("gradients", "data_parallel", "exact_resume", "checkpoints", "objectives", "loss_weights"),
    *("controllers", "estimators", "codes", "data_sources", "inference", "imputer"),
    *("preprocessing", "preprocessed_models", "argument_properties", "resume_events"),
    *("resume_refusals", "resumed_callbacks", "preset_folders", "other_backends", "later_batches"),
    *("fitted_priors", "sampler_networks", "dip_vae", "adversarial", "vae_gan", "rae"),
    *("semi_supervised", "vade", "of_keras", "grids", "tcn", "time_vae", "extra_terms"),
    *("extra_terms_kept", "miwae", "self_masking", "maf", "two_stage", "vector_samplers"),
    *("drawing", "whole_numbers", "fitting_kinds"),
)

# The folder of programs that JAX has compiled.
CACHE = "JAX_COMPILATION_CACHE_DIR"

# Packages of extras that `make test` does not install; tests that need them are marked `extra`.
EXTRAS = {
    **{"backends": ("jax", "torch"), "beam": ("apache_beam",), "docs": ("sphinx",)},
    "references": ("torch", "vector_quantize_pytorch"),
    "trackers": ("keras_tuner", "mlflow", "pandas", "trackio", "wandb"),
}


def pytest_configure() -> None:
    """On JAX, take time for no optimization and compile equal programs once in all processes.

    On PyTorch, a process of tests has one thread: those of several wait for each other.
    """
    if os.environ.get("KERAS_BACKEND") == "torch":
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if os.environ.get("KERAS_BACKEND") != "jax" or CACHE in os.environ:
        return
    folder = tempfile.TemporaryDirectory(prefix="keras-vae-jax-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    os.environ[CACHE] = folder.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no other files where portable tests alone are asked for: that takes as long as they."""
    name = collection_path.stem
    portable_alone = config.option.markexpr.startswith("portable and")
    others = name.startswith("test_") and name.removeprefix("test_") not in PORTABLE
    return True if portable_alone and others and collection_path.suffix == ".py" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, without the tests of other backends."""
    for item in items:
        add_markers(item)
    config.hook.pytest_deselected(items=[item for item in items if not applies(item)])
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST)}
    items[:] = sorted(filter(applies, items), key=lambda i: ranks.get(i.path.stem, len(ranks)))


def add_markers(item: pytest.Item) -> None:
    """Mark a test by its file, and skip it where the packages of its extra are missing."""
    name = item.path.stem.removeprefix("test_")
    if name in LONG:
        item.add_marker(pytest.mark.long)
    if name in PORTABLE:
        item.add_marker(pytest.mark.portable)
    if (extra := item.get_closest_marker("extra")) and missing(extra.kwargs["name"]):
        item.add_marker(pytest.mark.skip(reason=f"needs keras-vae[{extra.kwargs['name']}]"))


@functools.cache
def generators(module: types.ModuleType) -> list[tuple[Any, Any]]:
    """Return the generators of random numbers of a file with their states before its tests."""
    import numpy as np

    found = [value for value in vars(module).values() if isinstance(value, np.random.Generator)]
    return [(generator, generator.bit_generator.state) for generator in found]


@functools.cache
def missing(extra: str) -> bool:
    """Return whether a package of an extra is not installed."""
    return any(importlib.util.find_spec(name) is None for name in EXTRAS[extra])


def applies(item: pytest.Item) -> bool:
    """Return whether a test is for the backend of this run and for its parameters."""
    import keras

    chosen = [mark.args for mark in item.iter_markers("only_on")]
    chosen += [("tensorflow",)] * bool(item.get_closest_marker("tensorflow"))
    wanted = [test for mark in item.iter_markers("only_with") for test in mark.kwargs.items()]
    return all(keras.backend.backend() in backends for backends in chosen) and all(
        is_wanted(item.callspec.params[name]) for name, is_wanted in wanted
    )


def pytest_collection_finish() -> None:
    """What was imported stays, so the collector need not look at it again."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _small_heap():
    """Exports collect garbage: not among the objects that the files before have left for good."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def eager_functions():
    """Run functions of TensorFlow as Python, where tracing takes longer than all their calls."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order(request):
    """The generators of a file begin anew in each of its tests."""
    for generator, state in generators(request.module):
        generator.bit_generator.state = state


@pytest.fixture(autouse=True)
def _no_imported_modules(monkeypatch):
    """What one test imports with `--import` stands in no other test's commands."""
    monkeypatch.setattr("keras_vae.cli._imported", [])


@pytest.fixture(autouse=True)
def _float32():
    """A test may choose another dtype policy, for itself."""
    yield
    import keras

    keras.config.set_dtype_policy("float32")
