"""A model around another model, with the same answers for exporters."""

from keras_vae.typing import LatentModel


def _model_attribute(name: str, doc: str) -> property:
    return property(lambda self: getattr(self.model, name), doc=doc)


class Wrapping:
    """A wrapper that passes attributes of its `model` on."""

    model: LatentModel

    event_shape = _model_attribute("event_shape", "Shape of an example.")
    latent_shape = _model_attribute("latent_shape", "Shape of a code.")
    event_dtype = _model_attribute("event_dtype", "Type of an example.")
    latent_dtype = _model_attribute("latent_dtype", "Type of codes.")
    family = _model_attribute("family", "The class of p(x | z).")
    preprocess = _model_attribute("preprocess", "The preprocessing of x.")
    data_range = _model_attribute("data_range", "Smallest and largest raw value of x.")
    likelihood = _model_attribute("likelihood", "The name or class of p(x | z).")
    posterior = _model_attribute("posterior", "q(z | x), of models that have one.")
    encode = _model_attribute("encode", "Codes of x.")
    decode = _model_attribute("decode", "The mean of p(x | z).")
    encode_endpoint = _model_attribute("encode_endpoint", "Answer of the `encode` endpoint.")
    build_for = _model_attribute("build_for", "Build for a batch of x.")
    check_event = _model_attribute(
        "check_event", "Raise ValueError unless values of x are finite and in the support."
    )
    check_parts = _model_attribute(
        "check_parts", "Raise ValueError for invalid values in a part of x."
    )
