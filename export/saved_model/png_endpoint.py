"""PNG and JPEG files as inputs, PNG files as outputs: 20 times smaller than JSON numbers."""

from collections.abc import Callable

import keras
import numpy as np

from keras_vae.base.endpoint import Endpoint
from keras_vae.export.saved_model.image_graph import decode_image
from keras_vae.typing import Tensor


def is_image(shape: tuple) -> bool:
    """Return whether examples are gray, RGB or RGBA images of a fixed size."""
    return len(shape) == 3 and None not in shape and shape[-1] in (1, 3, 4)


def png_endpoint(reconstruct: Endpoint) -> Endpoint:
    """Return `reconstruct` as an endpoint from image files (PNG, JPEG) to PNG.

    Files are decoded as in training, see `image_graph`. Pixels of the model are in [0, 1]. The
    REST interface of TF Serving wants names of encoded bytes to end in `_bytes`.
    """
    shape = tuple(reconstruct.inputs[0].shape[1:])
    pictures = keras.InputSpec(shape=(None,), dtype="string", name="image_bytes")
    return Endpoint(_on_png(reconstruct.function, shape), (pictures, *reconstruct.inputs[1:]))


def _on_png(reconstruct: Callable[..., dict[str, Tensor]], shape: tuple) -> Callable:
    import tensorflow as tf

    def decode(file: Tensor) -> Tensor:
        return tf.cast(decode_image(file, shape), tf.float32) / 255.0

    def encode_image(image: Tensor) -> Tensor:
        return tf.io.encode_png(tf.cast(tf.round(tf.clip_by_value(image, 0, 1) * 255), tf.uint8))

    def reconstruct_png(image_bytes: Tensor, *others: Tensor) -> dict[str, Tensor]:
        image_type = tf.TensorSpec(shape, tf.float32)
        images = tf.map_fn(decode, image_bytes, fn_output_signature=image_type)
        pictures = reconstruct(images, *others)["reconstruction"]
        return {
            "reconstruction_bytes": tf.map_fn(encode_image, pictures, fn_output_signature=tf.string)
        }

    return reconstruct_png


def encode_png(images: np.ndarray) -> np.ndarray:
    """Encode images `(n, height, width, channels)` in [0, 1] as PNG, an array of bytes."""
    import tensorflow as tf

    levels = np.round(np.clip(images, 0.0, 1.0) * 255).astype("uint8")
    return np.array([tf.io.encode_png(image).numpy() for image in levels], object)


def decode_png(files: np.ndarray) -> np.ndarray:
    """Decode PNG files of one size to gray levels, uint8 `(n, height, width, channels)`."""
    import tensorflow as tf

    return np.stack([tf.io.decode_png(file).numpy() for file in files])
