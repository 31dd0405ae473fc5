"""What export.verify reads of files and refuses, and its runtimes in this process."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import keras_vae
from keras_vae.export.runtimes import base, registry, worker
from keras_vae.export.verification import artifacts, measurement
from tests.export.test_verify import _keras_once, changed, program, tflite, wrong_scale  # noqa: F401
from tests.support import serving
from tests.support.litert_files import digits

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def _in_this_process(monkeypatch):
    """A runtime takes seconds to start in a process of its own, and to be timed."""

    def run(command, **options):
        assert command[1:3] == ["-m", "keras_vae.export.runtimes.worker"]
        return subprocess.CompletedProcess(command, worker.main(command[3:]), "", "")

    monkeypatch.setattr(measurement.subprocess, "run", run)
    monkeypatch.setattr(worker, "RUNS", 1)
    monkeypatch.setattr(worker, "LATENCY_BATCHES", (1,))


@pytest.mark.slow
@pytest.mark.usefixtures("_in_this_process")
def test_a_file_and_a_saved_model_are_compared_with_keras(tmp_path):
    paths = (tflite(None), serving.saved_model("WideVAE"))
    report = tmp_path / "report.json"
    assert program(*paths, "--examples", 3, "--runtimes", "litert", "python", "--json", report) == 0
    keras, *rows = json.loads(report.read_text())["rows"]
    assert [row["runtime"] for row in (keras, *rows)] == ["Keras", "LiteRT", "SavedModel, Python"]
    assert set(rows[0]["differences"]) == {"decode"}
    assert {"encode", "decode", "score", "sample"} <= set(rows[1]["differences"])
    for row, path in zip(rows, paths, strict=True):
        assert row["artifact"] == str(path) and row["missed"] == [] and row["size"] > 0
        assert all(0 < times["1"]["p50_ms"] for times in row["latency"].values())


@pytest.mark.slow
@pytest.mark.usefixtures("_in_this_process")
def test_the_best_file_is_picked_among_those_that_are_right(tmp_path, capsys):
    wrong = changed(tflite("dynamic"), tmp_path / "wrong.tflite", wrong_scale)
    options = ("--examples", 3, "--runtimes", "litert", "--budget")
    assert program(tflite(None), wrong, *options, "--markdown", tmp_path / "table.md") == 0
    output = capsys.readouterr().out
    assert f"within the tolerances: {tflite(None)} in LiteRT" in output
    assert "- LiteRT, wrong.tflite: decode/reconstruction: a PSNR" in output
    assert (tmp_path / "table.md").read_text() in output
    assert program(wrong, *options) == 1
    assert "No artifact meets the tolerances." in capsys.readouterr().out


@pytest.mark.slow
def test_the_interpreter_and_the_compiled_model_answer_alike(tmp_path):
    options = {"format": "litert", "quantize": "int8", "io": "int8", "calibration": digits(64)}
    path = serving.model("WideVAE").export(
        tmp_path / "m.tflite", endpoints=["encode", "decode"], batch_size=2, **options
    )
    runtimes = [registry.RUNTIMES[name].open(path) for name in ("litert", "compiled_model")]
    requests = {"encode": {"x": digits(5)}, "decode": {"z": np.ones((5, 3), "float32")}}
    for signature, inputs in requests.items():
        one, other = (base.run_in_batches(found, signature, inputs, 2) for found in runtimes)
        assert set(one) == set(other)
        for name, values in one.items():
            assert len(np.unique(values)) > 3 and values.dtype == "float32"
            np.testing.assert_array_equal(values, other[name])


@pytest.mark.slow
def test_an_output_of_two_names_is_one_tensor(tmp_path):
    """The score of a plain autoencoder is its reconstruction error."""
    model = keras_vae.Autoencoder(*keras_vae.nets.dense((6,), 2, (8,)), likelihood="normal")
    path = model.export(tmp_path / "m.tflite", format="litert", endpoints=["score"])
    x = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    opened = registry.RUNTIMES["compiled_model"].open(path)
    found = base.run_in_batches(opened, "score", {"x": x}, 1)
    assert set(found) == {"score", "reconstruction_error"}
    for values in found.values():
        np.testing.assert_allclose(values, model.score(x), rtol=1e-5)


INT8 = pytest.param("int8", marks=pytest.mark.slow)


@pytest.mark.parametrize("quantize", [None, "float16", "dynamic", INT8])
def test_how_a_file_is_quantized_is_read_from_its_tensors(quantize, tmp_path):
    path = shutil.copy(tflite(quantize), tmp_path / "any_name_float64.tflite")
    assert artifacts.identify(path).quantization == quantize


def test_an_artifact_that_no_chosen_runtime_runs_is_bad_input_and_not_good(capsys):
    assert program(tflite(None), "--runtimes", "cpp") == 2
    assert f"Expected a runtime that runs {tflite(None)}: litert" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("op", "why"),
    [
        ("FlexErf", "a device has builtin ops only"),
        ("RANDOM_STANDARD_NORMAL", "another one each time"),
        ("READ_VARIABLE", "weights would not be in the file"),
    ],
)
def test_a_file_that_a_device_cannot_run_or_repeat_is_bad_input(tmp_path, capsys, op, why):
    from keras_vae.export.litert.allowed_ops import schema

    def add(model):
        code = schema().OperatorCodeT()
        code.version = 1
        if op.startswith("Flex"):
            code.customCode, code.builtinCode = op.encode(), 32
        else:
            code.builtinCode = getattr(schema().BuiltinOperator, op)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        model.operatorCodes.append(code)

    path = changed(tflite(None), tmp_path / "op.tflite", add)
    assert program(path) == 2
    error = capsys.readouterr().err
    assert op in error and why in error


@pytest.mark.slow
def test_a_change_anywhere_in_a_tflite_is_refused_as_bad_input(tmp_path):
    """Each of the first bytes, where offsets are, the last, where ops are, and some between."""
    content = tflite("int8").read_bytes()
    generator = np.random.default_rng(0)
    # The name of the entry with the hash, too.
    names = {found.start() for found in re.finditer(b"keras_vae|sha256", content)}
    places = names | {*range(0, 64, 3), *range(len(content) - 200, len(content), 7)}
    for place in sorted(places | {*generator.integers(len(content), size=60).tolist()}):
        changed_content = bytearray(content)
        changed_content[place] ^= 1 << int(generator.integers(8))
        (tmp_path / "a.tflite").write_bytes(changed_content)
        with pytest.raises(ValueError, match="Expected (the file as it was|a whole .tflite file)"):
            artifacts.identify(tmp_path / "a.tflite")
    for end in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "a.tflite").write_bytes(content[:end])
        with pytest.raises(ValueError, match="Expected"):
            artifacts.identify(tmp_path / "a.tflite")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Expected an artifact"),
        (["nowhere"], "Expected an artifact. Received: nowhere, which does not exist"),
        (
            ["README.md"],
            "Expected a folder with saved_model.pb, a .tflite file, .onnx files, .xml files of",
        ),
        (["README.md", "--runtimes", "abacus"], "Expected runtimes among keras"),
        (["README.md", "--json", "no/folder.json"], "Expected a file in a folder that exists"),
        (["README.md", "--json", "r", "--markdown", "./r"], "one path for each of"),
        (["README.md", "--json", "README.md"], "one path for each of"),
        (["README.md", "--examples", "0"], "Expected --examples of at least 1"),
        (["README.md", "--libtensorflow", "docs"], "scripts/old_tensorflow.sh fetches"),
    ],
)
def test_bad_arguments_are_an_error(monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(serving.ROOT)
    assert program(*arguments) == 2
    assert message in capsys.readouterr().err


def test_a_runtime_that_dies_is_a_row_of_the_table(monkeypatch):
    monkeypatch.setattr(measurement, "WORKER_SECONDS", 0.01)
    with pytest.raises(RuntimeError, match="no answer within 0.01 s"):
        measurement.run_worker(
            measurement.Job("litert", artifacts.identify(tflite(None))),
            {"decode": {"z": np.zeros((1, 3), "float32")}},
        )


def test_rows_beyond_the_last_whole_batch_are_filled_up_and_cut_off():
    seen = []

    def double(_, inputs):
        seen.append(inputs["x"].tolist())
        return {"y": 2 * inputs["x"]}

    opened = base.Opened("", {"f": 2}, double, 0)
    answers = base.run_in_batches(opened, "f", {"x": np.arange(5)}, size=64)
    assert answers["y"].tolist() == [0, 2, 4, 6, 8]
    assert seen == [[0, 1], [2, 3], [4, 4]]


def test_latency_leaves_the_first_call_out():
    calls = []
    times = worker._times(lambda: calls.append(1))
    assert len(calls) == len(times) + 1
    assert len(times) == worker.RUNS


def test_only_the_first_wanted_signature_is_timed():
    from keras_vae.export.runtimes import worker

    opened = base.Opened("", {"a": 1, "b": 1}, lambda *_: {}, 0)
    requests = {name: {"x": np.zeros(1)} for name in "ab"}
    assert set(worker.measure_latency(opened, requests, 1, ("c", "b", "a"))) == {"b"}
    assert set(worker.measure_latency(opened, requests, 1)) == {"a", "b"}
