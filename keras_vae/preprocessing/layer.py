"""The preprocessing of a model as a layer of Keras."""

from typing import Any

import keras

from keras_vae.preprocessing.pipeline import Preprocessing
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class PreprocessingLayer(keras.layers.Layer):
    """Does the preprocessing of a model in another one, such as a classifier.

    Args:
        preprocess: That of the model.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, preprocess: Preprocessing, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.preprocess = preprocess

    def call(self, x: Tensor) -> Tensor:
        """Return raw `x` as the networks of the model take it."""
        return keras.ops.cast(self.preprocess.forward(x), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        steps = keras.saving.serialize_keras_object(self.preprocess)
        return {**super().get_config(), "preprocess": steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PreprocessingLayer":
        """Return the layer of `get_config()`."""
        steps = keras.saving.deserialize_keras_object(config["preprocess"])
        return cls(**{**config, "preprocess": steps})
