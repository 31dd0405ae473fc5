"""Training with this package, and with Keras as its tutorials write a VAE."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import network
from keras_vae.typing import LatentModel


def ours(images: str, source: str = "batches") -> Callable[[], float]:
    """Train as `keras-vae train` does, with `compile_fast` on its own batches.

    Args:
        images: Path of a .npy of bytes, `(count, 28, 28, 1)`.
        source: "batches", or "arrays" for `fit(array)` on any backend.
    """
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    model = kv.ConvVAE(network.IMAGE_SHAPE, network.LATENT, activation="relu", seed=0)
    network.check_parameters(_trainable(model))
    data = np.load(images)
    steps = -(-len(data) // network.BATCH)
    optimizer = keras.optimizers.Adam(network.RATE)
    if source == "arrays":
        kv.compile_fast(model, optimizer)
        x: Any = data.astype("float32") / 255
        given: dict[str, Any] = {"batch_size": network.BATCH}
    else:
        from keras_vae.training.data.batches import training_batches

        kv.compile_fast(model, optimizer, steps_per_epoch=steps)
        x, given = training_batches(data, network.BATCH), {"shuffle": False}
        given["steps_per_epoch"] = steps
    return _epochs(model, x, **given)


def textbook(images: str, autotune: bool = True, source: str = "dataset") -> Callable[[], float]:
    """Train with the `train_step` of tutorials and Keras's defaults.

    Args:
        images: Path of a .npy of bytes.
        autotune: True if tf.data may tune itself, its default.
        source: "dataset" for a map of each image, "arrays" for `fit(array)`.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = tutorial()
    network.check_parameters(_trainable(model))
    model.compile(optimizer=keras.optimizers.Adam(network.RATE))
    data = np.load(images)
    if source == "arrays":
        return _epochs(model, data.astype("float32") / 255, batch_size=network.BATCH)
    dataset = (
        tf.data.Dataset.from_tensor_slices(data)
        .map(lambda image: tf.cast(image, tf.float32) / 255.0, num_parallel_calls=tf.data.AUTOTUNE)
        .shuffle(len(data))
        .batch(network.BATCH)
        .prefetch(tf.data.AUTOTUNE)
    )
    options = tf.data.Options()
    if not autotune:
        options.autotune.enabled = False
    return _epochs(model, dataset.with_options(options))


def fastest(images: str) -> Callable[[], float]:
    """Train by hand with all that was found to help, see docs/dev/benchmarks.md."""
    import keras

    from keras_vae.training.data.batches import training_batches

    keras.utils.set_random_seed(0)
    model = tutorial(softplus=True)
    network.check_parameters(_trainable(model))
    data = np.load(images)
    steps = -(-len(data) // network.BATCH)
    model.compile(
        optimizer=fused_adam(network.RATE),
        jit_compile=False,
        steps_per_execution=next(n for n in range(32, 0, -1) if steps % n == 0),
    )
    batches = training_batches(data, network.BATCH)
    return _epochs(model, batches, steps_per_epoch=steps, shuffle=False)


def _epochs(model: LatentModel, x: Any, **given: Any) -> Callable[[], float]:
    """Return a unit that trains one epoch and returns its loss."""
    return lambda: model.fit(x, epochs=1, verbose=0, **given).history["loss"][0]


def _trainable(model: LatentModel) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def tutorial(softplus: bool = False) -> Any:
    """Build a VAE as a subclass with a `train_step`; `softplus` for a cheaper form of the loss."""
    import keras
    import tensorflow as tf
    from keras import layers, ops

    def encoder() -> Any:
        x = keras.Input(network.IMAGE_SHAPE)
        h = x
        for filters in network.FILTERS:
            h = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(h)
        h = layers.Dense(network.HIDDEN, activation="relu")(layers.Flatten()(h))
        return keras.Model(x, [layers.Dense(network.LATENT)(h), layers.Dense(network.LATENT)(h)])

    def decoder() -> Any:
        z = keras.Input((network.LATENT,))
        h = layers.Reshape((7, 7, 64))(layers.Dense(3136, activation="relu")(z))
        h = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(h)
        return keras.Model(z, layers.Conv2DTranspose(1, 3, strides=2, padding="same")(h))

    class Tutorial(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = encoder(), decoder()
            self.seed_generator = keras.random.SeedGenerator(0)
            self.loss_mean = keras.metrics.Mean(name="loss")
            self.reconstruction_mean = keras.metrics.Mean(name="reconstruction")
            self.kl_mean = keras.metrics.Mean(name="kl")

        @property
        def metrics(self) -> list[Any]:
            return [self.loss_mean, self.reconstruction_mean, self.kl_mean]

        def reconstruction(self, x: Any, logits: Any) -> Any:
            if softplus:
                return ops.sum(ops.softplus(logits) - x * logits, axis=(1, 2, 3))
            entropy = keras.losses.binary_crossentropy(x, logits, from_logits=True)
            return ops.sum(entropy, axis=(1, 2))

        def train_step(self, x: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                mean, log_var = self.encoder(x, training=True)
                noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
                logits = self.decoder(mean + ops.exp(0.5 * log_var) * noise, training=True)
                reconstruction = ops.mean(self.reconstruction(x, logits))
                divergence = ops.square(mean) + ops.exp(log_var) - 1.0 - log_var
                kl = ops.mean(0.5 * ops.sum(divergence, axis=1))
                loss = reconstruction + kl
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            self.loss_mean.update_state(loss)
            self.reconstruction_mean.update_state(reconstruction)
            self.kl_mean.update_state(kl)
            return {metric.name: metric.result() for metric in self.metrics}

    return Tutorial()


def fused_adam(rate: float) -> Any:
    """Build an Adam optimizer that updates a variable with one TensorFlow op."""
    import keras
    import tensorflow as tf

    class FusedAdam(keras.optimizers.Adam):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            step = tf.cast(self.iterations.value + 1, tf.float32)
            index = self._get_variable_index(variable)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=tf.pow(self.beta_1, step),
                beta2_power=tf.pow(self.beta_2, step),
                lr=tf.cast(learning_rate, tf.float32),
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=gradient,
            )

    return FusedAdam(rate)
