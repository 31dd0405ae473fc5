"""What `model.export(..., format="litert")` refuses, in which words, and that nothing is left."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_vae
from keras_vae.errors import ToleranceError, UsageError, UsageTypeError
from keras_vae.export.litert import conversion, converter, writer
from tests.support.litert_files import MODELS, digits, small_conv_vae

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def vae():
    return small_conv_vae()


@pytest.fixture
def refused(tmp_path, capfd):
    """Export, and give the message; the folder must stay empty and the terminal quiet."""

    def message(model, **options):
        with pytest.raises((UsageError, UsageTypeError, ToleranceError)) as caught:
            model.export(tmp_path / "m.tflite", format="litert", **options)
        assert not list(tmp_path.iterdir())
        assert "error" not in capfd.readouterr().err
        return str(caught.value)

    return message


class Erf(layers.Layer):
    def call(self, x):
        import tensorflow as tf

        return tf.math.erf(x)


class SeededNoise(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.seeds)


class StatefulNoise(layers.Layer):
    def call(self, x):
        import tensorflow as tf

        return x + tf.random.normal((1, 3))


class Nearest(layers.Layer):
    def call(self, x):
        return x * ops.cast(ops.argmin(x, axis=-1, keepdims=True), "float32")


def with_layer(layer):
    z = keras.Input((3,), name="z")
    encoder = keras_vae.nets.dense_encoder((6,), 3, hidden=())
    decoder = keras.Model(z, layers.Dense(6)(layer(z)), name="decoder")
    return keras_vae.Autoencoder(encoder, decoder)


@pytest.mark.parametrize(
    ("layer", "op", "advice"),
    [
        (Erf(name="my_erf"), "Erf", "keras.activations.gelu"),
        (SeededNoise(name="noise_2"), "StatelessRandomNormalV2", "standard_normal"),
        (StatefulNoise(name="noise"), "RandomStandardNormal", "standard_normal"),
        (Nearest(name="code_book"), "BitwiseAnd", "top_k"),
    ],
)
def test_the_layer_that_needs_a_missing_op_is_named_with_its_replacement(
    refused, layer, op, advice
):
    message = refused(with_layer(layer), endpoints=["decode"])
    assert f"{op} in layer {layer.name!r} ({type(layer).__name__})" in message
    assert advice in message


def test_a_dilated_transposed_convolution_is_named_with_its_replacement(refused):
    encoder, _ = keras_vae.nets.dense((8, 8, 1), 3, hidden=())
    z = keras.Input((3,), name="z")
    h = layers.Reshape((8, 8, 1))(layers.Dense(64)(z))
    h = layers.Conv2DTranspose(1, 3, padding="same", dilation_rate=2, name="wide")(h)
    message = refused(keras_vae.Autoencoder(encoder, keras.Model(z, h)), endpoints=["decode"])
    assert "layer 'wide' (Conv2DTranspose)" in message and "UpSampling2D" in message


@pytest.mark.slow
def test_a_crash_of_the_converter_is_an_error_that_names_the_loop(refused):
    z = keras.Input((3,), name="z")
    h = layers.LSTM(4, name="memory")(layers.RepeatVector(5)(z))
    decoder = keras.Model(z, layers.Dense(6)(h), name="decoder")
    model = keras_vae.Autoencoder(keras_vae.nets.dense_encoder((6,), 3, hidden=()), decoder)
    x = np.random.default_rng(0).standard_normal((8, 6)).astype("float32")
    message = refused(model, endpoints=["decode"], quantize="int8", calibration=x)
    assert "crashed (SIGSEGV)" in message
    assert "layer 'memory' (LSTM)" in message and "unroll=True" in message


def test_a_converter_process_that_stops_is_an_error(vae, refused, tmp_path_factory, monkeypatch):
    script = tmp_path_factory.mktemp("script") / "converter.py"
    script.write_text("raise SystemExit('the disk is on fire')")
    monkeypatch.setattr(conversion.converter, "__file__", str(script))
    message = refused(vae, endpoints=["decode"], quantize="int8", calibration=digits(8))
    assert "stopped with exit code 1 (the disk is on fire)" in message


def test_a_bar_that_is_missed_is_an_error_with_the_numbers(vae, refused):
    message = refused(vae, endpoints=["decode"], quantize="float16", min_psnr=150)
    assert "decode/reconstruction with a PSNR of" in message
    assert "a PSNR of at least 150 dB is needed" in message


def test_a_bar_can_be_lowered(vae, tmp_path):
    options = {"endpoints": ["encode"], "quantize": "dynamic", "min_psnr": 5}
    assert vae.export(tmp_path / "m.tflite", "litert", **options).exists()


def test_an_existing_file_is_refused_and_kept(vae, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="Expected a path that does not exist yet"):
        vae.export(path, format="litert")
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int4"}, "Expected quantize to be one of"),
        ({"quantize": "int8"}, "Expected calibration data with quantize='int8'"),
        ({"quantize": "int8", "calibration": digits(8)[..., 0]}, "add the channel axis"),
        ({"quantize": "int8", "calibration": digits(8)[:, 1:]}, "Expected calibration of shape"),
        ({"quantize": "int8", "calibration": digits(0)}, "at least one example"),
        ({"quantize": "int8", "calibration": []}, "at least one example"),
        ({"quantize": "int8", "calibration": 255 * digits(8)}, "Divide 8-bit pixels by 255"),
        ({"quantize": "dynamic", "io": "int8"}, "Expected io to be 'float32', or 'int8' with"),
        ({"quantize": "int8", "calibration": [[0.5]]}, "Expected calibration of arrays"),
        ({"calibration": 7}, "Expected calibration data in arrays or batches. Received: int"),
        ({"calibration": np.float32(7)}, "at least one example"),
        ({"calibration": (digits(8), digits(8))}, "at least one example of 1 input(s)"),
        ({"calibration": digits(8) * np.nan}, "Expected finite values in calibration"),
        ({"calibration": [255 * digits(8)]}, "Divide 8-bit pixels by 255"),
        ({"quantize": np.zeros(2)}, "Expected quantize to be one of"),
        ({"io": 8}, "Expected io to be"),
        *(({"batch_size": size}, "Expected batch_size of at least 1") for size in (0, -1)),
        *(
            ({"batch_size": size}, "Expected batch_size of at least 1, an integer")
            for size in (2.5, True, None, "3")
        ),
        *(
            ({"min_psnr": value}, "Expected min_psnr to be a finite number")
            for value in ("50", True, np.nan, np.inf)
        ),
        *(({"labels": value}, "Expected labels to be a list") for value in ("abc", 10, {"a": 1})),
        *(({"labels": value}, "(Write labels=") for value in (b"ab", [1, 2], np.array(3), [["a"]])),
        *(({"endpoints": e}, "Expected endpoints among") for e in (["dream"], [])),
        *(({"endpoints": e}, "Expected endpoints to be a list") for e in (7, {"decode"}, "decode")),
        *(({"endpoints": e}, "(Write endpoints=['decode'") for e in (7, b"decode", [3], [None])),
        ({"endpoints": iter(["decode"])}, "Expected endpoints to be a list"),
        ({"endpoints": ["decode", "encode", "decode"]}, "Expected each endpoint once"),
        ({"speed": "fast"}, "Expected options of format='litert': quantize, calibration"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(vae, refused, options, message):
    assert message in refused(vae, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({"endpoints": e}, "Expected endpoints to be a list") for e in (7, {"decode"}, "decode")),
        ({"endpoints": ["decode", "decode"]}, "Expected each endpoint once"),
        ({"batch_size": 1}, "Received: batch_size. (That is of format='litert'.)"),
        ({"speed": "fast"}, "Expected options of format='tf_saved_model': none"),
        ({"format": ["litert"]}, "Expected format to be one of"),
    ],
)
def test_a_saved_model_has_endpoints_and_no_other_options(vae, tmp_path, options, message):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        vae.export(tmp_path / "vae", **options)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [7, None, b"vae", "vae\0"])
def test_what_is_no_path_is_refused(vae, path):
    with pytest.raises((UsageError, UsageTypeError), match="Expected filepath"):
        vae.export(path)


def masks(rows, value):
    return np.full((rows, 4), value, "float32")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (masks(7, 1), "as many rows in each input"),
        (masks(8, np.nan), "Expected finite values"),
        (masks(8, 0.5), "Expected a mask of 0 and 1"),
        (masks(8, 0), "Expected a mask of 0 and 1"),
        (np.ma.array(masks(8, 1), mask=masks(8, 1)), "a masked array"),
    ],
)
def test_a_wrong_mask_of_calibration_data_is_refused(refused, mask, message):
    model = keras_vae.LSTMAutoencoder((4, 2), 3, masked=True, units=(3,), seed=1)
    assert message in refused(model, calibration=(np.zeros((8, 4, 2), "float32"), mask))


@pytest.mark.parametrize("size", [1, 3, 5, 8])
def test_every_row_calibrates_in_batches_of_the_size_of_the_file(size):
    rows = np.arange(5)
    batches = [batch["z"] for _, batch in converter._batches({"decode": {"z": rows}}, size)]
    assert {len(batch) for batch in batches} == {size}
    assert set(np.concatenate(batches)) == set(rows)


def test_a_file_of_endpoints_that_the_model_has_not_is_refused_by_name(vae, tmp_path):
    path = vae.export(tmp_path / "m.tflite", format="litert", endpoints=["sample"])
    plain = keras_vae.ConvAutoencoder((8, 8, 1), 2, filters=(2,))
    with pytest.raises(UsageError, match="The model has no 'sample'"):
        writer.verify(plain, path)


def test_a_model_of_any_length_is_refused_with_what_to_do(refused):
    x = keras.Input((None, 2), name="x")
    z = keras.Input((None, 1), name="z")
    encoder = keras.Model(x, layers.Dense(1)(x))
    model = keras_vae.Autoencoder(encoder, keras.Model(z, layers.Dense(2)(z)))
    assert "Build the networks for one size" in refused(model)


def test_an_unbuilt_model_is_refused(refused):
    model = keras_vae.Autoencoder(layers.Dense(2), layers.Dense(3))
    assert "Expected a built model" in refused(model)


def test_other_models_still_export_after_a_refusal(refused, tmp_path_factory):
    refused(with_layer(Erf()), endpoints=["decode"])
    path = tmp_path_factory.mktemp("after") / "m.tflite"
    assert MODELS["Autoencoder"]().export(path, format="litert", endpoints=["decode"]).exists()


@pytest.mark.parametrize(
    ("name", "format", "advice"),
    [
        ("m.tflite", "tf_saved_model", "For a .tflite file use format='litert'"),
        ("m.TFLite", "tf_saved_model", "For a .tflite file use format='litert'"),
        ("m.onnx", "tf_saved_model", "For a .onnx file use format='onnx'"),
        ("m.ONNX", "litert", "For a .onnx file use format='onnx'"),
        ("m.keras", "tf_saved_model", "A .keras file is written by model.save"),
        ("m.keras", "litert", "A .keras file is written by model.save"),
        ("m.h5", "litert", "No format here writes .h5 files"),
        ("saved_model.pb", "tf_saved_model", "No format here writes .pb files"),
        ("m.zip", "tf_saved_model", "No format here writes .zip files"),
        ("m.mlpackage", "tf_saved_model", "No format here writes .mlpackage files"),
    ],
)
def test_a_name_of_another_format_is_refused(vae, tmp_path, name, format, advice):
    with pytest.raises(ValueError, match=rf"Expected a path for format='{format}'.*{advice}"):
        vae.export(tmp_path / name, format=format)
    assert not list(tmp_path.iterdir())


def test_a_name_may_have_the_number_of_a_version(vae, tmp_path):
    assert vae.export(tmp_path / "vae-1.0", endpoints=["decode"]).is_dir()


def test_a_file_that_appears_during_the_export_stays(vae, tmp_path, monkeypatch):
    from keras_vae.export.litert import writer

    path, real = tmp_path / "m.tflite", writer.add_metadata

    def meanwhile(*arguments):
        path.write_text("of somebody else")
        return real(*arguments)

    monkeypatch.setattr(writer, "add_metadata", meanwhile)
    with pytest.raises(FileExistsError, match="Expected a path that does not exist yet"):
        vae.export(path, format="litert", endpoints=["decode"])
    assert path.read_text() == "of somebody else"
    assert list(tmp_path.iterdir()) == [path]
