"""Which layers convert: the lists of docs/export.md, each layer in a network that is exported."""

import math
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import keras_vae
from tests.support.litert_files import run

pytestmark = pytest.mark.tensorflow

# Each takes and gives maps of 4x4x4.
IMAGE_LAYERS = {
    "Conv2D": lambda: layers.Conv2D(4, 3, padding="same"),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "SeparableConv2D": lambda: layers.SeparableConv2D(4, 3, padding="same"),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(4, 3, padding="same"),
    "BatchNormalization": layers.BatchNormalization,
    "LayerNormalization": layers.LayerNormalization,
    "GroupNormalization": lambda: layers.GroupNormalization(2),
    "RMSNormalization": layers.RMSNormalization,
    "PReLU": layers.PReLU,
    "LeakyReLU": layers.LeakyReLU,
    "UpSampling2D": lambda: keras.Sequential([layers.UpSampling2D(2), layers.MaxPooling2D(2)]),
    "UpSampling2D bilinear": lambda: keras.Sequential(
        [layers.UpSampling2D(2, interpolation="bilinear"), layers.AveragePooling2D(2)]
    ),
    "Dropout": lambda: layers.Dropout(0.5),
    "ZeroPadding2D": lambda: keras.Sequential([layers.ZeroPadding2D(1), layers.Cropping2D(1)]),
    **{
        name: lambda name=name: layers.Activation(name)
        for name in (
            "gelu",
            "silu",
            "mish",
            "elu",
            "selu",
            "softplus",
            "tanh",
            "sigmoid",
            "softmax",
        )
    },
}
# Each takes sequences of 5 steps with 4 features.
SEQUENCE_LAYERS = {
    "Dense": lambda: layers.Dense(4),
    "Conv1D": lambda: layers.Conv1D(4, 3, padding="same"),
    "Conv1DTranspose": lambda: layers.Conv1DTranspose(4, 3, padding="same"),
    "LSTM": lambda: layers.LSTM(4, return_sequences=True),
    "GRU": lambda: layers.GRU(4, return_sequences=True),
    "SimpleRNN": lambda: layers.SimpleRNN(4, return_sequences=True),
    "Bidirectional": lambda: layers.Bidirectional(
        layers.LSTM(4, return_sequences=True), merge_mode="sum"
    ),
    "MultiHeadAttention": lambda: SelfAttention(2, 2),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(4)),
}


class SelfAttention(layers.MultiHeadAttention):
    def call(self, x):
        return super().call(x, x, use_causal_mask=True)

    def build(self, shape):
        super().build(shape, shape)

    def compute_output_spec(self, x):
        return super().compute_output_spec(x, x)


def autoencoder(decoder_of):
    z = keras.Input((3,), name="z")
    decoder = keras.Model(z, layers.Dense(6)(layers.Flatten()(decoder_of(z))), name="decoder")
    return keras_vae.Autoencoder(keras_vae.nets.dense_encoder((6,), 3, hidden=()), decoder)


def chain(makers, shape):
    def decoder(z):
        h = layers.Reshape(shape)(layers.Dense(math.prod(shape))(z))
        for make in makers:
            h = layers.Average()([h, make()(h)])
        return h

    return autoencoder(decoder)


def assert_decodes(model, path, tolerance):
    z = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
    expected = np.asarray(model.decode(z))
    error = np.abs(run(path, "decode", z=z)["reconstruction"] - expected).max()
    assert error <= tolerance * np.abs(expected).max()


@pytest.mark.long
@pytest.mark.parametrize(
    ("makers", "shape", "quantize"),
    [
        (IMAGE_LAYERS, (4, 4, 4), None),
        (IMAGE_LAYERS, (4, 4, 4), "dynamic"),
        (SEQUENCE_LAYERS, (5, 4), None),
    ],
)
def test_a_network_of_every_layer_that_the_docs_list_converts(tmp_path, makers, shape, quantize):
    keras.utils.set_random_seed(0)
    model = chain(makers.values(), shape)
    path = tmp_path / "m.tflite"
    model.export(path, "litert", endpoints=["decode"], quantize=quantize, min_psnr=quantize and 30)
    assert_decodes(model, path, 0.05 if quantize else 1e-5)


@pytest.mark.slow
def test_unrolled_recurrent_layers_convert_to_int8(tmp_path):
    keras.utils.set_random_seed(0)
    makers = [
        lambda: layers.LSTM(4, return_sequences=True, unroll=True),
        lambda: layers.GRU(4, return_sequences=True, unroll=True),
    ]
    model = chain(makers, (5, 4))
    x = np.random.default_rng(0).standard_normal((64, 6)).astype("float32")
    options = {"quantize": "int8", "calibration": x, "min_psnr": 30}
    path = model.export(tmp_path / "m.tflite", "litert", endpoints=["decode"], **options)
    assert_decodes(model, path, 0.1)


def test_the_docs_list_the_layers_that_are_tested_here():
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    rows = re.findall(r"^\| (?:images|sequences) \| (.*?) \|", text, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == {name.split()[0] for name in (*IMAGE_LAYERS, *SEQUENCE_LAYERS)}
