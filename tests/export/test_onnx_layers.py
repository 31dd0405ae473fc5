"""Which layers and ops convert to ONNX: the lists of the documents, each of them exported."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_vae as kv
from keras_vae.errors import UsageError
from tests.export.test_litert_layers import IMAGE_LAYERS, SEQUENCE_LAYERS, chain
from tests.support.models import array
from tests.support.onnx_models import ask

pytestmark = [pytest.mark.tensorflow, pytest.mark.long]

TEXT = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text()
Z = np.random.default_rng(0).standard_normal((4, 4)).astype("float32")
# By the name in the documents: what is refused, and what stands in its place.
REFUSED = {
    "argmax": (lambda x: ops.argmax(x, 1), lambda x: ops.top_k(x, 1)[1][:, 0]),
    "roll": (lambda x: ops.roll(x, 1, 1), lambda x: ops.concatenate([x[:, -1:], x[:, :-1]], 1)),
    "expm1": (ops.expm1, lambda x: ops.exp(x) - 1),
    "log1p": (lambda x: ops.log1p(ops.abs(x)), lambda x: ops.log(1 + ops.abs(x))),
    "erfinv": (lambda x: ops.erfinv(0.1 * x), None),
    "fft": (lambda x: ops.fft((x, 0 * x))[0], None),
}
CONVERTS = {
    "one_hot": lambda x: ops.one_hot(ops.cast(x[:, 0] > 0, "int32"), 4),
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "cumprod": lambda x: ops.cumprod(x, axis=1),
    "sort": lambda x: ops.sort(x, axis=1),
    "top_k": lambda x: ops.top_k(x, 4)[0],
    "flip": lambda x: ops.flip(x, axis=1),
    "einsum": lambda x: ops.einsum("bi,ij->bj", x, np.ones((4, 4), "float32")),
    "erf": ops.erf,
    "logsumexp": lambda x: x - ops.logsumexp(x, axis=1, keepdims=True),
}


class Op(layers.Layer):
    """A layer of ops, whose results are added to its input."""

    def __init__(self, ops, **kwargs):
        super().__init__(**kwargs)
        self.ops = ops

    def call(self, x):
        results = [ops.cast(op(x), "float32") for op in self.ops]
        return x + sum(r if len(r.shape) == 2 else r[:, None] for r in results)


def decoder_of(*ops):
    encoder = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    z = keras.Input((4,), name="z")
    return kv.Autoencoder(encoder, keras.Model(z, Op(ops, name="mine")(z)))


def assert_converts(model, path, z):
    path = model.export(path, format="onnx", endpoints=["decode"])
    np.testing.assert_allclose(ask(path, z=z)["reconstruction"], array(model.decode(z)), atol=1e-5)


@pytest.mark.parametrize(
    ("makers", "shape"), [(IMAGE_LAYERS, (4, 4, 4)), (SEQUENCE_LAYERS, (5, 4))]
)
def test_a_network_of_every_layer_that_the_docs_list_converts(makers, shape, tmp_path):
    keras.utils.set_random_seed(0)
    assert_converts(chain(makers.values(), shape), tmp_path / "m.onnx", Z[:, :3])


@pytest.mark.parametrize("quantize", ["dynamic", "int8"])
def test_recurrent_layers_may_be_quantized(quantize, tmp_path):
    keras.utils.set_random_seed(0)
    model = chain([SEQUENCE_LAYERS["LSTM"], SEQUENCE_LAYERS["GRU"]], (5, 4))
    x = np.random.default_rng(0).standard_normal((64, 6)).astype("float32")
    options = {"quantize": quantize, "calibration": x, "min_psnr": 30}
    path = model.export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"], **options)
    wanted = array(model.decode(Z[:, :3]))
    error = np.abs(ask(path, z=Z[:, :3])["reconstruction"] - wanted).max()
    assert error < 0.1 * np.abs(wanted).max()


def test_ops_that_the_docs_list_convert_and_what_stands_in_the_place_of_others(tmp_path):
    instead = [right for _, right in REFUSED.values() if right]
    assert_converts(decoder_of(*CONVERTS.values(), *instead), tmp_path / "m.onnx", Z)


@pytest.mark.parametrize("name", REFUSED)
def test_an_op_is_refused_by_its_layer_and_what_stands_in_its_place_is_the_same(name, tmp_path):
    wrong, instead = REFUSED[name]
    with pytest.raises(UsageError, match=r"in layer 'mine' \(Op\)"):
        decoder_of(wrong).export(tmp_path / "m.onnx", format="onnx", endpoints=["decode"])
    assert not list(tmp_path.iterdir())
    if instead:
        np.testing.assert_allclose(array(instead(Z)), array(wrong(Z)), atol=1e-5)


def test_the_docs_list_the_ops_that_are_tested_here():
    rows = re.findall(r"^\| `keras\.ops\.(\w+)` \|", TEXT, re.MULTILINE)
    assert rows == list(REFUSED)
    (line,) = re.findall(r"These ops convert: (.*?)\.\n", TEXT, re.DOTALL)
    assert re.findall(r"`(\w+)`", line) == list(CONVERTS)
