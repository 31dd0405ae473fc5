"""One backend for a run, from KERAS_BACKEND, and no state that leaks from test to test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `tensorflow` are skipped on the other backends."""
    if keras.backend.backend() == "tensorflow":
        return
    skip = pytest.mark.skip(reason="needs the TensorFlow backend")
    for item in items:
        if item.get_closest_marker("tensorflow"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _float32():
    """A test may choose another dtype policy, for itself."""
    yield
    keras.config.set_dtype_policy("float32")
