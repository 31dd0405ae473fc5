"""An export replaces another one only on demand, and only once the new one is whole."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.export import writers

pytestmark = pytest.mark.tensorflow


def model(seed):
    keras.utils.set_random_seed(seed)
    return kv.Autoencoder(*kv.nets.dense((3,), 2, (2,)), seed=0)


def fake_writer(monkeypatch):
    """Writers that write the first weight, in no time."""

    def write(model, path, endpoints):
        text = str(sum(np.abs(weight).sum() for weight in model.get_weights()))
        if path.suffix == ".tflite":
            path.write_text(text)
        else:
            path.mkdir()
            (path / "saved_model.pb").write_text(text)

    names = ("tf_saved_model", "litert")
    monkeypatch.setattr(writers, "_import_writers", lambda: dict.fromkeys(names, write))


def content(path):
    return {p.name: p.read_text() for p in ([path] if path.is_file() else path.iterdir())}


PLACES = [("models/1", "tf_saved_model"), ("vae.tflite", "litert")]


@pytest.mark.parametrize(("name", "format"), PLACES)
def test_an_export_is_replaced_on_demand(name, format, tmp_path, monkeypatch):
    fake_writer(monkeypatch)
    path = model(0).export(tmp_path / name, format=format, endpoints=["encode"], overwrite=True)
    before = content(path)
    with pytest.raises(FileExistsError, match="or give overwrite=True; nothing was changed"):
        model(1).export(path, format=format, endpoints=["encode"])
    assert content(path) == before
    assert model(1).export(path, format=format, endpoints=["encode"], overwrite=True) == path
    assert content(path) != before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(("name", "format"), PLACES)
def test_a_failed_export_leaves_the_old_one(name, format, tmp_path, monkeypatch):
    fake_writer(monkeypatch)
    path = model(0).export(tmp_path / name, format=format)
    before = content(path)

    def fail(*given):
        raise OSError("the disk is full")

    monkeypatch.setattr(writers, "_import_writers", lambda: {format: fail})
    with pytest.raises(OSError, match="full"):
        model(1).export(path, format=format, overwrite=True)
    assert content(path) == before and [p.name for p in path.parent.iterdir()] == [path.name]


def test_nothing_but_an_export_is_replaced(tmp_path, monkeypatch):
    fake_writer(monkeypatch)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_text("a photo")
    (tmp_path / "folder.tflite").mkdir()
    for name, format in (("photos", "tf_saved_model"), ("folder.tflite", "litert")):
        with pytest.raises(FileExistsError, match="exports of the same format alone"):
            model(0).export(tmp_path / name, format=format, overwrite=True)
    assert (tmp_path / "photos/a.png").read_text() == "a photo"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("other", ["README.md", "variables/notes.txt", "assets/words.txt"])
def test_files_of_others_in_an_export_stay(other, late, tmp_path, monkeypatch):
    fake_writer(monkeypatch)
    path = model(0).export(tmp_path / "1")
    (path / "variables").mkdir()
    (path / "variables/variables.data-00000-of-00001").write_text("weights")
    before = (path / "saved_model.pb").read_text()

    def add():
        (path / other).parent.mkdir(exist_ok=True)
        (path / other).write_text("mine")

    if late:  # While the new export is written.
        write = writers._import_writers()["tf_saved_model"]
        both = lambda *given: (write(*given), add())  # noqa: E731
        monkeypatch.setattr(writers, "_import_writers", lambda: {"tf_saved_model": both})
    else:
        add()
    with pytest.raises(FileExistsError, match=f"Received: {other} in .*nothing was changed"):
        model(1).export(path, overwrite=True)
    assert (path / other).read_text() == "mine"
    assert (path / "saved_model.pb").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


@pytest.mark.long
def test_a_real_export_is_replaced(tmp_path):
    import tensorflow as tf

    x = np.ones((2, 3), "float32")
    path = model(0).export(tmp_path / "1", endpoints=["encode"])
    second = model(1)
    second.export(path, endpoints=["encode"], overwrite=True)
    found = tf.saved_model.load(str(path)).signatures["encode"](x=tf.constant(x))["z"]
    np.testing.assert_allclose(found, second.encode(x), rtol=1e-5)
