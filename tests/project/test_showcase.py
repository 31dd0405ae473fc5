"""The pictures of the README and the guides are drawn, and each shows something."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tools.showcase import __main__ as program
from tools.showcase import comparisons

BROWSER = all(shutil.which(name) for name in ("chromium", "chromedriver", "npm"))


@pytest.mark.tensorflow
@pytest.mark.usefixtures("eager_functions")
@pytest.mark.parametrize("name", program.NAMES)
def test_a_picture_is_drawn(name, tmp_path, monkeypatch):
    if name == "hero" and not BROWSER:
        pytest.skip("needs Debian's chromium and chromium-driver, and npm for the runtime")
    monkeypatch.setattr(comparisons, "LIKELIHOODS", ("bernoulli", "discretized_logistic"))
    monkeypatch.setattr(comparisons, "RATE_WEIGHTS", (0.02,))
    assert program.showcase(tmp_path, "digits", (name,), train=160, epochs=1) == 0
    (path,) = tmp_path.iterdir()
    with Image.open(path) as picture:
        assert path.name == f"{name}.png" and np.asarray(picture.convert("L")).std() > 1


def test_the_file_of_a_codec_holds_all_images_as_tiles():
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), "uint8")
    coarse, fine = (comparisons._codec(images, "JPEG", quality) for quality in (10, 95))
    assert 30 < fine[1] < 60 and coarse[1] < fine[1] and coarse[0] < fine[0]
    # A header of JPEG has 150 bytes or more, so nine files would need over 18 bits a pixel.
    assert 2 < coarse[0] < 12


def test_an_unknown_picture_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="Expected pictures among.*'hero'"):
        program.showcase(tmp_path / "new", "digits", ("heroe",))
    assert not (tmp_path / "new").exists()
