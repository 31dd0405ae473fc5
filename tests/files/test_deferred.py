"""Imports that wait: nothing is loaded before its use, and all works as if it had been."""

import importlib
import subprocess
import sys

import pytest

from keras_vae import deferred

LIGHT = """
from slow.math import cube
import slow.draw as draw
try:
    import absent
except ImportError:
    absent = None
class Small: pass
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Write the package `slow`, and the module `light` that imports it."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "__init__.py").write_text("__version__ = '3'\nclass Base: pass\n")
    (tmp_path / "slow" / "math.py").write_text("def cube(x): return x**3\n")
    (tmp_path / "slow" / "draw.py").write_text("color = 'red'\n")
    (tmp_path / "light.py").write_text(LIGHT)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("slow", "light")]:
        del sys.modules[name]


def test_a_deferred_package_is_imported_at_its_first_use(packages):
    with deferred.defer({"slow", "absent"}):
        light = importlib.import_module("light")
    assert "slow" not in sys.modules
    assert light.cube(2) == 8
    assert "slow.math" in sys.modules and "slow.draw" not in sys.modules
    assert light.draw.color == "red" and "color" in dir(light.draw)
    assert importlib.import_module("slow.draw").color == "red"


def test_a_package_that_is_not_installed_is_missing(packages):
    with deferred.defer({"slow", "absent"}):
        assert importlib.import_module("light").absent is None


def test_a_package_that_is_used_in_the_block_is_imported_there(packages):
    with deferred.defer({"slow"}):
        import slow

        assert slow.__version__ == "3"
        assert "Base" in vars(sys.modules["slow"])


def test_a_module_that_is_loaded_stays(packages):
    real = importlib.import_module("slow")
    with deferred.defer({"slow"}):
        assert importlib.import_module("slow") is real


def test_a_deferred_class_is_a_base_and_a_type(packages):
    with deferred.defer({"slow"}):
        from slow import Base
    assert "slow" not in sys.modules

    class Child(Base):
        pass

    real = importlib.import_module("slow").Base
    assert issubclass(Child, real) and issubclass(Child, Base)
    assert isinstance(Child(), Base) and not isinstance(3, Base)


def test_a_name_that_the_package_has_not_is_an_error(packages):
    with deferred.defer({"slow"}):
        import slow
    with pytest.raises(AttributeError, match="color"):
        slow.color  # noqa: B018


@pytest.mark.slow
def test_programs_import_no_package_that_they_do_not_use():
    code = (
        "import sys; from keras_vae import cli; cli.prepare_tensorflow(training=True)\n"
        "print(sorted({'jax', 'matplotlib', 'scipy', 'sklearn'} & set(sys.modules)))\n"
        "import keras; from keras.src.visualization import plot_image_gallery as gallery\n"
        "print(keras.wrappers.SKLearnClassifier.__name__, gallery.plt.subplots.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "SKLearnClassifier subplots"], done.stderr
