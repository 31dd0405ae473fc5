"""An image from a `tf.train.Example`, of which files of TFRecord and ArrayRecord are made.

An image is one bytes value: a PNG or JPEG file, or the pixels themselves, a byte for each channel,
beside a feature `shape` of height, width and channels. Other features are passed over.
"""

from typing import Any

import numpy as np

from training.sources.contents import image_of


def image_of_example(content: bytes, name: str, where: str) -> np.ndarray:
    """The image, uint8 of shape `(height, width, channels)`.

    Args:
        content: The serialized example.
        name: Of the feature.
        where: What messages call it.

    Raises:
        ValueError: If there is none.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(content).features.feature
    except DecodeError as error:
        raise ValueError(f"Expected a tf.train.Example. Received: {where} ({error}).") from error
    values: Any = features[name].bytes_list.value if name in features else ()
    if len(values) != 1:
        raise ValueError(
            f"Expected one bytes value of the feature {name}. Received: {where} with "
            f"{len(values)} of them, and features {sorted(features)}."
        )
    shape = tuple(features["shape"].int64_list.value) if "shape" in features else ()
    return image_of(values[0], shape, where)
