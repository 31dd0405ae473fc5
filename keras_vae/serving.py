"""What a model can be asked once it is trained: named pure functions, and the files of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

Tensor = Any


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """What can be served: a pure function of named tensors, without state or random ops.

    Attributes:
        function: Takes the inputs in order, returns a dictionary of named tensors.
        inputs: Shape, dtype and name of each input; the batch axis is None.
    """

    function: Callable[..., dict[str, Tensor]]
    inputs: tuple[keras.InputSpec, ...]


class Serving:
    """The endpoints of a model: what can be served, where exporters state how."""

    generative: bool
    sampler: Any
    event_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    latent_dtype: str
    event_dtype: str
    encode: Any
    decode: Any
    reconstruct: Any
    score_terms: Any
    sampled: Any

    def endpoints(self) -> dict[str, Endpoint]:
        """What this model serves: name to `Endpoint`; the first is the default."""
        x = keras.InputSpec(shape=(None, *self.event_shape), dtype=self.event_dtype, name="x")
        z = keras.InputSpec(shape=(None, *self.latent_shape), dtype=self.latent_dtype, name="z")
        seed = keras.InputSpec(shape=(None,), dtype="int32", name="seed")
        samples = self.generative or self.sampler is not None
        return {
            "reconstruct": Endpoint(lambda x: {"reconstruction": self.reconstruct(x)}, (x,)),
            "encode": Endpoint(self.encoded, (x,)),
            "decode": Endpoint(lambda z: {"reconstruction": self.decode(z)}, (z,)),
            "score": Endpoint(self._scores, (x,)),
            **({"sample": Endpoint(self.sampled, (seed,))} if samples else {}),
        }

    def encoded(self, x: Tensor) -> dict[str, Tensor]:
        """What the `encode` endpoint answers."""
        return {"z": self.encode(x)}

    def metadata(self) -> dict[str, Any]:
        """What files say of this model beyond what they say of all."""
        return {}

    def _scores(self, x: Tensor) -> dict[str, Tensor]:
        terms = self.score_terms(x)
        answer = {"score": sum(terms.values()), "reconstruction_error": terms["reconstruction"]}
        return {**answer, **{k: v for k, v in terms.items() if k != "reconstruction"}}

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **kwargs: Any) -> Path:
        """Write the endpoints as a SavedModel or a LiteRT file; see `keras_vae.exporting`.

        Args:
            filepath: A new folder for a SavedModel, a new file for LiteRT.
            format: "tf_saved_model" or "litert".
            **kwargs: `endpoints`; for LiteRT also `quantize`, `calibration`, `batch_size`.
        """
        from keras_vae import exporting

        return exporting.export(self, filepath, format=format, **kwargs)
