"""PNG and JPEG files as inputs, PNG files as outputs: 20 times smaller than JSON numbers."""

from collections.abc import Callable

import keras
import numpy as np

from keras_vae.base.endpoint import Endpoint, RawNumbers
from keras_vae.export.saved_model.image_graph import decode_image
from keras_vae.typing import Tensor


def is_image(shape: tuple) -> bool:
    """Return whether examples are gray, RGB or RGBA images of a fixed size."""
    return len(shape) == 3 and None not in shape and shape[-1] in (1, 3, 4)


def white_of(spec: keras.InputSpec) -> float | None:
    """Return the value of a white pixel in an input of images; None if it takes no images."""
    if not is_image(tuple(spec.shape[1:])):
        return None
    return spec.white if isinstance(spec, RawNumbers) else 1.0


def png_endpoint(reconstruct: Endpoint) -> Endpoint:
    """Return `reconstruct` as an endpoint from image files (PNG, JPEG) to PNG.

    Files are decoded as in training, see `image_graph`. Pixels of the model are in [0, 1], or in
    [0, 255] if its preprocessing rescales them. The REST interface of TF Serving wants names of
    encoded bytes to end in `_bytes`.
    """
    first = reconstruct.inputs[0]
    function = _on_png(reconstruct.function, tuple(first.shape[1:]), white_of(first) or 1.0)
    pictures = keras.InputSpec(shape=(None,), dtype="string", name="image_bytes")
    return Endpoint(function, (pictures, *reconstruct.inputs[1:]))


def _on_png(reconstruct: Callable[..., dict[str, Tensor]], shape: tuple, white: float) -> Callable:
    import tensorflow as tf

    def decode(file: Tensor) -> Tensor:
        return tf.cast(decode_image(file, shape), tf.float32) / (255.0 / white)

    def encode_image(image: Tensor) -> Tensor:
        levels = tf.clip_by_value(image / white, 0, 1) * 255
        return tf.io.encode_png(tf.cast(tf.round(levels), tf.uint8))

    def reconstruct_png(image_bytes: Tensor, *others: Tensor) -> dict[str, Tensor]:
        image_type = tf.TensorSpec(shape, tf.float32)
        images = tf.map_fn(decode, image_bytes, fn_output_signature=image_type)
        pictures = reconstruct(images, *others)["reconstruction"]
        return {
            "reconstruction_bytes": tf.map_fn(encode_image, pictures, fn_output_signature=tf.string)
        }

    return reconstruct_png


def encode_png(images: np.ndarray, white: float = 1.0) -> np.ndarray:
    """Encode images `(n, height, width, channels)` in [0, white] as PNG, an array of bytes."""
    import tensorflow as tf

    levels = np.round(np.clip(images / white, 0.0, 1.0) * 255).astype("uint8")
    return np.array([tf.io.encode_png(image).numpy() for image in levels], object)


def decode_png(files: np.ndarray) -> np.ndarray:
    """Decode PNG files of one size to gray levels, uint8 `(n, height, width, channels)`."""
    import tensorflow as tf

    return np.stack([tf.io.decode_png(file).numpy() for file in files])
