"""Every file of a served version, damaged: refused by what verifies and by what loads it."""

import functools
import shutil

import numpy as np
import pytest

from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model import program
from keras_vae.export.verification import artifacts, integrity
from keras_vae.training.runs import run_directory
from tests.support import serving
from tests.training.test_bad_programs import trained

pytestmark = pytest.mark.tensorflow
DAMAGE = {
    "cut by two bytes": lambda content: content[:-2],
    "cut in half": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "first bit flipped": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "middle bit flipped": lambda content: _flipped(content, len(content) // 2),
    "last bit flipped": lambda content: _flipped(content, len(content) - 1),
    "removed": None,
}


def _flipped(content, position):
    return content[:position] + bytes([content[position] ^ 64]) + content[position + 1 :]


@functools.cache
def version():
    path = serving.folder() / "damaged-versions.keras"
    path.write_bytes(trained())
    return program.write_version(run_directory.open_run(path), serving.folder() / "damaged" / "vae")


def files():
    return sorted(p.relative_to(version()) for p in version().rglob("*") if p.is_file())


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damaged_file_of_a_version_is_refused_by_verification_and_by_the_loader(
    damage, tmp_path
):
    assert len(files()) >= 6
    for number, name in enumerate(files(), start=1):
        folder = shutil.copytree(version(), tmp_path / str(number))
        content = (folder / name).read_bytes()
        if damage == "removed":
            (folder / name).unlink()
        elif content:
            (folder / name).write_bytes(DAMAGE[damage](content))
        if not content and damage != "removed":
            continue
        if name.name == integrity.FILE and damage == "removed":
            continue  # The next test.
        for read in (artifacts.identify, cpp_loader.SavedModel):
            with pytest.raises((ValueError, FileNotFoundError)) as caught:
                read(folder)
            assert "Expected" in str(caught.value) and "Received" in str(caught.value), name
            assert str(folder) in str(caught.value), name


def test_a_version_without_its_card_answers_as_before_and_says_that_nothing_is_known(
    tmp_path, capsys
):
    folder = shutil.copytree(version(), tmp_path / "1")
    (folder / integrity.FILE).unlink()
    artifacts.identify(folder)
    assert "has no model_card.json" in capsys.readouterr().out
    x = serving.images(2)
    with cpp_loader.SavedModel(folder) as bare, cpp_loader.SavedModel(version()) as whole:
        one, other = (model.run("encode", {"x": x}) for model in (bare, whole))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_a_word_of_the_card_that_was_changed_is_refused(tmp_path):
    folder = shutil.copytree(version(), tmp_path / "1")
    card = folder / integrity.FILE
    card.write_text(card.read_text().replace('"VAE"', '"GAN"').replace("ConvVAE", "ConvGAN"))
    with pytest.raises(ValueError, match="in which model_card.json was changed"):
        integrity.read(folder)
