"""The catalogue: no model is left out, nothing of the page is lost, misses are seen."""

import json

import pytest

from keras_vae import cli
from keras_vae.errors import ToleranceError
from keras_vae.export.verification.comparison import Difference
from keras_vae.export.verification.report import Row
from tests.support import serving
from tools.catalogue import __main__ as program
from tools.catalogue import measured, models, page
from tools.catalogue.models import EXCUSED, SPECIAL, entries, public_models


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(program.catalogue, list(map(str, arguments)))
    return stop.value.code


# The list.


@pytest.mark.parametrize("name", public_models())
def test_every_public_model_class_is_in_the_catalogue_or_excused(name):
    if name in EXCUSED:
        assert EXCUSED[name] and name not in entries()
        return
    model = entries()[name].make(serving.SHAPE)
    assert type(model).__name__ == name and model.built, (
        f"Expected tools/catalogue/models.py to make a {name}. (Add an entry to SPECIAL.)"
    )


def test_the_catalogue_names_no_class_that_is_gone():
    assert {*SPECIAL, *EXCUSED} <= set(public_models())


# The page.

OTHERS = "# Results\n\n## Density estimation\n\nNumbers of others.\n"


def test_a_section_is_added_once_and_then_replaced_and_the_rest_stays():
    once = page.replace_section(OTHERS, "first")
    assert once.startswith(OTHERS) and "first" in once
    more = once + "\n## Later\n\nOf others too.\n"
    twice = page.replace_section(more, "second")
    assert twice == more.replace("first", "second")
    assert page.replace_section(twice, "second") == twice


def test_an_empty_page_gets_a_title():
    assert page.replace_section("", "text").startswith("# Exported artifacts\n\n<!-- Begin")


BEGIN, END = page.marks()


@pytest.mark.parametrize("broken", [BEGIN, END, f"{END} {BEGIN}", 2 * f"{BEGIN}{END}"])
def test_a_page_with_half_a_section_is_an_error(broken):
    with pytest.raises(ValueError, match="once each.*nothing was written"):
        page.replace_section(OTHERS + broken, "text")


def record(*rows: Row) -> dict:
    return {
        "parameters": 1234,
        "keras": {"score": 10.0},
        "examples": 16,
        "source": "test images of digits",
        "date": "2026-11-21",
        "machine": {"cores": 2, "processor": "a processor"},
        "rows": [measured.summary(row) for row in rows],
    }


def near(**signatures: float) -> dict:
    """Differences of a relative error each."""
    return {
        name: {"reconstruction": Difference(error, error, error, 100.0)}
        for name, error in signatures.items()
    }


def row(runtime: str, quantization: str | None = None, **options) -> Row:
    options = {"differences": near(reconstruct=1e-7, decode=2e-7), "size": 2000, **options}
    kinds = {"LiteRT": "tflite", "ONNX Runtime": "onnx", "OpenVINO": "onnx"}
    kind = kinds.get(runtime, "saved_model")
    return Row(runtime, "", kind, quantization, version="9.9", **options)


def test_the_section_has_a_row_for_each_model_and_each_quantization():
    found = {
        "One": record(row("Keras"), row("SavedModel, C++"), row("LiteRT"), row("LiteRT", "int8")),
        "Other": record(row("SavedModel, C++", differences=near(reconstruct=3e-3), missed=["far"])),
    }
    text = page.section(found, "numbers.json")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    one, other = (next(x for x in lines if x.startswith(f"| {name} ")) for name in found)
    assert "2e-07" in one and one.endswith("good    |")
    assert "3e-03" in other and other.endswith("missed  |")
    assert [x.split("|")[2].strip() for x in lines if x.startswith("| One ")][1:] == [
        *("float32", "int8")
    ]
    assert "C++ 9.9" in text and "- Other, SavedModel, C++ float32: far" in text
    assert "16 test images of digits" in text and "(numbers.json)" in text


