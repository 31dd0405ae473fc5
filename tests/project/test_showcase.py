"""The pictures of the README and the guides are drawn, and each shows something."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tools.showcase import __main__ as program

BROWSER = all(shutil.which(name) for name in ("chromium", "chromedriver", "npm"))


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", program.NAMES)
def test_a_picture_is_drawn(name, tmp_path):
    if name == "hero" and not BROWSER:
        pytest.skip("needs Debian's chromium and chromium-driver, and npm for the runtime")
    assert program.showcase(tmp_path, "digits", (name,), train=160, epochs=1) == 0
    (path,) = tmp_path.iterdir()
    with Image.open(path) as picture:
        assert path.name == f"{name}.png" and np.asarray(picture.convert("L")).std() > 1


def test_an_unknown_picture_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="Expected pictures among.*'hero'"):
        program.showcase(tmp_path / "new", "digits", ("heroe",))
    assert not (tmp_path / "new").exists()
