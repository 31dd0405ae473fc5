"""Models of another backend than the converter's are exported in a process, or refused."""

import functools
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import ConversionError, ToleranceError, UnavailableError, UsageError
from keras_vae.export import other_backends
from keras_vae.export.runtimes import arrays
from tests.support.models import CASES, FEW, IMAGES, array, uniform

X = uniform(40, 6)


@functools.cache
def vae():
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((6,), 3, (5,), heads=2)
    model = kv.VAE(*networks, likelihood="bernoulli", seed=0)
    model.compile("adam")
    model.fit(X, epochs=1, batch_size=20, verbose=0)
    return model


def export(model, path, format="tf_saved_model", endpoints=None, overwrite=False, **options):
    """The export in another process, on every backend."""
    return other_backends.export(model, path, format, endpoints, overwrite, options)


def relative_error(found, wanted):
    return np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max())


@pytest.mark.slow
def test_a_saved_model_answers_as_the_backend_does(tmp_path):
    from keras_vae.export.runtimes.cpp_loader import SavedModel

    model = vae()
    path = (
        export(model, tmp_path / "vae/1") if on_tensorflow() else model.export(tmp_path / "vae/1")
    )
    with SavedModel(path) as served:
        assert relative_error(served.run("score", {"x": X})["score"], array(model.score(X))) < 1e-5
        found = served.run("sample", {"seed": kv.random.row_seeds(4, 3)})["reconstruction"]
    assert relative_error(found, array(model.sample(4, seed=3))) < 1e-5


def detector():
    model = kv.AnomalyDetector(vae(), "elbo")
    model.fit_threshold(X, false_positive_rate=0.1)
    return model


def with_sampler():
    model = kv.RAE(*kv.nets.dense((6,), 3, (5,)), seed=0)
    model.compile("sgd")
    model.fit(X, epochs=1, verbose=0)
    model.fit_sampler(X, components=2)
    return model


def with_prior():
    model = next(case for case in CASES if case.id == "vq_vae").trained()
    labels = np.arange(len(IMAGES)) % 2
    sizes = {"width": 8, "blocks": 1, "heads": 2, "epochs": 1, "verbose": 0}
    model.fit_prior(IMAGES, labels, "autoregressive", **sizes)
    return model


KINDS = {
    **{case.id: case.trained for case in CASES if case.id in FEW},
    **{"detector": detector, "sampler": with_sampler, "prior": with_prior},
}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """The folder of each kind of model, after one process has exported all of them."""
    folders = {kind: tmp_path_factory.mktemp("jobs") / kind for kind in KINDS}
    with pytest.MonkeyPatch.context() as patch:
        for kind, folder in folders.items():
            patch.setattr(other_backends, "_run", lambda job, _, to=folder: copytree(job, to))
            KINDS[kind]().export(folder.with_name(f"{kind}-1"))
    done = other_backends._start(*folders.values())
    assert done.returncode in (0, other_backends.REFUSED), done.stderr[-3000:]
    return folders


@pytest.mark.slow
@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_answers_on_tensorflow_as_on_its_backend(jobs, kind):
    """The process compares all endpoints before it writes the file."""
    report = jobs[kind] / other_backends.REPORT
    assert not report.exists(), report.read_text()
    assert (jobs[kind].with_name(f"{kind}-1") / "saved_model.pb").is_file()


@pytest.mark.slow
def test_onnx_and_litert_answer_as_the_backend_does(tmp_path):
    from keras_vae.export.litert.answers import file_answers
    from keras_vae.export.onnx_files import answers

    model = vae()
    z = array(model.encode(X))
    call = export if on_tensorflow() else lambda model, path, **rest: model.export(path, **rest)
    onnx = call(model, tmp_path / "d.onnx", format="onnx", endpoints=["decode"])
    found = answers.ask(answers.open_session(onnx.read_bytes()), {"z": z})["reconstruction"]
    assert relative_error(found, array(model.decode(z))) < 1e-5
    options = {"endpoints": ["decode"], "quantize": "dynamic", "calibration": X}
    lite = call(model, tmp_path / "d.tflite", format="litert", **options)
    found = file_answers(lite.read_bytes(), {"decode": {"z": z}}, 1)["decode"]["reconstruction"]
    assert 0 < relative_error(found, array(model.decode(z))) < 0.02


def on_tensorflow():
    return keras.backend.backend() == "tensorflow"


@pytest.mark.slow
def test_an_error_of_the_process_is_raised_here(tmp_path):
    model = vae()
    with pytest.raises(ToleranceError, match="at least 190 dB is needed"):
        export(
            model,
            tmp_path / "m.tflite",
            format="litert",
            endpoints=["encode"],
            min_psnr=200.0,
            quantize="dynamic",
        )
    assert not list(tmp_path.iterdir())


