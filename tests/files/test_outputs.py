"""Outputs are checked before the work: none replaces another one or an input."""

from pathlib import Path

import pytest

import keras_vae as kv
from keras_vae.files.outputs import check_apart, check_folder, check_new
from keras_vae.validation import arguments

ADDRESSES = ["gs://bucket/served/1", "s3://bucket/x", "https://huggingface.co/me/x", "hf://me/x"]


@pytest.mark.parametrize("other", ["r", "./r", "sub/../r", "link"])
def test_two_outputs_of_one_path_are_refused(tmp_path, other):
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("r")
    with pytest.raises(ValueError, match="one path for each of the inputs and outputs"):
        check_apart([tmp_path / "r", None, tmp_path / other])
    with pytest.raises(ValueError, match="one path for each of the inputs and outputs"):
        check_apart([tmp_path / "r"], [tmp_path / other])


def test_other_paths_are_taken(tmp_path):
    check_apart([tmp_path / "a", None, tmp_path / "b", None], [tmp_path / "c", None])


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_no_folder_of_this_machine(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uses = [
        lambda: check_folder(Path(address)),
        lambda: check_new(Path(address), "FOLDER"),
        lambda: arguments.path("folder", address),
        lambda: arguments.path("folder", Path(address)),
        lambda: kv.load(address),
    ]
    for use in uses:
        with pytest.raises(ValueError, match=r"Expected .*on this machine\. Received: .*:/"):
            use()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["C:/models", "a:b/c", "run/gs:/x", "12:30", "/gs:/x"])
def test_other_paths_with_a_colon_are_paths(path):
    assert arguments.path("folder", path) == Path(path)
    check_folder(Path(path))
