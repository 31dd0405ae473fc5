"""export.verify on real artifacts: every runtime, the gate, exit codes, memory."""

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_vae import cli
from keras_vae.export import verify
from keras_vae.export.litert.allowed_ops import pack, unpack
from keras_vae.export.runtimes import registry
from keras_vae.export.saved_model import program as saved_model
from keras_vae.export.verification import artifacts, measurement
from keras_vae.training.runs import run_directory
from tests.support import serving

pytestmark = pytest.mark.tensorflow

EXAMPLES = 40
answers_of_keras: dict = {}


@pytest.fixture(autouse=True)
def _keras_once(monkeypatch):
    """One process for the answers of Keras to the same examples: all tests have the same run."""

    def ask(job, requests):
        if job.runtime != "keras":
            return asked(job, requests)
        count = len(requests["reconstruct"]["x"])
        if count not in answers_of_keras:
            answers_of_keras[count] = asked(job, requests)
        return answers_of_keras[count]

    asked = measurement.run_worker
    monkeypatch.setattr(measurement, "run_worker", ask)


@functools.cache
def run():
    """A run directory whose model has made a step and whose data are the 8x8 digits."""
    path = serving.folder() / "run"
    path.mkdir()
    model = serving.model("WideVAE")
    model.steps.assign(1)
    model.save(path / "model.keras")
    config = {"recipe": "test", "arguments": {}, "settings": {"data": "digits"}}
    (path / "config.json").write_text(json.dumps({**config, "image_shape": serving.SHAPE}))
    return run_directory.open_run(path)


@functools.cache
def version():
    return saved_model.write_version(run(), serving.folder() / "verified" / "vae")


@functools.cache
def tflite(quantize):
    path = serving.folder() / f"{quantize or 'plain'}.tflite"
    data = {"calibration": run().data().train[:64] / np.float32(255)} if quantize else {}
    return serving.model("WideVAE").export(
        path, format="litert", endpoints=("decode",), quantize=quantize, **data
    )


@functools.cache
def onnx_folder(quantize):
    path = serving.folder() / f"{quantize or 'plain'}-onnx"
    data = {"calibration": run().data().train[:64] / np.float32(255)} if quantize else {}
    names = ("encode", "decode") if quantize else None
    return serving.model("WideVAE").export(
        path, format="onnx", endpoints=names, quantize=quantize, **data
    )


@functools.cache
def openvino_folder():
    path = serving.folder() / "plain-openvino"
    return serving.model("WideVAE").export(path, format="openvino", endpoints=["encode", "decode"])


@functools.cache
def torch_folder():
    """The .pt2 files of the run's model, written in a process with PyTorch as its backend."""
    path = serving.folder() / "plain-torch"
    code = (
        "import sys, keras_vae; model = keras_vae.load(sys.argv[1]); "
        "model.export(sys.argv[2], format='torch', endpoints=['encode', 'decode'])"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(run().path / "model.keras"), str(path)],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        check=True,
        timeout=240,
    )
    return path


@functools.cache
def table():
    """The report and the rows of all runtimes, by runtime and name of the artifact.

    The libraries of this TensorFlow are there a second time, as if they were of another one.
    """
    from keras_vae.export.runtimes.c_api import libraries_folder

    exported = (version(), tflite(None), tflite("int8"), onnx_folder(None), onnx_folder("int8"))
    exported += (openvino_folder(),)
    if importlib.util.find_spec("torch"):
        exported += (torch_folder(),)
    paths = [artifacts.identify(path) for path in exported]
    report, rows = measurement.compare(
        run(), paths, registry.list_installed(), EXAMPLES, libraries=[libraries_folder()]
    )
    return report, {(row.runtime, row.artifact.rpartition("/")[2]): row for row in rows}