@pytest.fixture
def no_process(monkeypatch):
    """The export stops before its process; gives the jobs."""
    jobs = []

    def run(folder, backend):
        jobs.append(json.loads((folder / "job.json").read_text()))
        jobs[-1]["process"] = backend
        jobs[-1]["answers"] = arrays.read(folder / "answers.npz")
        jobs[-1]["calibration"] = (folder / "calibration.npz").is_file()

    monkeypatch.setattr(other_backends, "_run", run)
    return jobs


def test_all_that_was_given_reaches_the_process(no_process, tmp_path):
    model = vae()
    options = {"calibration": X, "min_psnr": np.float32(30), "labels": ["a", "b"]}
    path = export(model, tmp_path / "m.tflite", "litert", ["decode"], True, **options)
    (job,) = no_process
    assert job["path"] == str(path) and job["calibration"] and job["modules"] == []
    assert job["arguments"] == {
        **{"format": "litert", "endpoints": ["decode"], "overwrite": True},
        **{"min_psnr": 30.0, "labels": ["a", "b"]},
    }
    assert set(job["answers"]) == {"decode"} and job["process"] == "tensorflow"


def test_the_process_has_the_backend_of_the_converter(no_process, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    export(vae(), tmp_path / "m.pt2", "torch", ["decode"])
    assert [job["process"] for job in no_process] == ["torch"]


@keras.saving.register_keras_serializable("test_other_backends")
class Shift(keras.layers.Layer):
    """A layer of a module that the process can import."""

    def call(self, x):
        return x + 1.0


def with_layer(layer):
    z = keras.Input((3,), name="z")
    decoder = keras.Model(z, keras.layers.Dense(6)(layer(z)))
    return kv.Autoencoder(kv.nets.dense_encoder((6,), 3, ()), decoder)


def test_modules_of_classes_are_imported_in_the_process(no_process, tmp_path):
    export(with_layer(Shift()), tmp_path / "m")
    assert no_process[0]["modules"] == [__name__]


def test_a_class_of_a_notebook_is_refused_with_the_way_out(no_process, tmp_path, monkeypatch):
    monkeypatch.setattr(Shift, "__module__", "__main__")
    with pytest.raises(UsageError, match=r"Shift, of a program or a notebook.*into a \.py file"):
        export(with_layer(Shift()), tmp_path / "m")
    assert no_process == []


def test_a_class_that_is_not_registered_is_refused_with_the_way_out(no_process, tmp_path):
    class Double(keras.layers.Layer):
        def call(self, x):
            return 2.0 * x

    with pytest.raises(UsageError, match=r"Received: Double\..*register_keras_serializable"):
        export(with_layer(Double()), tmp_path / "m")
    assert no_process == []


def test_options_that_are_no_numbers_and_texts_are_refused(no_process, tmp_path):
    with pytest.raises(TypeError, match="Expected options of numbers and texts"):
        export(vae(), tmp_path / "m.onnx", "onnx", labels=object())
    assert no_process == []


def test_without_tensorflow_the_message_says_what_to_install(tmp_path, monkeypatch):
    def find(name, *rest):
        return None if name == "tensorflow" else found(name, *rest)

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(UnavailableError, match=r"pip install \"keras-vae\[tensorflow"):
        export(vae(), tmp_path / "m")


def test_a_model_that_answers_otherwise_on_tensorflow_is_refused(tmp_path):
    model = vae()
    rows = {"encode": {"x": X[:4]}}
    endpoint = model.endpoints()["encode"].function
    answers = {k: array(v) for k, v in endpoint(keras.ops.convert_to_tensor(X[:4])).items()}
    arrays.write(tmp_path / "rows.npz", rows)
    arrays.write(tmp_path / "answers.npz", {"encode": answers})
    other_backends.check_answers(model, tmp_path, "jax")
    answers["z_mean"] = answers["z_mean"] + 2e-4 * max(1, np.abs(answers["z_mean"]).max())
    arrays.write(tmp_path / "answers.npz", {"encode": answers})
    with pytest.raises(ToleranceError, match=r"as on jax.*encode/z_mean with a relative error"):
        other_backends.check_answers(model, tmp_path, "jax")


@pytest.mark.parametrize("kind", ["NotADirectoryError", "PermissionError", "OSError"])
def test_errors_of_the_file_system_stay_what_they_are(kind, tmp_path, monkeypatch):
    def run(command, **_):
        report = {"type": kind, "text": "Expected a folder."}
        Path(command[-1], "report.json").write_text(json.dumps(report))
        return subprocess.CompletedProcess(command, other_backends.REFUSED, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(OSError, match=r"Expected a folder\.") as raised:
        other_backends._run(tmp_path, "tensorflow")
    assert raised.type.__name__ == kind


def test_a_process_that_dies_is_an_error_with_its_last_words(tmp_path, monkeypatch):
    script = tmp_path / "dies.py"
    script.write_text("#!/bin/sh\necho 'the disk is on fire' >&2\nexit 9\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(ConversionError, match="exit status 9, the disk is on fire"):
        export(vae(), tmp_path / "m")
