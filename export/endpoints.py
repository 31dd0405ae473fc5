"""The choice of endpoints, their precision and their tensor names, for both writers."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from keras_vae.backend.keras_private import flatten_layers
from keras_vae.base.endpoint import Endpoint
from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel


def choose_endpoints(model: Any, names: Sequence[str] | None = None) -> dict[str, Endpoint]:
    """Return the endpoints of `model` with these names, in this order; all for None.

    Raises:
        ValueError: If the model is not built or a name is unknown.
    """
    if not model.built:
        raise UsageError(
            f"Expected a built model. Received: {type(model).__name__} that has not seen data. "
            "(Call model.build((None, *shape_of_one_example)), or fit it, or give it an encoder "
            "that knows its input shape.)"
        )
    offered = model.endpoints()
    if isinstance(names, str):
        raise UsageError(
            f"Expected a list of endpoints. Received: {names!r}. (Write endpoints=[{names!r}].)"
        )
    unknown = [name for name in names or () if name not in offered]
    if unknown or (names is not None and not names):
        advice = "" if not unknown else f" (The model has no {unknown[0]!r}.)"
        raise UsageError(
            f"Expected endpoints among {sorted(offered)}. Received: {names!r}.{advice}"
        )
    return {name: offered[name] for name in names or offered}


def write_archive(endpoints: Mapping[str, Endpoint], path: str, batch_size: int | None) -> None:
    """Write a SavedModel with one signature for each endpoint.

    The archive does not track the model: tracking would store every weight twice (keras#23553).
    """
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    for name, endpoint in endpoints.items():
        signature = [
            tf.TensorSpec((batch_size, *spec.shape[1:]), spec.dtype, name=spec.name)
            for spec in endpoint.inputs
        ]
        archive.add_endpoint(name, endpoint.function, signature)
    archive.write_out(path, verbose=False)


@contextlib.contextmanager
def float32_policy(model: LatentModel) -> Iterator[None]:
    """Let all layers of `model` compute in float32 inside the block.

    LiteRT's builtin ops do not compute in half precision.
    """
    layers = [layer for layer in flatten_layers(model) if layer.compute_dtype != "float32"]
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
