"""Arguments of wrong types: paths and names, wherever a public function takes them."""

from pathlib import Path

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import arguments
from tests.plots.test_plots import ImageModel, images


def verify(path):
    from keras_vae.export.litert.writer import verify

    return verify(ImageModel(), path)


def read_metadata(path):
    from keras_vae.export.litert.writer import read_metadata

    return read_metadata(path)


PATHS = {
    "load": kv.load,
    "read_history": kv.plots.read_history,
    "Tables.load": kv.compression.Tables.load,
    "ExactResume": kv.callbacks.ExactResume,
    "JsonLines": kv.callbacks.JsonLines,
    "SafeCheckpoint": kv.callbacks.SafeCheckpoint,
    "StopOnNonFinite": lambda path: kv.callbacks.StopOnNonFinite(() if path is None else path),
    "read_metadata": read_metadata,
    "verify": verify,
}


@pytest.mark.parametrize("call", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("value", [3, None, b"x", ["a"], True], ids=repr)
def test_what_is_no_path_is_refused_with_the_way_to_write_one(call, value):
    with pytest.raises(UsageTypeError, match=r"Expected \w+ to be text or a path.*\(Write \w+="):
        call(value)


@pytest.mark.parametrize("call", PATHS.values(), ids=PATHS)
def test_a_path_with_a_zero_byte_is_refused(call):
    with pytest.raises(UsageError, match="without zero bytes"):
        call("a\0b")


def test_text_and_paths_are_paths():
    assert arguments.path("file", "a") == arguments.path("file", Path("a")) == Path("a")


BAD_NAMES = [3, 3.5, True, b"ab", {"a"}, {"a": 1}, np.array(3), iter("ab"), [1], [["a"]], [None]]


@pytest.mark.parametrize("value", BAD_NAMES, ids=lambda value: type(value).__name__)
def test_what_is_no_list_of_names_is_refused_with_the_way_to_write_one(value):
    with pytest.raises(UsageTypeError, match=r"Expected words.*Received: words=.*\(Write words="):
        arguments.names("words", value)


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), np.array(["a", "b"])], ids=repr)
def test_lists_tuples_and_arrays_of_text_are_names(value):
    assert arguments.names("words", value) == ["a", "b"]


@pytest.mark.parametrize("value", BAD_NAMES, ids=lambda value: type(value).__name__)
def test_the_names_of_a_legend_are_a_list(value):
    x = images()
    with pytest.raises(UsageTypeError, match=r"label_names.*\(Write label_names="):
        kv.plots.latent_scatter(ImageModel(), x, np.zeros(len(x), int), value)


@pytest.mark.parametrize("name", ["minutes", "steps", "keep"])
def test_the_numbers_of_exact_resume_are_numbers(name, tmp_path):
    with pytest.raises(UsageTypeError, match=f"Expected {name}"):
        kv.callbacks.ExactResume(tmp_path, **{name: "3"})
