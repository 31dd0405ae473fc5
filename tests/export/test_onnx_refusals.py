"""What an export to ONNX refuses, with the way out, and nothing left behind."""

import keras
import pytest

import keras_vae as kv
from keras_vae.errors import ToleranceError, UsageError
from keras_vae.export.onnx_files import conversion
from tests.support.litert_files import digits
from tests.support.onnx_models import vae

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "float16"}, "Expected quantize to be one of"),
        ({"quantize": "int8"}, "Expected calibration data with quantize='int8'"),
        ({"batch_size": 0}, "Expected batch_size"),
        ({"batch_size": 2.5}, "Expected batch_size"),
        ({"min_psnr": "high"}, "Expected min_psnr"),
        ({"labels": "zero"}, "Expected labels to be a list of names"),
        ({"endpoints": ["dream"]}, "Expected endpoints among"),
        ({"io": "int8"}, "Expected options of format='onnx'.*format='litert'"),
        ({"calibration": digits(8)[:, 1:]}, "Expected calibration of shape"),
    ],
)
def test_wrong_options_are_refused(options, message, tmp_path):
    with pytest.raises((UsageError, TypeError), match=message):
        vae().export(tmp_path / "m.onnx", format="onnx", **options)
    assert not list(tmp_path.iterdir())


def test_a_tolerance_that_is_missed_leaves_nothing(tmp_path):
    with pytest.raises(ToleranceError, match="a PSNR of at least 150 dB is needed"):
        vae().export(
            tmp_path / "m.onnx",
            format="onnx",
            endpoints=["decode"],
            quantize="dynamic",
            min_psnr=150,
        )
    assert not list(tmp_path.iterdir())


def test_a_layer_with_noise_is_named(tmp_path):
    class Grain(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x))

    encoder, decoder = kv.nets.dense((3,), 2, (2,))
    z = keras.Input((2,), name="z")
    model = kv.Autoencoder(encoder, keras.Model(z, Grain(name="grain")(decoder(z))))
    with pytest.raises(UsageError, match=r"in layer 'grain' \(Grain\).*standard_normal"):
        model.export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"])


def test_without_its_packages_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(RuntimeError, match=r"no no_such_package.*pip install \"keras-vae\[onnx\]"):
        vae().export(tmp_path / "m.onnx", format="onnx")


def test_names_of_endpoints_that_are_joined_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match="Give each name by itself: encode, decode"):
        vae().export(tmp_path / "m", format="onnx", endpoints=["encode,decode"])


def test_other_formats_do_not_take_the_suffix(tmp_path):
    for format in ("tf_saved_model", "litert"):
        with pytest.raises(UsageError, match=r"For a \.onnx file use format='onnx'"):
            vae().export(tmp_path / "m.onnx", format=format)
    with pytest.raises(UsageError, match="use format='litert'"):
        vae().export(tmp_path / "m.tflite", format="onnx")
