"""What the tests of .tflite files share: small models, and LiteRT itself as the oracle."""

import json

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import keras_vae


def dense_networks(heads=1, activation="relu"):
    return keras_vae.nets.dense((6,), latent_dim=3, hidden=(8,), heads=heads, activation=activation)


def small_conv_vae(**kwargs):
    return keras_vae.ConvVAE((8, 8, 1), latent_dim=4, filters=(8, 16), hidden=32, seed=0, **kwargs)


MODELS = {
    "Autoencoder": lambda: keras_vae.Autoencoder(*dense_networks()),
    "SparseAutoencoder, kl": lambda: keras_vae.SparseAutoencoder(
        *dense_networks(activation="sigmoid"), penalty="kl"
    ),
    "ConvVAE": small_conv_vae,
}
# Names of outputs by endpoint.
PLAIN = {
    "reconstruct": {"reconstruction"},
    "encode": {"z"},
    "decode": {"reconstruction"},
    "score": {"score", "reconstruction_error"},
}
VARIATIONAL = {
    **PLAIN,
    "encode": {"z_mean", "z_log_var"},
    "score": {"score", "reconstruction_error", "kl"},
    "sample": {"reconstruction", "z"},
}


def digits(count):
    """Handwritten digits, `(count, 8, 8, 1)`, in [0, 1]."""
    from sklearn.datasets import load_digits

    return (load_digits().images[:count, ..., None] / 16).astype("float32")


def trained_conv_vae():
    keras.utils.set_random_seed(0)
    model = small_conv_vae()
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(digits(1024), batch_size=64, epochs=8, verbose=0)
    return model


def signatures(path):
    """Names of inputs and of outputs by signature, as LiteRT reads them."""
    found = Interpreter(model_path=str(path)).get_signature_list()
    return {k: (set(v["inputs"]), set(v["outputs"])) for k, v in found.items()}


def run(path, signature, batch_size=1, **inputs):
    """What LiteRT answers, batch by batch, in the values that int8 stands for."""
    runner = Interpreter(model_path=str(path)).get_signature_runner(signature)
    takes, gives = runner.get_input_details(), runner.get_output_details()
    count = len(next(iter(inputs.values())))
    answers = []
    for start in range(0, count, batch_size):
        rows = {k: to_tensor(v[start : start + batch_size], takes[k]) for k, v in inputs.items()}
        answers.append({k: from_tensor(v, gives[k]) for k, v in runner(**rows).items()})
    return {name: np.concatenate([answer[name] for answer in answers]) for name in gives}


def to_tensor(values, details):
    if details["dtype"] is not np.int8:
        return np.asarray(values, details["dtype"])
    scale, zero = details["quantization"]
    return np.clip(np.rint(values / scale) + zero, -128, 127).astype(np.int8)


def from_tensor(values, details):
    scale, zero = details["quantization"]
    exact = details["dtype"] is not np.int8
    return np.array(values) if exact else (values.astype(np.float32) - zero) * scale


def psnr(expected, received, peak=1.0):
    """In dB."""
    noise = np.mean(np.square(np.asarray(expected, np.float64) - received))
    return 10 * np.log10(peak**2 / noise)


def run_of_digits(folder):
    """A run directory as training.train leaves it, and its model."""
    folder.mkdir()
    model = small_conv_vae()
    model.compile("adam")
    model.fit(digits(512), epochs=3, verbose=0)
    model.save(folder / "model.keras")
    config = {
        "recipe": "conv_vae_digits",
        "arguments": {},
        "settings": {"data": "digits"},
        "image_shape": [8, 8, 1],
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder, model
