"""The endpoints of a trained model, and their export to files."""

from pathlib import Path
from typing import Any

import keras

from keras_vae.base.endpoint import Endpoint, RawNumbers, WholeNumbers
from keras_vae.typing import Tensor


class Serving:
    """A mixin that lists the endpoints of a model; exporters write them to files."""

    generative: bool
    sampler: Any
    event_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    latent_dtype: str
    event_dtype: str
    encode: Any
    decode: Any
    family: Any
    preprocess: Any
    reconstruct: Any
    score_terms: Any
    sample_endpoint: Any
    sample_specs: Any

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints by name; the first one is the default of servers.

        Returns:
            "reconstruct", "encode", "decode", "score", and "sample" if the model has a prior or
            a fitted sampler.
        """
        x = self.event_spec()
        z = _spec("z", self.latent_shape, self.latent_dtype, getattr(self, "codebook_size", None))
        samples = self.generative or self.sampler is not None
        return {
            "reconstruct": Endpoint(lambda x: {"reconstruction": self.reconstruct(x)}, (x,)),
            "encode": Endpoint(self.encode_endpoint, (x,)),
            "decode": Endpoint(lambda z: {"reconstruction": self.decode(z)}, (z,)),
            "score": Endpoint(self.score_endpoint, (x,)),
            **({"sample": Endpoint(self.sample_endpoint, self.sample_specs())} if samples else {}),
        }

    def event_spec(self) -> keras.InputSpec:
        """Return shape, dtype and name of x of a batch, raw and with gaps if those are filled."""
        shape, dtype, preprocess = self.event_shape, self.event_dtype, self.preprocess
        if not (preprocess or self.family.whole):
            return _spec("x", shape, dtype, getattr(self, "vocabulary_size", None))
        about: dict[str, Any] = {"shape": (None, *shape), "dtype": dtype, "name": "x"}
        return RawNumbers(preprocess.fills, preprocess.white(), self.family.whole, **about)

    def encode_endpoint(self, x: Tensor) -> dict[str, Tensor]:
        """Answer the `encode` endpoint: `z`, or `z_mean` and `z_log_var` for a VAE."""
        return {"z": self.encode(x)}

    def score_endpoint(self, x: Tensor) -> dict[str, Tensor]:
        """Answer the `score` endpoint: `score`, `reconstruction_error` and the other terms."""
        terms = self.score_terms(x)
        answer = {"score": sum(terms.values()), "reconstruction_error": terms["reconstruction"]}
        return {**answer, **{k: v for k, v in terms.items() if k != "reconstruction"}}

    def metadata(self) -> dict[str, Any]:
        """Return entries that exported files hold for this kind of model only: here none."""
        return {}

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **kwargs: Any) -> Path:
        """Write the endpoints to files that run without Keras; see `keras_vae.export.writers`.

        Args:
            filepath: A new folder for a SavedModel or OpenVINO, a new file for LiteRT. For ONNX
                and PyTorch a new file for one endpoint, and a new folder for several.
            format: "tf_saved_model", "litert", "onnx", "openvino" or "torch".
            **kwargs: `endpoints` and `overwrite`; for all but a SavedModel also `quantize`,
                `calibration`, `batch_size`.

        Returns:
            The path that was written.

        Raises:
            ValueError: If the format or an endpoint is unknown, or an option does not fit it.
        """
        from keras_vae.export import writers

        return writers.export(self, filepath, format=format, **kwargs)  # type: ignore[arg-type]

    def save_to_preset(self, preset: str | Path, **about: Any) -> str:
        """Save the model, without its optimizer, with a card; see `keras_vae.presets.save`.

        Args:
            preset: A new folder, or `hf://USER/NAME` for a repository on the Hugging Face hub.
            **about: `description`, `data`, `labels`, `license`, `metrics`, `exports`, and
                `weights_dtype`.

        Returns:
            The folder, or the address of the page on the hub.
        """
        from keras_vae import presets

        return presets.save(self, preset, **about)


def _spec(name: str, shape: tuple[int, ...], dtype: str, count: int | None) -> keras.InputSpec:
    """Return the spec of an input; `count` is the number of values of whole numbers."""
    about: dict[str, Any] = {"shape": (None, *shape), "dtype": dtype, "name": name}
    return keras.InputSpec(**about) if count is None else WholeNumbers(count, **about)