def program(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(verify.verify, [*map(str, arguments), "--against", str(run().path)])
    return stop.value.code


def test_every_installed_runtime_has_a_row_and_meets_the_bars():
    _, rows = table()
    wanted = {
        (registry.RUNTIMES[name].title, artifact)
        for name in registry.list_installed()
        for kind in registry.RUNTIMES[name].reads
        for artifact in {
            "keras": ("run",),
            "saved_model": (version().name,),
            "tflite": ("plain.tflite", "int8.tflite"),
            "onnx": ("plain-onnx", "int8-onnx"),
            "openvino": ("plain-openvino",),
            "torch": ("plain-torch",),
        }[kind]
    }
    again = rows["SavedModel, C++", version().name].version
    assert set(rows) == wanted | {(f"SavedModel, C++ {again}", version().name)}
    assert {key: row.missed for key, row in rows.items() if row.missed} == {}


def test_python_and_cpp_answer_every_signature():
    _, rows = table()
    for runtime in ("SavedModel, Python", "SavedModel, C++"):
        assert set(rows[runtime, "1"].differences) == {
            *("serving_default", "reconstruct", "encode", "decode"),
            *("score", "sample", "reconstruct_png"),
        }


def test_onnx_answers_every_endpoint_in_two_runtimes():
    _, rows = table()
    for runtime in ("ONNX Runtime", "OpenVINO"):
        row = rows[runtime, "plain-onnx"]
        assert set(row.differences) == {"reconstruct", "encode", "decode", "score", "sample"}
        assert row.largest_error < 1e-5 and set(row.latency["decode"]) == {"1", "64"}
        assert rows[runtime, "int8-onnx"].quantization == "int8"


def test_the_files_of_openvino_answer_their_endpoints():
    _, rows = table()
    row = rows["OpenVINO", "plain-openvino"]
    assert set(row.differences) == {"encode", "decode"} and row.largest_error < 1e-5
    assert row.size == sum(file.stat().st_size for file in openvino_folder().iterdir())


def test_latency_is_measured_at_batch_1_and_64_where_any_batch_goes():
    _, rows = table()
    assert set(rows["SavedModel, C++", "1"].latency["decode"]) == {"1", "64"}
    assert set(rows["LiteRT", "plain.tflite"].latency["decode"]) == {"1"}
    assert rows["saved_model_cli", "1"].latency == {}
    for row in rows.values():
        for times in row.latency.values():
            for entry in times.values():
                assert 0 < entry["p50_ms"] <= entry["p95_ms"] < 60_000


def test_peak_memory_is_that_of_the_runtime_alone():
    _, rows = table()
    assert rows["LiteRT", "plain.tflite"].peak_memory < 200e6
    assert rows["SavedModel, Python", "1"].peak_memory > 400e6
    cpp = rows["SavedModel, C++", "1"].peak_memory
    assert 200e6 < cpp < rows["SavedModel, Python", "1"].peak_memory


def test_size_is_that_of_the_artifact():
    _, rows = table()
    assert rows["LiteRT", "int8.tflite"].size == tflite("int8").stat().st_size
    folder = [path.stat().st_size for path in version().rglob("*") if path.is_file()]
    assert rows["SavedModel, C++", "1"].size == sum(folder)


def test_int8_is_measured_against_the_true_images():
    report, rows = table()
    assert report["examples"] == EXAMPLES
    assert report["source"] == "test images of digits"
    row = rows["LiteRT", "int8.tflite"]
    assert row.quantization == "int8"
    assert row.nats is not None and 0 < abs(row.nats) < 0.3
    assert row.decibels is not None and 0 < abs(row.decibels) < 0.1


def test_the_program_writes_table_and_json_and_picks(tmp_path, capsys):
    files = (tmp_path / "table.json", tmp_path / "table.md")
    arguments = ("--json", files[0], "--markdown", files[1], "--runtimes", "litert")
    code = program(tflite(None), tflite("int8"), "--examples", EXAMPLES, "--budget", *arguments)
    output = capsys.readouterr()
    assert code == 0
    content = json.loads(files[0].read_text())
    # Which of the two it is depends on the times that the machine took just now.
    costs = {}
    for row in content["rows"][1:]:
        (timed,) = row["latency"].values()
        costs[row["artifact"]] = row["size"] * timed["1"]["p50_ms"]
    assert content["picked"] == min(costs, key=costs.__getitem__) and len(costs) == 2
    assert [row["runtime"] for row in content["rows"]] == ["Keras", "LiteRT", "LiteRT"]
    assert files[1].read_text() in output.out
    assert "1/3 Keras" in output.err


# The gate.


def changed(path, target, change):
    """A copy of a .tflite without metadata whose objects went through `change`."""
    model = unpack(path.read_bytes())
    for entry in model.metadata:
        model.buffers[entry.buffer].data = None
    model.metadata = []
    change(model)
    target.write_bytes(pack(model))
    return target


def wrong_scale(model):
    constants = (t for t in model.subgraphs[0].tensors if model.buffers[t.buffer].data is not None)
    weights = max(constants, key=lambda t: len(model.buffers[t.buffer].data))
    weights.quantization.scale = weights.quantization.scale * 4


def test_a_wrong_scale_misses_its_bar_and_is_never_picked_though_smallest(tmp_path, capsys):
    bad = changed(tflite("int8"), tmp_path / "bad.tflite", wrong_scale)
    assert bad.stat().st_size < tflite("dynamic").stat().st_size < tflite(None).stat().st_size
    options = ("--examples", EXAMPLES, "--runtimes", "litert", "--budget")
    assert program(tflite(None), bad, tflite("float16"), *options) == 0
    output = capsys.readouterr().out
    picked = output.partition("Smallest and fastest within the tolerances: ")[2].splitlines()[0]
    assert picked in (f"{tflite(None)} in LiteRT", f"{tflite('float16')} in LiteRT")
    assert "- LiteRT, bad.tflite: decode/reconstruction: a PSNR" in output
    assert program(bad, *options, "--json", tmp_path / "none.json") == 1
    assert "No artifact meets the tolerances." in capsys.readouterr().out
    assert "picked" not in json.loads((tmp_path / "none.json").read_text())


def test_a_saved_model_without_its_weights_is_a_missed_bar(tmp_path, capsys):
    copy = shutil.copytree(version(), tmp_path / "1")
    (copy / "model_card.json").unlink()
    next(copy.glob("variables/*.data-*")).unlink()
    assert program(copy, "--examples", EXAMPLES, "--runtimes", "cpp") == 1
    output = capsys.readouterr().out
    assert "Expected TensorFlow's C++ loader to load" in output
    assert "variables.data" in output


def test_an_artifact_that_was_changed_after_the_export_is_bad_input(tmp_path, capsys):
    copy = shutil.copytree(version(), tmp_path / "1")
    (copy / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"")
    assert program(copy) == 2
    assert "tf_serving_warmup_requests was changed" in capsys.readouterr().err
    content = bytearray(tflite(None).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.tflite").write_bytes(content)
    assert program(tmp_path / "a.tflite") == 2
    assert "changed" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["flip", "remove", "add"])
def test_a_change_of_any_file_of_a_saved_model_is_refused_as_bad_input(change, tmp_path, capsys):
    for number, name in enumerate(
        path.relative_to(version()) for path in version().rglob("*") if path.is_file()
    ):
        if name.name == "model_card.json":
            continue
        path = shutil.copytree(version(), tmp_path / str(number + 1)) / name
        if change == "flip":
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        elif change == "remove":
            path.unlink()
        else:
            path.with_name("added").touch()
        if name.name == "saved_model.pb" and change == "remove":
            continue  # No SavedModel at all any more; another test has that.
        assert program(tmp_path / str(number + 1)) == 2
        assert "was changed, added or removed" in capsys.readouterr().err


def test_the_folder_of_a_model_is_not_a_version(capsys):
    assert program(version().parent) == 2
    assert f"(Give {version()}.)" in capsys.readouterr().err
