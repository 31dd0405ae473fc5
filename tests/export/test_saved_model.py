"""What the program writes (signatures, sizes, versions, warm-up, card) and refuses."""

import hashlib
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vae
from keras_vae import cli
from keras_vae.export.endpoints import write_archive
from keras_vae.export.litert import writer as litert_writer
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model import model_card, versions, warmup
from keras_vae.export.saved_model import program as saved_model
from keras_vae.export.saved_model import writer as saved_model_writer
from keras_vae.export.saved_model.png_endpoint import decode_png, encode_png, png_endpoint
from keras_vae.export.serving.signatures import read_signatures
from keras_vae.export.verification import tolerances
from keras_vae.export.verification.judge import gray_levels
from keras_vae.random import row_seeds
from keras_vae.training.runs import run_directory
from tests.support import serving

pytestmark = pytest.mark.tensorflow

SIGNATURES = {"reconstruct", "encode", "decode", "score", "sample", "reconstruct_png"}


@pytest.fixture(scope="module")
def keras_file():
    model = serving.model("ConvVAE")
    model.steps.assign(1)
    path = serving.folder() / "vae.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def served(keras_file):
    """DIR of one model with one version."""
    folder = serving.folder() / "served"
    saved_model.write_version(run_directory.open_run(keras_file), folder / "vae")
    return folder


@pytest.fixture(scope="module")
def version(served):
    return served / "vae" / "1"


