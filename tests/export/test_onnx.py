"""ONNX files: what they hold, what they answer in ONNX Runtime, and what is refused.

`test_artifacts` asks the files of every model the same as those of all other formats.
"""

import functools
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import keras_vae as kv
from keras_vae.errors import UsageError
from keras_vae.export.onnx_files import files
from keras_vae.export.onnx_files.writer import read_metadata
from tests.support.litert_files import VARIATIONAL, digits
from tests.support.onnx_models import ask, decoded_by_numpy, vae

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All endpoints, with labels."""
    path = tmp_path_factory.mktemp("onnx") / "vae"
    return vae().export(path, format="onnx", calibration=digits(64), labels=["zero", "one"])


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """One endpoint, as a file."""
    path = tmp_path_factory.mktemp("onnx") / "decoder.onnx"
    return vae().export(path, format="onnx", endpoints=["decode"])


def test_several_endpoints_are_a_folder_with_a_file_for_each(folder):
    assert {path.name for path in folder.iterdir()} == {f"{name}.onnx" for name in VARIATIONAL}
    for name, outputs in VARIATIONAL.items():
        proto = onnx.load(folder / f"{name}.onnx")
        onnx.checker.check_model(proto, full_check=True)
        assert {output.name for output in proto.graph.output} == outputs
        assert proto.graph.name == name and proto.producer_name == "keras_vae"
        assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 18)]


def test_one_endpoint_is_a_file_that_answers_as_numpy_does(decoder):
    assert decoder.is_file()
    z = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    found = ask(decoder, z=z)["reconstruction"]
    np.testing.assert_allclose(found, decoded_by_numpy(vae(), z), atol=1e-6)


def test_a_seed_gives_the_sample_that_the_model_draws(folder):
    seeds = kv.random.row_seeds(6, 3)
    found = ask(folder / "sample.onnx", seed=seeds)
    np.testing.assert_allclose(found["reconstruction"], vae().sample(6, seed=3), atol=1e-5)


def test_any_number_of_rows_is_answered_and_none_is_refused(folder):
    session = onnxruntime.InferenceSession(str(folder / "reconstruct.onnx"))
    x = digits(7)
    together = session.run(None, {"x": x})[0]
    alone = np.concatenate([session.run(None, {"x": x[i : i + 1]})[0] for i in range(7)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    with pytest.raises(Exception, match="Gather"):
        session.run(None, {"x": x[:0]})


def test_a_batch_can_be_fixed(tmp_path):
    path = vae().export(tmp_path / "e.onnx", format="onnx", endpoints=["encode"], batch_size=3)
    assert read_metadata(path)["endpoints"]["encode"]["inputs"]["x"]["shape"] == [3, 8, 8, 1]
    assert ask(path, x=digits(3))["z_mean"].shape == (3, 4)
    with pytest.raises(Exception, match="invalid dimensions"):
        ask(path, x=digits(4))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_in_half_precision_is_exported_in_float32_and_stays_as_it_was(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = kv.VAE(*kv.nets.dense((6,), 3, (5,), heads=2), likelihood="normal", seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    path = model.export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"])
    assert {one.compute_dtype for one in model.decoder.layers} == {policy.removeprefix("mixed_")}
    z = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    found = ask(path, z=z)["reconstruction"]
    (kernel, bias), (out, shift) = (
        one.get_weights() for one in model.decoder.layers if one.weights
    )
    hidden = np.float64(z) @ kernel + bias
    np.testing.assert_allclose(
        found, np.where(hidden > 0, hidden, 0.2 * hidden) @ out + shift, atol=1e-5
    )


@pytest.mark.slow
def test_a_score_at_the_threshold_is_normal_and_the_next_above_is_not(tmp_path):
    x = digits(20)
    detector = kv.AnomalyDetector(vae(), "elbo")
    detector.fit_threshold(x, 0.5)
    written = {"format": "onnx", "endpoints": ["score"]}
    scores = ask(detector.export(tmp_path / "a.onnx", **written), x=x)["score"]
    row = int(np.argsort(scores)[10])
    for name, limit, decision in (
        ("at", scores[row], 0),
        ("above", np.nextafter(scores[row], np.float32(-np.inf)), 1),
    ):
        detector.threshold = kv.anomalies.Threshold(float(limit))
        found = ask(detector.export(tmp_path / f"{name}.onnx", **written), x=x)
        np.testing.assert_array_equal(found["score"], scores)
        assert found["is_anomaly"][row] == decision
    x[3] = np.nan
    assert ask(tmp_path / "at.onnx", x=x)["is_anomaly"][3] == 1


def test_a_file_describes_itself(folder):
    about = read_metadata(folder / "encode.onnx")
    assert about["model"]["class"] == "VAE" and about["likelihood"] == "bernoulli"
    assert about["labels"] == ["zero", "one"] and about["quantization"] is None
    assert about["opset"] == 18 and about["batch_size"] is None
    entry = about["endpoints"]["encode"]["inputs"]["x"]
    assert entry == {"shape": [None, 8, 8, 1], "dtype": "float32", "range": [0.0, 1.0]}
    assert about["verification"]["differences"]["encode"]["z_mean"]["relative"] < 1e-5
    codes = np.asarray(vae().encode(digits(64)))
    np.testing.assert_allclose(about["latent"]["mean"], codes.mean(axis=0), atol=1e-5)


def test_a_changed_file_is_refused(decoder, tmp_path):
    content = bytearray(decoder.read_bytes())
    weights = max(onnx.load(decoder).graph.initializer, key=lambda one: len(one.raw_data)).raw_data
    content[content.index(weights[:64]) + 8] ^= 1
    path = tmp_path / "changed.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="which was changed since"):
        read_metadata(path)
    with pytest.raises(UsageError, match="which was changed since"):
        files.check(files.read(path))


def test_a_change_of_any_bit_is_refused(decoder, tmp_path):
    content = decoder.read_bytes()
    generator = np.random.default_rng(0)
    names = [found.start() for found in re.finditer(b"keras_vae|sha256", content)]
    some = [*range(0, 40, 3), *range(len(content) - 600, len(content), 37), *names]
    path = tmp_path / "m.onnx"
    for place in {*some, *generator.integers(len(content), size=40).tolist()}:
        changed = bytearray(content)
        changed[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(changed)
        with pytest.raises(UsageError, match="Expected (the file as it was|an ONNX file)"):
            files.check(files.read(path))
    for end in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(UsageError, match="Expected (the file as it was|an ONNX file)"):
            files.check(files.read(path))


@pytest.mark.parametrize("content", [b"", b"no file of ONNX", b"\x08\x0a" * 40, b"\x00" * 99])
def test_a_file_of_something_else_is_refused(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="Expected an ONNX file"):
        files.check(files.read(path))


def graph_of(*nodes, outside=False):
    """A model of some nodes from x to y, with a weight w."""
    weight = numpy_helper.from_array(np.ones(2, "float32"), "w")
    if outside:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../etc/passwd")
    tensor = functools.partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    graph = helper.make_graph(
        nodes, "g", [tensor("x", shape=[2])], [tensor("y", shape=[2])], [weight]
    )
    return helper.make_model(graph)


BODY = helper.make_graph(
    [helper.make_node("RandomNormal", [], ["y"], shape=[2])],
    "body",
    [],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
)


@pytest.mark.parametrize(
    ("model", "received"),
    [
        (
            graph_of(helper.make_node("RandomNormalLike", ["x"], ["y"])),
            "Received: RandomNormalLike",
        ),
        (
            graph_of(helper.make_node("If", ["x"], ["y"], then_branch=BODY)),
            "Received: RandomNormal",
        ),
        (graph_of(helper.make_node("Read", ["x"], ["y"], domain="evil")), "evil.Read"),
        (graph_of(helper.make_node("NoSuchOp", ["x"], ["y"])), "ai.onnx.NoSuchOp"),
        (graph_of(helper.make_node("Add", ["x", "w"], ["y"]), outside=True), "another file"),
    ],
)
def test_a_file_that_needs_more_than_a_runtime_is_refused(model, received, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=received):
        files.check(files.read(path))


def test_files_under_names_of_each_other_are_refused(folder, tmp_path):
    path = tmp_path / "m"
    shutil.copytree(folder, path)
    (path / "score.onnx").unlink()
    (path / "encode.onnx").rename(path / "score.onnx")
    with pytest.raises(UsageError, match=r"endpoint score in score\.onnx. Received: encode"):
        files.check(files.read(path))
    alone = shutil.copy(folder / "encode.onnx", tmp_path / "any_name.onnx")
    assert set(files.read(Path(alone))) == {"encode"}


def test_files_replace_a_folder_and_a_folder_files(folder, decoder, tmp_path):
    path = tmp_path / "m.onnx"
    shutil.copytree(folder, path)
    vae().export(path, format="onnx", endpoints=["decode"], overwrite=True)
    assert path.is_file() and read_metadata(path)["endpoints"].keys() == {"decode"}
    vae().export(path, format="onnx", endpoints=["decode", "encode"], overwrite=True)
    assert sorted(file.name for file in path.iterdir()) == ["decode.onnx", "encode.onnx"]
    assert [one.name for one in tmp_path.iterdir()] == ["m.onnx"]


def test_a_folder_with_files_of_others_is_kept(folder, tmp_path):
    path = tmp_path / "m"
    shutil.copytree(folder, path)
    (path / "mine").mkdir()
    (path / "mine/other.onnx").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="mine/other.onnx"):
        vae().export(path, format="onnx", overwrite=True)
    assert (path / "mine/other.onnx").read_bytes() == b"precious"
    (path / "mine/other.onnx").unlink()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="exports of the same format alone"):
        vae().export(tmp_path / "photos", format="onnx", overwrite=True)


def test_a_choice_keeps_no_nan_of_what_is_not_chosen(tmp_path):
    """tf2onnx alone makes a choice of it a sum of products, in which NaN stays."""

    @keras.saving.register_keras_serializable("test_onnx")
    class Clean(keras.layers.Layer):
        def call(self, x):
            root = keras.ops.sqrt(x)  # NaN below 0, which is not chosen.
            return keras.ops.where(x > 0, root, -1.0 * x)

    z = keras.Input((2,), name="z")
    network = keras.Model(z, Clean()(z))
    model = kv.Autoencoder(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), network)
    path = model.export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"])
    found = ask(path, z=np.array([[-4, 9], [0.25, -1]], "float32"))["reconstruction"]
    np.testing.assert_allclose(found, [[4, 3], [0.5, 1]])
