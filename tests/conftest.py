"""One backend for a run, from KERAS_BACKEND, and no state that leaks from test to test."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

# Keras is imported where it is used: the process that only hands out tests does without.

# Graphs hold millions of small objects: going through them all at each turn of the collector takes
# a good part of the suite's time.
gc.set_threshold(50_000, 20, 100)

# Files that take half a minute or more begin, so that no process is left alone with one at the end.
LONGEST = (
    *("contract", "workers", "killed_training", "fuzz", "litert", "verify", "exact_resume"),
    *("stored_files", "numerics", "serialization", "artifacts", "tokens", "gallery"),
    *("dimension_reduction", "sequence_properties", "limits", "predict"),
)

# Files whose tests are marked `long`: kills, loads, fuzzing, several workers or TensorFlows, a
# browser, and trainings of minutes. `make test` leaves them to `make test-long`.
LONG = (
    *("fuzz", "killed_training", "killed_tflite", "workers", "load", "old_tensorflow"),
    *("artifacts", "explorer", "signatures", "pipeline", "numerics", "evaluate_long"),
    *("gallery", "known_optima", "limits", "one_class", "sequence_properties", "release"),
    *("documents", "replicas", "catalogue", "verify", "examples", "stored_files", "serving_page"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; tests marked `tensorflow` are skipped on the other backends."""
    for item in items:
        if item.path.stem.removeprefix("test_") in LONG:
            item.add_marker(pytest.mark.long)
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))
    import keras

    if keras.backend.backend() == "tensorflow":
        return
    skip = pytest.mark.skip(reason="needs the TensorFlow backend")
    for item in items:
        if item.get_closest_marker("tensorflow"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """What was imported stays, so the collector need not look at it again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _float32():
    """A test may choose another dtype policy, for itself."""
    yield
    import keras

    keras.config.set_dtype_policy("float32")
