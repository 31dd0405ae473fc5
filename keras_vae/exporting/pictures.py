"""Encoded pictures in and out: PNG is a twentieth of the JSON of the same image."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.serving import Endpoint

Tensor = Any


def is_image(shape: tuple) -> bool:
    """Whether examples are grey, RGB or RGBA pictures of a fixed size."""
    return len(shape) == 3 and None not in shape and shape[-1] in (1, 3, 4)


def png_endpoint(reconstruct: Endpoint) -> Endpoint:
    """`reconstruct` from encoded pictures (PNG, JPEG, GIF, BMP) to PNG, for pixels in [0, 1].

    TF Serving's REST wants names of encoded bytes to end in `_bytes`.
    """
    shape = tuple(reconstruct.inputs[0].shape[1:])
    pictures = keras.InputSpec(shape=(None,), dtype="string", name="image_bytes")
    return Endpoint(_on_png(reconstruct.function, shape), (pictures, *reconstruct.inputs[1:]))


def _on_png(reconstruct: Callable[..., dict[str, Tensor]], shape: tuple) -> Callable:
    import tensorflow as tf

    def decoded(encoded: Tensor) -> Tensor:
        image = tf.io.decode_image(encoded, channels=shape[-1], expand_animations=False)
        return tf.cast(tf.ensure_shape(image, shape), tf.float32) / 255.0

    def encoded(image: Tensor) -> Tensor:
        return tf.io.encode_png(tf.cast(tf.round(tf.clip_by_value(image, 0, 1) * 255), tf.uint8))

    def reconstruct_png(image_bytes: Tensor, *others: Tensor) -> dict[str, Tensor]:
        image_type = tf.TensorSpec(shape, tf.float32)
        images = tf.map_fn(decoded, image_bytes, fn_output_signature=image_type)
        pictures = reconstruct(images, *others)["reconstruction"]
        return {"reconstruction_bytes": tf.map_fn(encoded, pictures, fn_output_signature=tf.string)}

    return reconstruct_png


def as_png(images: np.ndarray) -> np.ndarray:
    """PNG files, an array of bytes, of images `(n, height, width, channels)` in [0, 1]."""
    import tensorflow as tf

    levels = np.round(np.clip(images, 0.0, 1.0) * 255).astype("uint8")
    return np.array([tf.io.encode_png(image).numpy() for image in levels], object)


def from_png(files: np.ndarray) -> np.ndarray:
    """Grey levels, uint8 `(n, height, width, channels)`, of PNG files of one size."""
    import tensorflow as tf

    return np.stack([tf.io.decode_png(file).numpy() for file in files])
