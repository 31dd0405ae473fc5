"""One training of one candidate: the network, the data, the training, and what is measured."""

import dataclasses
import functools
import time
from typing import Any

import numpy as np

from benchmarks.defaults.photos import TEST_PHOTOS, photos


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        data: `photos32`, `photos64`, `photos128`, `fashion_mnist`, or `digits`.
        activation: Activation of the hidden layers.
        initializer: Initializer of the kernels of the hidden layers.
        normalization: `none`, `batch`, or `group`, between each hidden layer and its activation.
        head: Scale of the initial kernel of the head of z_log_var, relative to Keras's; 0 for 0.
        log_var: Initial bias of that head.
        likelihood: Name of p(x | z).
        network: `conv`, `dense`, or `conv_map`.
        stages: Number of convolutions; 0 for the network's default.
        rate: Learning rate of Adam.
        warm_up: Steps in which the learning rate rises from 0.
        scale: Initial scale of p(x | z): `data` for their spread, or `one`.
        steps: Training steps.
        seed: Seed of weights, noise, and order.
    """

    data: str = "photos64"
    activation: str = "relu"
    initializer: str = "glorot_uniform"
    normalization: str = "none"
    head: float = 1.0
    log_var: float = 0.0
    likelihood: str = "bernoulli"
    network: str = "conv"
    stages: int = 0
    rate: float = 1e-3
    warm_up: int = 0
    scale: str = "data"
    steps: int = 500
    seed: int = 0


@functools.cache
def read(name: str) -> tuple[Any, Any]:
    """Return training and test images in [0, 1]."""
    if name.startswith("photos"):
        images = photos(int(name.removeprefix("photos")))
        return images[:-TEST_PHOTOS], images[-TEST_PHOTOS:]
    from keras_vae.training.data.sources.digits import read_digits
    from keras_vae.training.data.sources.fashion_mnist import read_fashion_mnist

    data = read_digits() if name == "digits" else read_fashion_mnist()
    return (data.train[:10000] / 255).astype("float32"), (data.test[:1000] / 255).astype("float32")


def mean_image_psnr(name: str) -> float:
    """Return the PSNR (dB) of test images, if each is answered with the mean training image."""
    import keras_vae as kv

    train, test = read(name)
    return float(kv.metrics.mean_psnr(test, np.broadcast_to(train.mean(0), test.shape)))


def run(trial: Trial) -> dict[str, float]:
    """Train, and return what was measured.

    Returns:
        PSNR (dB), ELBO, loss, KL, and the largest running mean of the loss while training (nats),
        and processor time (ms) of a step.
    """
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(trial.seed)
    train, test = read(trial.data)
    model = _model(trial, train.shape[1:])
    rate = (
        kv.schedules.LinearWarmUp(trial.warm_up, 0.0, trial.rate) if trial.warm_up else trial.rate
    )
    kv.compile_fast(model, keras.optimizers.Adam(rate), say=lambda text: None)
    if trial.scale == "one":
        model.steps.assign(1)  # `fit` leaves the scale of a model that was trained before.
    batches = _batches(train, trial.seed, 32 if trial.data.startswith("photos") else 128)
    seen: list[float] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(float(logs["loss"]))
    )
    model.fit(batches, steps_per_epoch=20, verbose=0, callbacks=[note])
    begin = time.process_time()
    model.fit(batches, steps_per_epoch=trial.steps - 20, verbose=0, callbacks=[note])
    spent = time.process_time() - begin
    logs = model.evaluate(test, verbose=0, return_dict=True)
    rebuilt = np.clip(model.predict(test, verbose=0), 0, 1)
    return {
        "psnr": kv.metrics.mean_psnr(test, rebuilt),
        "loss": float(logs["loss"]),
        "largest": max(seen),
        "elbo": float(logs.get("elbo", np.nan)),
        "kl": float(logs.get("kl", np.nan)),
        "ms": 1000 * spent / (trial.steps - 20),
    }


def _batches(train: Any, seed: int, size: int) -> Any:
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(train).shuffle(len(train), seed=seed).repeat()
    return data.batch(size).prefetch(2)


def _model(trial: Trial, shape: tuple[int, ...]) -> Any:
    import keras_vae as kv

    heads = kv.distributions.get(trial.likelihood).heads
    options: dict[str, Any] = {"heads": 2, "decoder_heads": heads}
    if trial.stages:
        options["filters"] = (32, 64, 128, 256)[: trial.stages]
    builder = getattr(kv.nets, trial.network)
    size = 4 if trial.network == "conv_map" else 16
    encoder, decoder = (_variant(net, trial) for net in builder(shape, size, **options))
    return kv.VAE(encoder, decoder, likelihood=trial.likelihood, seed=trial.seed)


def _variant(network: Any, trial: Trial) -> Any:
    """Return a new network with the layers of `network` and the choices of a trial."""
    import keras

    ends = {layer.name for layer in network.layers if _is_end(layer)}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        h = layer(*args, **kwargs)
        if trial.normalization == "none" or layer.name in ends or not hasattr(layer, "kernel"):
            return h
        normalize = {"batch": keras.layers.BatchNormalization, "group": _group_normalization}
        return keras.layers.Activation(trial.activation)(normalize[trial.normalization]()(h))

    return keras.models.clone_model(
        network, clone_function=lambda layer: _clone(layer, trial), call_function=call
    )


def _clone(layer: Any, trial: Trial) -> Any:
    """Return a new layer with the choices of a trial."""
    import keras

    config = layer.get_config()
    if "activation" in config and not _is_end(layer):
        config["activation"] = trial.activation if trial.normalization == "none" else "linear"
        if "kernel_initializer" in config:
            config["kernel_initializer"] = trial.initializer
    if layer.name == "z_log_var":
        scale = max(trial.head, 1e-6) ** 2
        start = keras.initializers.VarianceScaling(scale, "fan_avg", "uniform")
        config["kernel_initializer"] = start
        config["bias_initializer"] = keras.initializers.Constant(trial.log_var)
    return type(layer).from_config(config)


def _is_end(layer: Any) -> bool:
    """Return whether a layer gives an output, without an activation."""
    return layer.get_config().get("activation") in (None, "linear")


def _group_normalization() -> Any:
    import keras

    return keras.layers.GroupNormalization(8)
