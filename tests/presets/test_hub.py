"""Presets go to the Hugging Face hub and come back; nothing is fetched unless it is asked for."""

import os
import subprocess
import sys

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.presets import hub
from tests.support.hub_double import hub as double
from tests.support.models import array, dense, uniform

pytest.importorskip("huggingface_hub", reason="keras-vae[hub], part of the dev extra")
X = uniform(3, 6)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """The repositories of a local hub, which the client uses without a network."""
    from huggingface_hub import constants, hf_api

    patch = pytest.MonkeyPatch()
    with double() as (address, found):
        for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_HOME"):
            patch.setattr(constants, name, address)
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(hf_api.api, "endpoint", address)
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        patch.setenv("HF_TOKEN", "hf_double")
        yield found
    patch.undo()


@pytest.fixture(scope="module")
def model(repositories):
    made = kv.VAE(*dense(heads=2), seed=3)
    url = made.save_to_preset("hf://me/mine", license="mit", weights_dtype="float32")
    assert url.endswith("/me/mine")
    return made


def test_a_preset_goes_to_the_hub_and_comes_back(model, repositories):
    assert sorted(repositories["me/mine"]["main"]) == [*("README.md", "config.json", "model.keras")]
    found = kv.from_preset("hf://me/mine")
    np.testing.assert_array_equal(array(found.encode(X)), array(model.encode(X)))
    assert kv.presets.read("hf://me/mine").name == "mine"


def test_the_code_of_a_card_loads_it_from_the_hub(model, repositories):
    assert 'kv.from_preset("hf://me/mine")' in repositories["me/mine"]["main"]["README.md"].decode()


def test_a_new_preset_replaces_the_old_one_and_no_other_files(model, repositories):
    repositories["me/again"] = {"main": {**repositories["me/mine"]["main"], ".gitattributes": b""}}
    model.save_to_preset("hf://me/again", description="Again.")
    assert "Again." in kv.presets.read("hf://me/again").card
    theirs = {"README.md": b"theirs", "config.json": b"{}", "model.keras": b""}
    for files in (theirs, {"README.md": b"theirs"}):
        repositories["me/theirs"] = {"main": dict(files)}
        with pytest.raises(FileExistsError, match="or one of a preset. Received: hf://me/theirs"):
            model.save_to_preset("hf://me/theirs")
        assert repositories["me/theirs"]["main"] == files


def test_a_revision_is_fetched_by_its_name(model, repositories):
    files = repositories["me/mine"]
    repositories["me/versions"] = {"v1": files["main"], "main": {"config.json": b"{}"}}
    assert kv.presets.read("hf://me/versions@v1").name == "mine"
    with pytest.raises(ValueError, match="Expected a preset"):
        kv.presets.read("hf://me/versions")


def test_a_changed_file_on_the_hub_is_refused(model, repositories):
    files = repositories["me/mine"]["main"]
    repositories["me/changed"] = {"main": {**files, "model.keras": files["model.keras"] + b"x"}}
    with pytest.raises(ValueError, match=r"model.keras as it was written. Received: other content"):
        kv.from_preset("hf://me/changed")


def test_an_unknown_repository_is_an_error_that_names_it(repositories):
    with pytest.raises(RuntimeError, match="Expected the hub to answer for hf://me/none"):
        kv.from_preset("hf://me/none")


@pytest.mark.parametrize("address", ["hf://", "hf://me", "hf://me/a/b", "hf://me/..", "hf://a b/c"])
def test_a_wrong_address_is_refused(address):
    with pytest.raises(ValueError, match="Expected hf://USER/NAME"):
        kv.from_preset(address)


def test_no_preset_is_saved_to_a_revision():
    with pytest.raises(ValueError, match="Expected hf://USER/NAME to save to"):
        hub.upload("unused", "hf://me/mine@v1")


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r'pip install "keras-vae\[hub\]"'):
        kv.from_preset("hf://me/mine")


def test_reading_a_preset_of_the_package_imports_neither_keras_nor_the_client():
    code = (
        "import sys, keras_vae.presets as p; p.read(p.names()[0]);"
        "assert not {'keras', 'huggingface_hub', 'requests', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={**os.environ})