def test_onnx_has_a_row_for_each_quantization_with_the_error_in_both_runtimes():
    both = (row("ONNX Runtime"), row("OpenVINO", differences=near(decode=3e-6)))
    found = {"One": record(row("Keras"), *both, row("ONNX Runtime", "int8", missed=["far"]))}
    float32, int8 = (x for x in page.onnx_table(found).splitlines() if x.startswith("| One "))
    assert "| float32 |" in float32 and "3e-06" in float32 and "2.0e-07" in float32
    assert float32.endswith("good    |") and int8.endswith("missed  |")


def test_what_a_runtime_refused_says_so():
    rows = (row("ONNX Runtime"), row("OpenVINO", differences={}, missed=["no op"]))
    text = page.section({"One": record(*rows)}, "x")
    assert "refused" in text and "- One, OpenVINO float32: no op" in text


def test_models_without_numbers_are_named():
    text = page.section({"One": record(row("LiteRT"))}, "x", ["Other", "Third"])
    assert "Not measured yet: Other, Third." in text
    assert "Not measured yet" not in page.section({"One": record(row("LiteRT"))}, "x")


def test_the_numbers_of_a_row_that_never_ran_are_json():
    empty = measured.summary(Row("LiteRT", "", "tflite", "int8", missed=["crashed"]))
    assert json.loads(json.dumps(empty, allow_nan=False))["largest_error"] is None


# The program.


class Model:
    """Exports when its tolerance is wide enough."""

    def __init__(self, error: Exception) -> None:
        self.error, self.tolerances = error, []

    def export(self, path, min_psnr=None, **options):
        self.tolerances.append(min_psnr)
        if min_psnr is None:
            raise self.error


def test_a_file_that_misses_its_bar_is_written_to_be_measured():
    model = Model(ToleranceError("12 dB"))
    measured._write(model, "path", "litert", "int8", None)
    assert model.tolerances == [None, measured.NO_TOLERANCE]
    with pytest.raises(ValueError, match="no builtin"):
        measured._write(Model(ValueError("no builtin op")), "path", "onnx", "int8", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "Expected --train, --epochs and --examples of at least 1"),
        (["--page", "no/folder.md"], "Expected a file in a folder that exists"),
        (["--libtensorflow", "nowhere"], "Expected libtensorflow_framework.so.2"),
    ],
)
def test_bad_arguments_are_an_error(capsys, arguments, message):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.tensorflow
def test_unknown_models_and_foreign_files_are_an_error(tmp_path, capsys):
    assert run("--models", "Vae", "--page", tmp_path / "x.md") == 2
    assert "Expected models among" in capsys.readouterr().err
    (tmp_path / "exported_artifacts.json").write_text("[1]")
    assert run("--page", tmp_path / "x.md") == 2
    assert "Move it away" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["exported_artifacts.json"]


@pytest.mark.tensorflow
def test_one_model_is_measured_and_the_others_keep_their_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "keras_vae.export.runtimes.registry.list_installed", lambda: ["keras", "cpp", "litert"]
    )
    monkeypatch.setattr(models, "HIDDEN", 8)
    old = record(row("SavedModel, C++", missed=["too far away"]))
    numbers = tmp_path / "exported_artifacts.json"
    numbers.write_text(json.dumps({"models": {"IWAE": old, "Gone": old}}))
    (tmp_path / "results.md").write_text(OTHERS)
    options = ("--data", "digits", "--train", 256, "--epochs", 1, "--examples", 16)
    code = run("--models", "Autoencoder", *options, "--page", tmp_path / "results.md")
    assert code == 1  # Because of the old numbers of IWAE.
    found = json.loads(numbers.read_text())["models"]
    assert set(found) == {"Autoencoder", "IWAE"} and found["IWAE"] == old
    kinds = [(entry["runtime"], entry["type"]) for entry in found["Autoencoder"]["rows"]]
    assert kinds[:2] == [("Keras", "float32"), ("SavedModel, C++", "float32")]
    assert kinds[2:] == [("LiteRT", t) for t in ("float32", "float16", "dynamic", "int8")]
    assert found["Autoencoder"]["rows"][1]["largest_error"] < 1e-5
    text = (tmp_path / "results.md").read_text()
    assert text.startswith(OTHERS) and "| Autoencoder |" in text
    assert text[len(OTHERS) :].strip() in capsys.readouterr().out or "too far away" in text
