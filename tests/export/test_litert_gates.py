"""Files that must not leave the house: each is made here without our writer, or spoilt after it."""

import json

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from keras_vae.export.litert import writer
from keras_vae.export.litert.allowed_ops import pack, unpack
from keras_vae.export.litert.writer import read_metadata, refuse_unrunnable, verify
from tests.support.litert_files import MODELS, digits, small_conv_vae

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return small_conv_vae()


@pytest.fixture(scope="module")
def dynamic(vae, tmp_path_factory):
    path = tmp_path_factory.mktemp("litert") / "decoder.tflite"
    return vae.export(path, format="litert", endpoints=["decode"], quantize="dynamic")


def raw_converter(function, *keras_model, select_tf_ops=False):
    """The converter as its own documentation calls it."""
    import tensorflow as tf

    concrete = tf.function(function).get_concrete_function(tf.TensorSpec((1, 6), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], *keras_model)
    if select_tf_ops:
        ops = tf.lite.OpsSet
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
    return converter.convert()


def test_a_file_with_a_flex_op_is_refused():
    import tensorflow as tf

    content = raw_converter(tf.math.erf, select_tf_ops=True)
    with pytest.raises(ValueError, match="Received: FlexErf: a device has builtin ops only"):
        refuse_unrunnable(content)


def test_a_file_without_its_weights_is_refused():
    network = MODELS["Autoencoder"]().encoder
    content = raw_converter(lambda x: network(x), network)
    with pytest.raises(ValueError, match="READ_VARIABLE.*weights would not be in the file"):
        refuse_unrunnable(content)


def test_a_file_with_a_stateful_random_op_is_refused():
    import tensorflow as tf

    content = raw_converter(lambda x: x + tf.random.normal((1, 6)))
    with pytest.raises(ValueError, match="RANDOM_STANDARD_NORMAL: the answer would be another"):
        refuse_unrunnable(content)


def with_wrong_scale(content):
    """The file with the scales of its first quantized weights twice too large."""
    model = unpack(content)
    tensor = next(
        t
        for t in model.subgraphs[0].tensors
        if t.type == schema.TensorType.INT8 and t.quantization is not None
    )
    tensor.quantization.scale = (2.0 * np.asarray(tensor.quantization.scale)).astype("float32")
    return pack(model)


@pytest.mark.slow
def test_a_wrong_scale_is_found_before_the_file_gets_its_name(vae, tmp_path, monkeypatch):
    real = writer.convert_checked
    monkeypatch.setattr(writer, "convert_checked", lambda *args: with_wrong_scale(real(*args)))
    with pytest.raises(ValueError, match="decode/reconstruction with a PSNR of .* 50 dB is needed"):
        vae.export(tmp_path / "m.tflite", "litert", endpoints=["decode"], quantize="dynamic")
    assert not list(tmp_path.iterdir())


def test_metadata_that_change_the_answers_are_found_before_the_file_gets_its_name(
    vae, tmp_path, monkeypatch
):
    real = writer.add_metadata
    monkeypatch.setattr(writer, "add_metadata", lambda *a: real(with_wrong_scale(a[0]), a[1]))
    with pytest.raises(RuntimeError, match="Expected a file with metadata to answer as without"):
        vae.export(tmp_path / "m.tflite", "litert", endpoints=["decode"], quantize="dynamic")
    assert not list(tmp_path.iterdir())


def test_a_wrong_scale_is_found_in_a_file_with_valid_metadata(vae, dynamic, tmp_path):
    assert verify(vae, dynamic)["decode"]["reconstruction"].psnr > 50
    description = read_metadata(dynamic)
    model = unpack(dynamic.read_bytes())
    model.metadata = [m for m in model.metadata if m.name != b"keras_vae"]
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(writer.add_metadata(with_wrong_scale(pack(model)), description))
    with pytest.raises(ValueError, match="Expected a file that answers as the model does"):
        verify(vae, bad)


def test_a_file_of_another_model_is_refused(dynamic):
    keras.utils.set_random_seed(1)
    with pytest.raises(ValueError, match="Expected a file that answers as the model does"):
        verify(small_conv_vae(), dynamic)


@pytest.mark.parametrize("position", [0.3, 0.9])
def test_a_file_that_was_changed_after_the_export_is_refused(dynamic, tmp_path, position):
    content = bytearray(dynamic.read_bytes())
    content[int(position * len(content))] ^= 1
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="changed since|whole .tflite"):
        read_metadata(path)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x00\x00\x00\x20TFL3 cut off"])
