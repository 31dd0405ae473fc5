"""A file where a folder should be, and a link that leads nowhere, are named before any work."""

import pytest

import keras_vae as kv
from keras_vae.export import writers
from keras_vae.files import folders, outputs
from keras_vae.training.runs import run_directory
from tests.support.models import FAST, dense, uniform

X = uniform(8, 6)
FORMATS = {"tf_saved_model": "1", "litert": "a.tflite", "onnx": "a.onnx", "openvino": "ir"}


@pytest.fixture
def model(monkeypatch):
    """A model that can neither be trained nor converted."""

    def fail(*given):
        raise AssertionError("no work before the check")

    monkeypatch.setattr(writers, "_import_writers", lambda: dict.fromkeys(FORMATS, fail))
    found = kv.VAE(*dense(2), seed=0)
    found.compile("sgd", **FAST)
    monkeypatch.setattr(found, "train_step", fail)
    return found


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_text("mine")
    yield tmp_path / "file"
    assert (tmp_path / "file").read_text() == "mine"


CALLBACKS = {
    "ExactResume": lambda path: kv.callbacks.ExactResume(path),
    "LatentBoard": lambda path: kv.callbacks.LatentBoard(path, X),
    "SafeCheckpoint": lambda path: kv.callbacks.SafeCheckpoint(path / "m.keras"),
    "JsonLines": lambda path: kv.callbacks.JsonLines(path / "m.jsonl"),
    "StopOnNonFinite": lambda path: kv.callbacks.StopOnNonFinite(path),
}
INSTEAD = "Expected a folder as .*Received: the file .*file"


@pytest.mark.tensorflow
@pytest.mark.parametrize("inner", ["", "deeper"])
@pytest.mark.parametrize("format", FORMATS)
def test_an_export_below_a_file_is_refused_before_the_conversion(model, file, format, inner):
    with pytest.raises(NotADirectoryError, match=INSTEAD):
        model.export(file / inner / FORMATS[format], format, endpoints=["encode"])


@pytest.mark.tensorflow
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("format", FORMATS)
def test_a_link_to_nowhere_is_refused_before_the_conversion(model, tmp_path, format, overwrite):
    link = tmp_path / FORMATS[format]
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="Received: .*nothing was changed"):
        model.export(link, format, endpoints=["encode"], overwrite=overwrite)
    assert link.is_symlink() and not link.exists()


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_below_a_file_is_refused_before_the_first_step(model, file, name):
    with pytest.raises(NotADirectoryError, match=INSTEAD):
        model.fit(X, callbacks=[CALLBACKS[name](file)], verbose=0)


def test_a_preset_below_a_file_is_refused(model, file):
    with pytest.raises(NotADirectoryError, match=INSTEAD):
        model.save_to_preset(file / "preset")


def test_a_file_with_the_name_of_the_folder_of_runs_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_directory.RUNS.write_text("mine")
    with pytest.raises(NotADirectoryError, match="Expected a folder as runs"):
        run_directory.create(None, "vae_digits")


def test_a_new_file_below_a_file_is_refused_as_such(file):
    with pytest.raises(NotADirectoryError, match=INSTEAD):
        outputs.check_new_file(file / "p.kvae")


def test_a_folder_is_not_put_over_a_link_to_nowhere(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="Expected a path that does not exist yet"):
        folders.publish(tmp_path / "new", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
