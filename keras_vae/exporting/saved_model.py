"""SavedModel, for TF Serving and for anything that runs TensorFlow graphs."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from keras_vae.autoencoder import Endpoint
from keras_vae.exporting.endpoints import float32_policy, write_archive

Tensor = Any


def write_saved_model(model: Any, path: Path, endpoints: Mapping[str, Endpoint]) -> Path:
    """Write a SavedModel with one signature an endpoint, dynamic batch, weights stored once.

    The first endpoint is also `serving_default`. Image models get one more signature,
    `reconstruct_png`, from and to encoded pictures.

    Args:
        model: The built model.
        path: A new folder.
        endpoints: What to write, from `chosen_endpoints`.

    Returns:
        `path`.
    """
    if "reconstruct" in endpoints and _is_image(model.event_shape):
        endpoints = {**endpoints, "reconstruct_png": _png_endpoint(model)}
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        with float32_policy(model):
            write_archive(endpoints, str(folder), batch_size=None)
        folder.chmod(0o755)
        os.rename(folder, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path


def _is_image(shape: tuple) -> bool:
    """Whether examples are grey, RGB or RGBA pictures of a fixed size."""
    return len(shape) == 3 and None not in shape and shape[-1] in (1, 3, 4)


def _png_endpoint(model: Any) -> Endpoint:
    """Encoded pictures in, PNG out. REST wants names of encoded bytes to end in `_bytes`."""
    inputs = (keras.InputSpec(shape=(None,), dtype="string", name="image_bytes"),)
    return Endpoint(_png_function(model), inputs)


def _png_function(model: Any) -> Callable[[Tensor], dict[str, Tensor]]:
    import tensorflow as tf

    shape = model.event_shape

    def decoded(encoded: Tensor) -> Tensor:
        image = tf.io.decode_image(encoded, channels=shape[-1], expand_animations=False)
        return tf.cast(tf.ensure_shape(image, shape), tf.float32) / 255.0

    def encoded(image: Tensor) -> Tensor:
        return tf.io.encode_png(tf.cast(tf.round(tf.clip_by_value(image, 0, 1) * 255), tf.uint8))

    def reconstruct_png(image_bytes: Tensor) -> dict[str, Tensor]:
        image_type = tf.TensorSpec(shape, tf.float32)
        images = tf.map_fn(decoded, image_bytes, fn_output_signature=image_type)
        pictures = model.reconstruct(images)
        return {
            "reconstruction_bytes": tf.map_fn(encoded, pictures, fn_output_signature=tf.string)
        }

    return reconstruct_png
