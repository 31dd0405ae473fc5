"""OpenVINO files: what they hold, what OpenVINO answers with them, and what is refused.

What they share with ONNX files is tested there.
"""

import gc
import json
import os
import shutil
import signal
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import ToleranceError, UnavailableError, UsageError
from keras_vae.export import writers
from keras_vae.export.openvino_files import files, representation, writer
from keras_vae.export.openvino_files.files import read_metadata
from tests.support.artifacts import CASES, READINGS, preprocessed_vae
from tests.support.litert_files import VARIATIONAL, digits, psnr
from tests.support.models import array
from tests.support.onnx_models import decoded_by_numpy, vae

pytestmark = pytest.mark.tensorflow
# Quotes and brackets, which XML writes otherwise.
LABELS = ["it's", 'a "zero"', "<b>&é"]
Z = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two endpoints."""
    path = tmp_path_factory.mktemp("openvino") / "vae"
    names = ["decode", "encode"]
    return vae().export(
        path, format="openvino", endpoints=names, calibration=digits(64), labels=LABELS
    )


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def ask(path, **inputs):
    """The answers of a file in OpenVINO, by name."""
    model = representation.core().read_model(path)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    answer = representation.core().compile_model(model, "CPU", settings)(inputs)
    names = [port.get_any_name() for port in model.outputs]
    return {name: answer[name] for name in names}


def test_a_signal_afterwards_is_handled(folder):
    """The stack for signals of `faulthandler`, which is on here, is too small for AMX."""
    ask(folder / "decode.xml", z=Z)
    gc.collect()
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("handled"))
    os.kill(os.getpid(), signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)
    assert seen == ["handled"]


def test_an_endpoint_is_two_files_that_answer_as_numpy_does(folder):
    ends = (".bin", ".xml")
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{name}{end}" for name in ("decode", "encode") for end in ends
    ]
    found = ask(folder / "decode.xml", z=Z)
    np.testing.assert_allclose(found["reconstruction"], decoded_by_numpy(vae(), Z), atol=1e-6)
    x = digits(3)
    x[1, 0, 0] = np.nan
    found = ask(folder / "encode.xml", x=x)
    assert found.keys() == VARIATIONAL["encode"]
    np.testing.assert_array_equal(np.isnan(found["z_mean"]).all(axis=1), [False, True, False])
    with pytest.raises(RuntimeError, match="shape"):
        ask(folder / "encode.xml", x=x[:, 1:])


def test_a_graph_has_the_names_of_the_endpoint_alone(folder):
    for name, outputs in (("decode", {"reconstruction"}), ("encode", VARIATIONAL["encode"])):
        model = representation.core().read_model(folder / f"{name}.xml")
        assert {frozenset(port.get_names()) for port in model.outputs} == {
            frozenset({name}) for name in outputs
        }


def test_a_file_describes_itself_to_openvino_too(folder):
    about = read_metadata(folder / "encode.xml")
    model = representation.core().read_model(folder / "encode.xml")
    assert json.loads(model.get_rt_info("keras_vae").value) == about
    assert about["labels"] == LABELS and about["quantization"] is None
    entry = about["endpoints"]["encode"]["inputs"]["x"]
    assert entry == {"shape": [None, 8, 8, 1], "dtype": "float32", "range": [0.0, 1.0]}
    assert about["verification"]["differences"]["encode"]["z_mean"]["relative"] < 1e-5
    assert about["versions"]["openvino"]


@pytest.mark.long
def test_existing_files_are_compared_with_the_model(folder):
    found = writer.verify(vae(), folder, digits(32))
    assert set(found) == {"decode", "encode"} and found["encode"]["z_mean"].relative < 1e-5
    assert set(writer.verify(vae(), folder / "decode.xml")) == {"decode"}
    other = kv.VAE(*kv.nets.dense((8, 8, 1), 4, (32,), heads=2), likelihood="bernoulli", seed=1)
    with pytest.raises(ToleranceError, match="Expected a file that answers as the model does"):
        writer.verify(other, folder)


def test_a_change_of_any_bit_of_either_file_is_refused(copy):
    generator = np.random.default_rng(0)
    for path in (copy / "decode.xml", copy / "decode.bin"):
        content = path.read_bytes()
        for place in generator.integers(len(content), size=40):
            changed = bytearray(content)
            changed[place] ^= 1 << int(generator.integers(8))
            path.write_bytes(changed)
            with pytest.raises(UsageError, match=r"Expected (the file as it was|an \.xml file)"):
                files.check(files.read(copy))
        path.write_bytes(content)
    assert set(files.read(copy)) == {"decode", "encode"}


def test_weights_that_are_missing_or_of_another_file_are_refused(copy):
    (copy / "decode.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"no decode\.bin. \(Copy both files"):
        files.read(copy)
    shutil.copy(copy / "encode.bin", copy / "decode.bin")
    with pytest.raises(UsageError, match=r"belongs to another \.xml file"):
        files.read(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expected an .xml file of OpenVINO"),
        (b"<net><layers/>", "Expected an .xml file of OpenVINO"),
        (b"<annotation/>", "Expected an .xml file of OpenVINO"),
        (b'<!DOCTYPE a [<!ENTITY b "b">]><net><layers/></net>', "Expected an .xml file of OpenVIN"),
        (b"<net><layers/></net>", "Expected a .xml file that keras_vae wrote"),
    ],
)
def test_a_file_of_something_else_is_refused(content, message, tmp_path):
    path = tmp_path / "m.xml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        files.read(path)


@pytest.mark.parametrize(
    ("kind", "version", "bad"),
    [("RandomUniform", "opset8", True), ("Read", "extension", True), ("MatMul", "opset1", False)],
)
def test_ops_that_do_not_repeat_are_refused_also_in_loops(kind, version, bad):
    inside = f'<layers><layer type="{kind}" version="{version}"/></layers>'
    layer = f'<layer type="Loop" version="opset5"><body>{inside}</body></layer>'
    root = files._parse(f"<net><layers>{layer}</layers></net>".encode(), "m.xml")
    if not bad:
        return files.refuse_unrunnable(root)
    with pytest.raises(UsageError, match=f"Received: {kind}"):
        files.refuse_unrunnable(root)


@pytest.mark.parametrize(
    ("name", "format", "advice"),
    [
        ("m.xml", "openvino", "a folder, such as vae-openvino.*a folder with an .xml and a .bin"),
        ("m.xml", "onnx", "format='openvino' writes a folder"),
        ("m.onnx", "openvino", "For a .onnx file use format='onnx'"),
    ],
)
def test_a_name_that_says_something_else_is_refused(name, format, advice, tmp_path):
    with pytest.raises(UsageError, match=advice):
        vae().export(tmp_path / name, format=format)
    assert not list(tmp_path.iterdir())


def test_an_export_is_replaced_on_demand_and_other_xml_files_are_kept(copy):
    writers._check_replaceable(copy, "openvino", overwrite=True)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        vae().export(copy, format="openvino", endpoints=["decode"])
    (copy / "boxes.xml").write_text("<annotation/>")
    with pytest.raises(FileExistsError, match=r"boxes\.xml"):
        vae().export(copy, format="openvino", endpoints=["decode"], overwrite=True)


def test_without_openvino_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(representation.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r"pip install \"keras-vae\[openvino\]"):
        vae().export(tmp_path / "m", format="openvino")
    assert not list(tmp_path.iterdir())


def test_the_import_of_openvino_reports_to_no_one(tmp_path, monkeypatch):
    """Its real import calls the telemetry, if that can be imported."""
    called = "try:\n    import openvino_telemetry\n    sent = True\n"
    (tmp_path / "openvino.py").write_text(called + "except ImportError:\n    sent = False\n")
    (tmp_path / "openvino_telemetry.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0].startswith("openvino")]:
        monkeypatch.delitem(sys.modules, name)
    assert representation.import_openvino().sent is False
    monkeypatch.delitem(sys.modules, "openvino")
    import openvino_telemetry  # Others can import it.

    assert openvino_telemetry.__file__ == str(tmp_path / "openvino_telemetry.py")


@pytest.mark.long
@pytest.mark.parametrize(("quantize", "least", "share"), [("float16", 80, 0.52), ("int8", 40, 0.4)])
def test_weights_may_be_smaller(quantize, least, share, folder, tmp_path):
    path = vae().export(
        tmp_path / "m",
        format="openvino",
        endpoints=["decode"],
        quantize=quantize,
        calibration=digits(64),
    )
    assert files.check(files.read(path)) == quantize
    sizes = [(where / "decode.bin").stat().st_size for where in (path, folder)]
    assert sizes[0] < share * sizes[1]
    z = np.asarray(vae().encode(digits(64)))
    found = ask(path / "decode.xml", z=z)["reconstruction"]
    assert psnr(decoded_by_numpy(vae(), z), found) > least


@pytest.mark.long
def test_a_seed_gives_the_sample_that_the_model_draws(tmp_path):
    path = vae().export(tmp_path / "m", format="openvino", batch_size=3)
    assert {one.stem for one in path.iterdir()} == VARIATIONAL.keys()
    seeds = kv.random.row_seeds(3, 3)
    found = ask(path / "sample.xml", seed=seeds)
    np.testing.assert_allclose(found["reconstruction"], vae().sample(3, seed=3), atol=1e-5)
    assert read_metadata(path / "sample.xml")["batch_size"] == 3


@pytest.mark.slow
def test_a_gap_is_filled_as_by_keras(tmp_path):
    """OpenVINO takes NaN for greater than any number."""
    model = preprocessed_vae()
    x = np.repeat(np.nan_to_num(READINGS[:1]), 4, axis=0)
    x[0, 0], x[1, -1], x[2, 1:3] = np.nan, np.nan, np.nan
    path = model.export(tmp_path / "m.onnx", format="onnx", endpoints=["score"])
    found = ask(path, x=x)["score"]
    np.testing.assert_allclose(found, array(model.score(x)), rtol=1e-4)
    assert np.isfinite(found).all() and len(np.unique(found)) == 4


@pytest.mark.long
@pytest.mark.parametrize("name", ["vq_vae", "detector_likelihood"])
def test_other_models_answer_as_keras_does(name, tmp_path):
    case = next(case for case in CASES if case.id == name)
    model = case.make()
    path = model.export(tmp_path / "m", format="openvino", calibration=case.x)
    assert writer.verify(model, path, case.x).keys() == model.endpoints().keys()


def test_many_rows_of_a_mixture_prior_have_the_scores_of_keras(tmp_path):
    """OpenVINO's kernels for many rows are others than those for a few."""
    keras.utils.set_random_seed(7)
    networks = kv.nets.dense((64,), 16, (32,), heads=2)
    model = kv.VampVAE(*networks, components=50, likelihood="bernoulli", seed=0)
    x = np.random.default_rng(0).random((300, 64), "float32")
    file = model.export(tmp_path / "score.onnx", format="onnx", endpoints=["score"])
    for _ in range(3):  # What it read beyond the end was another number each time.
        run = representation.asker(representation.core().read_model(file), ["score"])
        np.testing.assert_allclose(run({"x": x})["score"], array(model.score(x)), rtol=1e-5)