def program(*arguments) -> int:
    """The program's exit code, in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main(saved_model.export_saved_model, list(map(str, arguments)))
    return stop.value.code


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


# The file.


def test_a_version_has_every_signature_and_a_default(version):
    assert set(read_signatures(version)) == SIGNATURES | {"serving_default"}


def test_inputs_and_outputs_have_different_names_and_the_batch_first(version):
    for signature in read_signatures(version).values():
        assert not set(signature.inputs) & set(signature.outputs)
        for info in (*signature.inputs.values(), *signature.outputs.values()):
            assert info.shape[0] is None
            assert None not in info.shape[1:]


def test_weights_are_stored_once(version):
    stored = tf.train.list_variables(str(version / "variables" / "variables"))
    shapes = [shape for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    weights = [tuple(weight.shape) for weight in serving.model("ConvVAE").trainable_variables]
    assert sorted(map(tuple, shapes)) == sorted(weights)


def test_all_256_levels_go_through_png_unchanged():
    spec = keras.InputSpec(shape=(None, 16, 16, 1), dtype="float32", name="x")
    same = keras_vae.Endpoint(lambda x: {"reconstruction": x}, (spec,))
    levels = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    answer = png_endpoint(same).function(tf.constant(encode_png(levels / 255.0).tolist()))
    np.testing.assert_array_equal(decode_png(answer["reconstruction_bytes"].numpy()), levels)


def test_the_first_endpoint_that_is_asked_for_is_the_default(tmp_path):
    model = serving.model("ConvVAE")
    model.export(tmp_path / "decoder", endpoints=("decode", "encode"))
    signatures = read_signatures(tmp_path / "decoder")
    assert set(signatures) == {"decode", "encode", "serving_default"}
    assert set(signatures["serving_default"].inputs) == {"z"}


def test_a_model_of_vectors_has_no_signature_for_pictures(tmp_path):
    networks = keras_vae.nets.dense((4,), latent_dim=2, hidden=(3,))
    path = keras_vae.Autoencoder(*networks).export(tmp_path / "dense")
    assert set(read_signatures(path)) == {
        *("reconstruct", "encode", "decode", "score", "serving_default")
    }


def test_half_precision_is_exported_as_float32(tmp_path):
    model = keras_vae.ConvVAE(
        serving.SHAPE, filters=(2, 2), latent_dim=2, hidden=2, dtype="mixed_bfloat16"
    )
    path = model.export(tmp_path / "half", endpoints=("encode", "decode"))
    with cpp_loader.SavedModel(path) as loaded:
        answer = loaded.run("encode", {"x": serving.images(2)})
    assert {array.dtype.name for array in answer.values()} == {"float32"}


@pytest.mark.parametrize("format", ["tf_saved_model", "litert"])
def test_an_export_leaves_the_precision_of_a_model_that_others_ask(tmp_path, monkeypatch, format):
    shape = {"filters": (2, 2), "latent_dim": 2, "hidden": 2, "dtype": "mixed_bfloat16"}
    model = keras_vae.ConvVAE(serving.SHAPE, **shape)
    seen = []

    def ask_meanwhile(*arguments, **options):
        seen.extend(layer.compute_dtype for layer in model.encoder.layers)
        return write_archive(*arguments, **options)

    for writer in (saved_model_writer, litert_writer):
        monkeypatch.setattr(writer, "write_archive", ask_meanwhile)
    model.export(tmp_path / "model", format=format, endpoints=("decode",))
    assert set(seen) == {"bfloat16"}


@keras.saving.register_keras_serializable("tests")
class Restless(keras_vae.ConvVAE):
    """A model whose codes are drawn from a generator with state."""

    def encode_endpoint(self, x):
        return {"z": self.posterior(x).sample(self.seed_generator)}


@keras.saving.register_keras_serializable("tests")
class Tethered(keras_vae.ConvVAE):
    """A model that runs Python."""

    def encode_endpoint(self, x):
        return {
            "z": tf.ensure_shape(
                tf.py_function(lambda y: y, [self.encode(x)], "float32"), (None, 2)
            )
        }


@pytest.mark.parametrize(
    ("kind", "op"), [(Restless, "AssignVariableOp, StatelessRandom"), (Tethered, "EagerPyFunc")]
)
def test_an_endpoint_with_state_or_python_is_refused(tmp_path, kind, op):
    model = kind(serving.SHAPE, filters=(2, 2), latent_dim=2, hidden=2)
    with pytest.raises(ValueError, match=f"pure functions of their inputs.*{op}"):
        model.export(tmp_path / "bad", endpoints=("encode",))
    assert names(tmp_path) == []


# Warm-up.


OFFICIAL = "pip install --no-deps tensorflow-serving-api"


def warmup_requests(version) -> list[bytes]:
    return [r.numpy() for r in tf.data.TFRecordDataset(str(version / warmup.FILE))]


def test_warm_up_has_the_bytes_of_the_official_classes(version):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason=OFFICIAL)
    for content in warmup_requests(version):
        log = logs.PredictionLog.FromString(content)
        assert log.WhichOneof("log_type") == "predict_log"
        assert log.SerializeToString(deterministic=True) == content
        assert log.predict_log.request.model_spec.name == "vae"


@pytest.mark.slow
def test_warm_up_has_each_signature_at_two_batch_sizes_and_every_request_runs(version):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason=OFFICIAL)
    asked = set()
    with cpp_loader.SavedModel(version) as model:
        for content in warmup_requests(version):
            request = logs.PredictionLog.FromString(content).predict_log.request
            name = request.model_spec.signature_name
            inputs = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}
            sizes = {len(array) for array in inputs.values()}
            asked.add((name, *sizes))
            assert {len(array) for array in model.run(name, inputs).values()} == sizes
    every = SIGNATURES | {"serving_default"}
    assert asked == {(name, size) for name in every for size in (1, 8)}


# The card.


def test_the_card_says_what_to_feed_and_what_is_inside(version):
    card = json.loads((version / "model_card.json").read_text())
    assert card["model"]["class"] == "ConvVAE"
    assert card["likelihood"] == "bernoulli"
    assert card["preprocessing"]["divide_by"] == 255
    assert card["preprocessing"]["range"] == [0, 1]
    assert card["default_signature"] == "reconstruct"
    assert card["signatures"]["sample"]["inputs"] == {"seed": {"dtype": "int32", "shape": [None]}}
    assert card["verification"]["loader"].startswith("TensorFlow 2.")
    assert max(card["verification"]["relative_error"]["score"].values()) < 1e-5
    assert {"python", "keras", "numpy", "keras-vae"} <= set(card["versions"])


def test_the_card_has_the_hash_of_every_other_file(version):
    card = json.loads((version / "model_card.json").read_text())
    files = {p.relative_to(version).as_posix(): p for p in version.rglob("*") if p.is_file()}
    assert set(card["sha256"]) == set(files) - {"model_card.json"}
    for name, digest in card["sha256"].items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest


def test_the_card_has_the_training_and_its_evaluation(tmp_path, keras_file):
    model = serving.model("ConvVAE")
    steps = int(model.steps)
    evaluation = {"training_steps": steps, "measures": {"elbo": {"value": -12.5}}}
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation))
    run = run_directory.Run(tmp_path, {"recipe": "conv_vae_digits", "settings": {"epochs": 2}})
    card = model_card.describe(model, run, default="reconstruct")
    assert card["metrics"] == evaluation
    assert card["training"] == {"recipe": "conv_vae_digits", "settings": {"epochs": 2}}
    older = {**evaluation, "training_steps": steps + 1}
    (tmp_path / "evaluation.json").write_text(json.dumps(older))
    assert model_card.describe(model, run, default="reconstruct")["metrics"] is None


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[]", b"{", b"[" * 100_000])
def test_a_damaged_evaluation_is_refused_before_the_work(tmp_path, keras_file, content):
    shutil.copy(keras_file, tmp_path / "model.keras")
    (tmp_path / "evaluation.json").write_bytes(content)
    run = run_directory.Run(tmp_path, {})
    with pytest.raises(ValueError, match="Expected a report of keras-vae evaluate.*Remove the"):
        saved_model.write_version(run, tmp_path / "served" / "vae")
    assert not (tmp_path / "served").exists()


def test_numbers_of_an_evaluation_that_are_not_finite_are_none(tmp_path):
    model = serving.model("ConvVAE")
    text = f'{{"training_steps": {int(model.steps)}, "measures": {{"elbo": NaN}}}}'
    (tmp_path / "evaluation.json").write_text(text)
    card = model_card.describe(model, run_directory.Run(tmp_path, {}), default="reconstruct")
    assert card["metrics"]["measures"] == {"elbo": None}


def test_a_change_after_the_export_is_noticed(version, tmp_path):
    copy = tmp_path / "1"
    copy.mkdir()
    for path in sorted(version.rglob("*")):
        target = copy / path.relative_to(version)
        target.mkdir() if path.is_dir() else target.write_bytes(path.read_bytes())
    assert model_card.read(copy)["model"]["class"] == "ConvVAE"
    weights = next(copy.glob("variables/*.data-*"))
    content = weights.read_bytes()
    weights.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(ValueError, match="in which variables/variables.data.* was changed"):
        model_card.read(copy)
    (copy / "extra").touch()
    with pytest.raises(ValueError, match="in which extra, variables"):
        model_card.read(copy)


# Versions.


def test_the_next_version_gets_the_next_number(served, keras_file, monkeypatch):
    monkeypatch.setattr(saved_model, "verify", lambda *_: ("not loaded", {}))
    run = run_directory.open_run(keras_file)
    assert saved_model.write_version(run, served / "vae", None, ("decode",)).name == "2"
    assert saved_model.write_version(run, served / "vae", 10, ("decode",)).name == "10"
    assert saved_model.write_version(run, served / "vae", None, ("decode",)).name == "11"
    assert versions.versions(served / "vae") == [1, 2, 10, 11]
    assert sorted(p.name for p in (served / "vae").iterdir()) == ["1", "10", "11", "2"]


def test_a_file_that_answers_otherwise_gets_no_name(tmp_path, keras_file, monkeypatch):
    cpp = saved_model.run_in_cpp

    def slightly_wrong(folder, rows):
        loader, answers = cpp(folder, rows)
        answers["decode"]["reconstruction"] = answers["decode"]["reconstruction"] + 2e-5
        return loader, answers

    monkeypatch.setattr(saved_model, "run_in_cpp", slightly_wrong)
    wrong = r"answers as Keras does.*decode/reconstruction by [23](\.\d)?e-05"
    with pytest.raises(ValueError, match=wrong):
        saved_model.write_version(
            run_directory.open_run(keras_file), tmp_path / "vae", None, ("decode",)
        )
    assert names(tmp_path) == ["vae"]


def test_a_wrong_picture_is_noticed():
    black, dark, darker = (np.full((1, 2, 2, 1), level / 255, "float32") for level in (0, 1, 2))
    from keras_vae.export.saved_model.png_endpoint import encode_png
    from keras_vae.export.verification.comparison import differences

    model = serving.model("ConvVAE")

    def error(images):
        expected, received = (
            gray_levels({"reconstruct_png": {"reconstruction_bytes": encode_png(x)}})
            for x in (black, images)
        )
        return differences(model, expected, received)["reconstruct_png"][
            "reconstruction_bytes"
        ].relative

    assert error(black) == 0
    assert error(dark) <= tolerances.RELATIVE_ERROR
    assert error(darker) > tolerances.RELATIVE_ERROR


# Bad input.


def test_an_existing_version_is_refused_and_stays_as_it_is(served, keras_file, capsys):
    before = model_card.hashes(served / "vae" / "1")
    assert program(keras_file, served, "--name", "vae", "--version", 1) == 2
    assert "Expected a new version of vae. Received: 1" in capsys.readouterr().err
    assert model_card.hashes(served / "vae" / "1") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "0"], "Expected a version from 1"),
        (["--version", "-1"], "Expected a version from 1"),
        (["--name", "3"], "Expected a name of letters"),
        (["--name", "a/b"], "Expected a name of letters"),
        (["--endpoints", "paint"], "Expected endpoints among"),
    ],
)
def test_bad_arguments_are_an_error_that_changes_nothing(
    tmp_path, keras_file, capsys, arguments, message
):
    assert program(keras_file, tmp_path / "served", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not versions.versions(tmp_path / "served" / "vae")


def test_a_folder_of_one_model_is_not_a_folder_of_models(served, keras_file, capsys):
    assert program(keras_file, served / "vae" / "1") == 2
    assert "which is a version of one" in capsys.readouterr().err
    assert program(keras_file, served / "vae") == 2
    assert f"(Give {served} and --name vae.)" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["v1", "01", "1.0", "0", "²"])
def test_a_version_folder_with_a_wrong_name_is_refused(tmp_path, wrong):
    (tmp_path / "vae" / wrong).mkdir(parents=True)
    (tmp_path / "vae" / wrong / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="Expected version folders named by whole numbers"):
        versions.check_version(tmp_path / "vae", None)


def test_an_untrained_model_is_refused(tmp_path, capsys):
    keras_vae.ConvVAE(serving.SHAPE, filters=(2,), latent_dim=2).save(tmp_path / "new.keras")
    assert program(tmp_path / "new.keras", tmp_path / "served") == 2
    assert "Expected a trained model" in capsys.readouterr().err
    assert not (tmp_path / "served").exists()


def test_what_is_no_model_is_refused(tmp_path, capsys):
    (tmp_path / "bad.keras").write_bytes(b"no model")
    assert program(tmp_path / "bad.keras", tmp_path / "served") == 2
    assert "Expected a model that Keras can load" in capsys.readouterr().err
    assert program(tmp_path / "nothing", tmp_path / "served") == 2
    assert "Expected a run directory, a preset or a .keras file" in capsys.readouterr().err
    assert not (tmp_path / "served").exists()


def test_sample_gives_the_pictures_that_keras_gives_for_the_seed(version):
    with cpp_loader.SavedModel(version) as model:
        served = model.run("sample", {"seed": row_seeds(3, seed=7)})
    expected = np.asarray(serving.model("ConvVAE").sample(3, seed=7))
    np.testing.assert_allclose(served["reconstruction"], expected, atol=1e-5)
