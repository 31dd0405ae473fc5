"""What the tests of ONNX files share: a small model, and ONNX Runtime itself as the oracle."""

import functools

import keras
import numpy as np
import onnxruntime

import keras_vae as kv
from tests.support.litert_files import digits


@functools.cache
def vae():
    """A dense VAE of the digits, after a few steps."""
    keras.utils.set_random_seed(0)
    model = kv.VAE(*kv.nets.dense((8, 8, 1), 4, (32,), heads=2), likelihood="bernoulli", seed=0)
    model.compile("adam", run_eagerly=True)
    model.fit(digits(256), epochs=1, batch_size=64, verbose=0)
    return model


def ask(path, **inputs):
    """The answers of a file in ONNX Runtime, by name."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def decoded_by_numpy(model, z):
    """The reconstructions of codes by the two dense layers of `vae`, in float64."""
    dense = [one for one in model.decoder.layers if isinstance(one, keras.layers.Dense)]
    (kernel, bias), (out, shift) = (map(np.float64, one.get_weights()) for one in dense)
    hidden = z @ kernel + bias
    logits = np.where(hidden > 0, hidden, 0.2 * hidden) @ out + shift
    return 1 / (1 + np.exp(-logits)).reshape(len(z), *model.event_shape)
