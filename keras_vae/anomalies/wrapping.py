"""A model around another one that answers what exporters ask as the other does."""

from typing import Any


def _of_the_model(name: str, says: str) -> property:
    return property(lambda self: getattr(self.model, name), doc=says)


class Wrapping:
    """What the wrapped `model` is and does where the wrapper adds nothing."""

    model: Any

    event_shape = _of_the_model("event_shape", "Shape of an example.")
    latent_shape = _of_the_model("latent_shape", "Shape of a code.")
    event_dtype = _of_the_model("event_dtype", "Type of an example.")
    latent_dtype = _of_the_model("latent_dtype", "Type of codes.")
    family = _of_the_model("family", "The class of p(x | z).")
    likelihood = _of_the_model("likelihood", "The name or class of p(x | z).")
    posterior = _of_the_model("posterior", "q(z | x), of models that have one.")
    encode = _of_the_model("encode", "Codes of x.")
    decode = _of_the_model("decode", "The mean of p(x | z).")
    encoded = _of_the_model("encoded", "What the `encode` endpoint answers.")
    build_for = _of_the_model("build_for", "Build for a batch of x.")
    check_parts = _of_the_model("check_parts", "Raise for values that no part of x may have.")