def test_a_file_that_is_no_tflite_is_refused(tmp_path, content):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Expected a whole \.tflite file"):
        read_metadata(path)


def shared(count, build):
    """A file of `count` metadata that all refer to one entry, whose name `build` makes."""
    builder = flatbuffers.Builder(1 << 20)
    name = build(builder)
    schema.MetadataStart(builder)
    schema.MetadataAddName(builder, name)
    entry = schema.MetadataEnd(builder)
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(entry)
    entries = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddMetadata(builder, entries)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("count", "size"), [(20_000, 100_000), pytest.param(100_000, 10, marks=pytest.mark.slow)]
)
def test_a_file_whose_parts_are_referred_to_again_and_again_is_refused(tmp_path, count, size):
    """The first takes 2 GB to unpack, of 180 KB; the second many objects."""
    content = shared(count, lambda builder: builder.CreateString("n" * size))
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    for call in (lambda: read_metadata(path), lambda: refuse_unrunnable(content)):
        with pytest.raises(ValueError, match="refer to the same parts again and again"):
            call()


def test_a_tflite_of_somebody_else_has_no_metadata_of_ours(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(raw_converter(lambda x: 2 * x))
    with pytest.raises(ValueError, match="Expected a .tflite file that keras_vae wrote"):
        read_metadata(path)


@pytest.mark.slow
def test_metadata_say_what_an_application_needs(tmp_path, vae):
    path = tmp_path / "m.tflite"
    labels = [f"digit {n}" for n in range(10)]
    vae.export(path, "litert", calibration=digits(64), labels=labels, batch_size=2)
    about = read_metadata(path)
    convolutions = (9 * 1 + 1) * 8 + (9 * 8 + 1) * 16 + 9 * 16 * 8 + 8 + 9 * 8 * 1 + 1
    parameters = convolutions + (64 + 1) * 32 + 2 * (32 + 1) * 4 + (4 + 1) * 64
    assert about["model"] == {"class": "ConvVAE", "name": vae.name, "parameters": parameters}
    assert (about["likelihood"], about["labels"]) == ("bernoulli", labels)
    assert (about["quantization"], about["io"], about["batch_size"]) == (None, "float32", 2)
    assert about["endpoints"]["decode"] == {
        "inputs": {"z": {"shape": [2, 4], "dtype": "float32", "range": [-3.0, 3.0]}},
        "outputs": {
            "reconstruction": {"shape": [2, 8, 8, 1], "dtype": "float32", "range": [0.0, 1.0]}
        },
    }
    assert about["endpoints"]["sample"]["inputs"]["seed"]["dtype"] == "int32"
    assert about["verification"]["on"] == "calibration data"
    assert about["verification"]["differences"]["score"]["score"]["relative"] < 1e-5
    assert about["versions"]["keras"] == keras.__version__


def test_metadata_hold_the_statistics_of_the_codes(tmp_path, vae):
    x = digits(64)
    path = vae.export(tmp_path / "m.tflite", "litert", endpoints=["decode"], calibration=x)
    latent = read_metadata(path)["latent"]
    mean, log_var = (np.asarray(t, "float64") for t in vae.encoder(x))
    np.testing.assert_allclose(latent["mean"], mean.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(latent["std"], mean.std(axis=0), atol=1e-6)
    # KL(N(m, s^2) || N(0, 1)) by its integral, on a grid.
    grid = np.linspace(-12, 12, 20001)[:, None, None]
    variance = np.exp(log_var)
    log_ratio = -0.5 * log_var - (grid - mean) ** 2 / (2 * variance) + grid**2 / 2
    density = np.exp(-((grid - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    kl = np.trapezoid(density * log_ratio, grid[:, 0, 0], axis=0).mean(axis=0)
    np.testing.assert_allclose(latent["kl"], kl, atol=1e-5)
    assert latent["order"] == list(np.argsort(-kl))


def test_metadata_are_json_that_anything_can_find_in_the_file(dynamic):
    content = dynamic.read_bytes()
    start = content.index(b'{"format": 1')
    about, _ = json.JSONDecoder().raw_decode(content[start:].decode("latin-1"))
    assert about == read_metadata(dynamic)
