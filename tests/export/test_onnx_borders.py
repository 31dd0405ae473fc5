"""ONNX export with unusual arguments, files of others, and several threads."""

import io
import logging
import os
import shutil
import sys
import threading

import keras
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy import special

import keras_vae as kv
from keras_vae import quiet
from keras_vae.errors import UsageError
from keras_vae.export import endpoint_files
from keras_vae.export.onnx_files import answers, files, logs, writer
from keras_vae.export.onnx_files.writer import read_metadata

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = kv.VAE(*kv.nets.dense((6,), 3, (5,), heads=2), likelihood="bernoulli", seed=0)
    made.build((None, 6))
    return made


@pytest.fixture(scope="module")
def decoder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "decoder.onnx"
    return model.export(path, format="onnx", endpoints=["decode"])


@pytest.fixture(scope="module")
def three_rows(model, tmp_path_factory):
    """A file with a batch size that is a number of NumPy."""
    path = tmp_path_factory.mktemp("onnx") / "encoder.onnx"
    return model.export(path, format="onnx", endpoints=["encode"], batch_size=np.int64(3))


def test_a_batch_size_may_be_a_number_of_numpy(three_rows):
    assert read_metadata(three_rows)["batch_size"] == 3


@pytest.mark.slow
def test_gelu_answers_as_in_keras(tmp_path):
    """TensorFlow computes it with erfc, which is no op of ONNX."""
    networks = kv.nets.dense((6,), 3, (5,), activation="gelu")
    model = kv.Autoencoder(*networks)
    path = model.export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"])
    z = np.random.default_rng(0).normal(size=(8, 3)).astype("float32") * 4
    found = answers.ask(answers.open_session(path.read_bytes()), {"z": z})["reconstruction"]
    hidden, out = (one for one in model.decoder.layers if isinstance(one, keras.layers.Dense))
    (kernel, bias), (last, shift) = (map(np.float64, one.get_weights()) for one in (hidden, out))
    h = z @ kernel + bias
    np.testing.assert_allclose(found, h * special.ndtr(h) @ last + shift, atol=1e-5)


@pytest.mark.slow
def test_whole_numbers_are_divided_as_in_python(tmp_path):
    @keras.saving.register_keras_serializable("test_onnx_borders")
    class Divide(keras.layers.Layer):
        def call(self, z):
            whole = keras.ops.cast(z, "int32")
            parts = [whole // 3, whole % 3, z // 3, z % 3]
            return keras.ops.concatenate([keras.ops.cast(x, "float32") for x in parts], -1)

    z = keras.Input((2,), name="z")
    model = kv.Autoencoder(kv.nets.dense_encoder((8,), 2, ()), keras.Model(z, Divide()(z)))
    path = model.export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"])
    rows = np.array([[-7, 7], [-3, 1], [5, -1]], "float32")
    found = answers.ask(answers.open_session(path.read_bytes()), {"z": rows})["reconstruction"]
    np.testing.assert_array_equal(found, np.tile(np.hstack([rows // 3, rows % 3]), 2))


# Folders.


def test_two_files_of_an_endpoint_are_refused(model, decoder, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        shutil.copy(decoder, tmp_path / name)
    with pytest.raises(UsageError, match=r"one file for each endpoint.*a\.onnx and b\.onnx"):
        writer.verify(model, tmp_path)


def test_files_of_different_batch_sizes_are_refused(model, decoder, three_rows, tmp_path):
    for file in (decoder, three_rows):
        shutil.copy(file, tmp_path)
    with pytest.raises(UsageError, match=r"same batch size in a folder.*'encoder.onnx': 3"):
        writer.verify(model, tmp_path)


def test_a_folder_without_files_is_refused(model, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(UsageError, match=r"a folder with \.onnx files.*without any"):
        writer.verify(model, tmp_path)
    assert not endpoint_files.is_folder(tmp_path, files.SUFFIX)


def test_folders_with_the_suffix_are_no_files(model, decoder, tmp_path):
    (tmp_path / "more.onnx").mkdir()
    shutil.copy(decoder, tmp_path)
    assert {*writer.verify(model, tmp_path)} == {"decode"}


# Files of others.


def proto(*nodes, sparse=()):
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", tensors[:1], tensors[1:], sparse_initializer=sparse)
    return helper.make_model(graph)


def elsewhere(name="w"):
    """A weight in another file."""
    tensor = numpy_helper.from_array(np.ones(2, "float32"), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


SPARSE = helper.make_sparse_tensor(
    elsewhere(), numpy_helper.from_array(np.arange(2), "indices"), [2]
)


@pytest.mark.parametrize(
    ("model", "received"),
    [
        (proto(helper.make_node("RandomUniformLike", ["x"], ["y"])), "RandomUniformLike"),
        (proto(helper.make_node("Dropout", ["x", "", "train"], ["y"])), "Dropout"),
        (proto(helper.make_node("Constant", [], ["y"], value=elsewhere())), "another file"),
        (proto(helper.make_node("Constant", [], ["y"], sparse_value=SPARSE)), "another file"),
        (proto(helper.make_node("Neg", ["x"], ["y"]), sparse=[SPARSE]), "another file"),
    ],
    ids=["uniform", "dropout", "constant", "sparse constant", "sparse weight"],
)
def test_noise_and_outside_weights_are_refused_wherever_they_are(model, received, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=received):
        files.check(files.read(path))


def test_dropout_of_inference_is_no_noise(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(proto(helper.make_node("Dropout", ["x", ""], ["y"])).SerializeToString())
    assert files.check(files.read(path)) is None


# Log lines.


@pytest.mark.parametrize("level", ["2", None])
def test_an_import_of_tf2onnx_leaves_the_verbosity_of_tensorflow(level, tmp_path, monkeypatch):
    (tmp_path / "tf2onnx.py").write_text(f"import os; os.environ['{logs.VERBOSITY}'] = '3'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tf2onnx", raising=False)
    monkeypatch.setenv(logs.VERBOSITY, "before")
    if level is None:
        monkeypatch.delenv(logs.VERBOSITY)
    else:
        monkeypatch.setenv(logs.VERBOSITY, level)
    assert logs.import_tf2onnx().os is os
    assert os.environ.get(logs.VERBOSITY) == level
    del sys.modules["tf2onnx"]


def test_quantization_leaves_the_root_logger_as_it_is(model, tmp_path, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    options = {"format": "onnx", "endpoints": ["decode"], "quantize": "dynamic"}
    model.export(tmp_path / "m.onnx", **options)
    assert root.handlers == [] and root.filters == [] and root.level == logging.WARNING


def test_other_threads_keep_their_log_lines(monkeypatch):
    root, seen = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(seen)])
    with logs.silence_root():
        logging.warning("of the quantization")
        other = threading.Thread(target=logging.warning, args=("of the user",))
        other.start()
        other.join()
    assert seen.getvalue() == "of the user\n"


def overlapping(first, second):
    """Enter two contexts, and leave them in the same order, as two threads may do."""
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)


def test_two_threads_that_silence_tf2onnx_leave_its_level():
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    overlapping(logs.silence_tf2onnx(), logs.silence_tf2onnx())
    assert logger.level == level


def test_two_threads_that_silence_stderr_leave_it():
    before = os.fstat(2)
    overlapping(quiet.silence_stderr(), quiet.silence_stderr())
    assert os.path.samestat(os.fstat(2), before)


def test_one_endpoint_is_a_file_with_its_suffix(model, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.onnx.*Received: .*plain.*Give plain\.onnx"):
        model.export(tmp_path / "plain", format="onnx", endpoints=["decode"])
    assert not list(tmp_path.iterdir())
