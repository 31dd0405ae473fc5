"""The page of a preset: shown at once, from files of the preset, without a model or its data."""

import json
import shutil
import sys

import pytest

from keras_vae import presets
from keras_vae.export.explorer import __main__ as program
from keras_vae.export.explorer import page_files, page_server, runtime

WITH_PAGE = ["conv_vae_fashion_mnist", "vae_digits"]


@pytest.fixture
def shown(monkeypatch):
    """The servers that were started, with a runtime that needs no download."""
    monkeypatch.setattr(
        runtime, "load_runtime", lambda cache=None: dict.fromkeys(runtime.HASHES, b"")
    )
    monkeypatch.setattr(runtime, "wrong_files", lambda contents: [])
    servers = []
    monkeypatch.setattr(page_server.PageServer, "serve_forever", lambda self: servers.append(self))
    return servers


@pytest.mark.parametrize("name", WITH_PAGE)
def test_a_page_is_shown_from_memory(name, shown, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program.explorer(name, serve=True, port=0)
    (server,) = shown
    assert "http://localhost:" in capsys.readouterr().out
    preset = presets.read(name)
    about = json.loads(server.contents["model.json"])
    assert about["data"] == preset.data and about["labels"] == preset.labels
    assert about["latent_dim"] == preset.config["model"]["latent_shape"][0]
    assert len(about["points"]) > 100
    assert server.contents["decoder.tflite"][4:8] == b"TFL3"
    assert b"VERSION" not in server.contents[page_files.WORKER]
    assert list(tmp_path.iterdir()) == []


def test_the_decoder_of_a_page_is_that_of_the_model():
    import numpy as np

    from keras_vae.export.litert.answers import file_answers

    preset = presets.read("vae_digits")
    z = np.random.default_rng(0).normal(size=(1, 2)).astype("float32")
    found = file_answers(preset.read("explorer/decoder.tflite"), {"decode": {"z": z}}, 1)
    wanted = np.asarray(preset.load().decode(z))
    np.testing.assert_allclose(found["decode"]["reconstruction"], wanted, atol=0.01)


def test_a_page_is_written_as_a_folder_that_is_shown_later(shown, tmp_path, capsys):
    folder = tmp_path / "site" / "page"
    program.explorer("vae_digits", out=folder)
    assert f"Wrote {folder}" in capsys.readouterr().out and shown == []
    assert page_files.read_page(folder)["model.json"] == presets.read("vae_digits").read(
        "explorer/model.json"
    )
    with pytest.raises(FileExistsError):
        program.explorer("vae_digits", out=folder)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("vae_digits", {}, "Expected --serve to show the page of a preset, or --out"),
        ("vae_digits", {"serve": True, "points": 3}, "--points only with --data"),
        (
            "lstm_mnist1d",
            {"serve": True, "port": 0},
            "such as conv_vae_fashion_mnist or vae_digits",
        ),
    ],
)
def test_what_a_preset_cannot_show_is_refused(name, given, message, shown):
    with pytest.raises(ValueError, match=message):
        program.explorer(name, **given)


def test_a_changed_page_is_refused(tmp_path, shown):
    folder = shutil.copytree(presets.read("vae_digits").path, tmp_path / "vae_digits")
    (folder / "explorer" / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="as it was written"):
        program.explorer(str(folder), serve=True, port=0)


def test_showing_a_preset_needs_no_keras():
    import subprocess

    code = (
        "import sys; from keras_vae import presets;"
        "from keras_vae.export.explorer import page_files;"
        "page_files.has_page(presets.read('vae_digits'));"
        "import keras_vae.export.explorer.__main__; assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
