"""`keras-vae compress`: a folder of pictures there and back, and what it refuses."""

import json
import zlib

import keras
import numpy as np
import pytest
from PIL import Image

import keras_vae as kv
from keras_vae.export.compress import _names, compress
from keras_vae.files.atomic import save_model
from tests.support.serving import run_program

pytestmark = pytest.mark.tensorflow
pytest.importorskip("constriction", reason="pip install keras-vae[compression]")

NAMES = ["a.png", "sub/b.png", "sub/c.jpg"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = kv.CompressiveAutoencoder(*kv.nets.dense((6, 5, 1), 4, hidden=(8,)), seed=0)
    model.decoder.layers[-2].bias.assign(np.full(30, 0.5))
    return str(save_model(model, tmp_path_factory.mktemp("run") / "model.keras"))


@pytest.fixture
def pictures(tmp_path):
    random, folder = np.random.default_rng(0), tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name in NAMES:
        Image.fromarray(random.integers(0, 256, (6, 5), "uint8")).save(folder / name)
    return folder


def test_a_folder_comes_back_as_the_model_reconstructs_it(run, pictures, tmp_path):
    file, again = tmp_path / "pictures.kvae", tmp_path / "again"
    assert compress(run, pictures, file) == 0
    assert compress(run, file, again) == 0
    found = sorted(str(p.relative_to(again)) for p in again.rglob("*.png"))
    assert found == ["a.png", "sub/b.png", "sub/c.jpg.png"]
    model = keras.saving.load_model(run)
    for name, new in zip(NAMES, found, strict=True):
        x = np.asarray(Image.open(pictures / name))[None, ..., None] / np.float32(255)
        wanted = np.rint(255 * np.clip(np.asarray(model(x))[0, ..., 0], 0, 1))
        np.testing.assert_array_equal(np.asarray(Image.open(again / new)), wanted)
    for target in (file, again):
        with pytest.raises(FileExistsError, match="Expected a new TARGET"):
            compress(run, pictures, target)


def test_a_damaged_file_leaves_no_folder(run, pictures, tmp_path):
    file = tmp_path / "pictures.kvae"
    compress(run, pictures, file)
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match="truncated or altered"):
        compress(run, file, tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png"])
def test_names_that_lead_out_of_the_folder_are_refused(name):
    with pytest.raises(ValueError, match="leads out of it"):
        _names(zlib.compress(json.dumps(["good.png", name]).encode()))


def test_pictures_of_another_size_and_files_that_are_none_are_refused(run, pictures, tmp_path):
    Image.fromarray(np.zeros((7, 5), "uint8")).save(pictures / "z.png")
    with pytest.raises(ValueError, match=r"(?s)Expected images of \(6, 5, 1\).*z\.png"):
        compress(run, pictures, tmp_path / "new")
    (pictures / "z.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"Expected an image. Received: .*z\.png"):
        compress(run, pictures, tmp_path / "new")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="Received: none in"):
        compress(run, tmp_path / "empty", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_bad_input_is_exit_code_2_and_help_needs_no_model(tmp_path):
    done = run_program("-m", "export.compress", tmp_path / "no", tmp_path, tmp_path / "new")
    assert done.returncode == 2 and "Expected a run directory" in done.stderr
    assert run_program("-m", "export.compress", "--help").returncode == 0


def test_the_benchmark_counts_the_bytes_of_the_whole_file(run):
    from benchmarks.compression import rate_and_distortion

    images = np.random.default_rng(2).integers(0, 256, (50, 6, 5, 1), "uint8")
    model = keras.saving.load_model(run)
    found = rate_and_distortion(model, images)
    blob = kv.compression.compress(model, images / np.float32(255))
    assert found["bytes"] == len(blob)
    assert found["bits a pixel"] == pytest.approx(8 * len(blob) / 1500)
    wanted = np.rint(255 * np.clip(np.asarray(model(images / np.float32(255))), 0, 1))
    error = np.mean((images - wanted) ** 2) / 255**2
    assert found["PSNR of mean error, dB"] == pytest.approx(-10 * np.log10(error), abs=1e-6)
