"""The choice of endpoints, their precision and their tensor names, for both writers."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from keras_vae.backend.keras_private import flatten_layers, plain_addition
from keras_vae.base.endpoint import Endpoint, WholeNumbers
from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments


def choose_endpoints(model: LatentModel, names: Sequence[str] | None = None) -> dict[str, Endpoint]:
    """Return the endpoints of `model` with these names, in this order; all for None.

    Raises:
        TypeError: If the names are no list: a set has no first one, and a generator is used up.
        ValueError: If the model is not built, a layer computes in float64, or a name is unknown or
            there twice.
    """
    if not model.built:
        raise UsageError(
            f"Expected a built model. Received: {type(model).__name__} that has not seen data. "
            "(Call model.build((None, *shape_of_one_example)), or fit it, or give it an encoder "
            "that knows its input shape.)"
        )
    _refuse_double_precision(model)
    offered = model.endpoints()
    if names is None:
        return dict(offered)
    names = arguments.names("endpoints", names, example=next(iter(sorted(offered))))
    _check_names(names, offered)
    return {name: offered[name] for name in names}


def _refuse_double_precision(model: LatentModel) -> None:
    """Raise ValueError for layers in float64, while inputs of endpoints are float32."""
    if double := [one.name for one in flatten_layers(model) if one.compute_dtype == "float64"]:
        raise UsageError(
            f"Expected layers in float32 or half precision. Received: {double[0]} in float64, as "
            "after keras.config.set_floatx('float64'). (Make the model anew in float32, and load "
            "its weights: model.save_weights and load_weights.)"
        )


def _check_names(names: Sequence[str], offered: Mapping[str, Endpoint]) -> None:
    """Raise ValueError unless `names` are different names of endpoints."""
    unknown = [name for name in names if name not in offered]
    if unknown or not names:
        advice = f" (The model has no {unknown[0]!r}.)" if unknown else ""
        if unknown and set(unknown[0].split(",")) <= set(offered):
            advice = f" (Give each name by itself: {', '.join(unknown[0].split(','))}.)"
        raise UsageError(
            f"Expected endpoints among {sorted(offered)}. Received: {names!r}.{advice}"
        )
    if len(set(names)) < len(names):
        raise UsageError(f"Expected each endpoint once. Received: {names!r}.")


def write_archive(
    endpoints: Mapping[str, Endpoint], path: str, batch_size: int | None, keep_nan: bool = True
) -> None:
    """Write a SavedModel with one signature for each endpoint, which checks its inputs.

    The archive does not track the model: tracking would store every weight twice (keras#23553).

    Args:
        endpoints: The endpoints by name.
        path: The folder to fill.
        batch_size: The batch size; None for any.
        keep_nan: Whether rows with inputs that are not finite are answered with NaN, which int8
            has no value for.
    """
    archive = keras.export.ExportArchive()
    for name, endpoint in endpoints.items():
        archive.add_endpoint(name, *traceable(endpoint, batch_size, keep_nan))
    archive.write_out(path, verbose=False)


def traceable(
    endpoint: Endpoint, batch_size: int | None, keep_nan: bool = True
) -> tuple[Callable[..., dict[str, Tensor]], list[Any]]:
    """Return the function of an endpoint that checks its inputs, and the specs to trace it with.

    Args:
        endpoint: The endpoint.
        batch_size: The batch size; None for any.
        keep_nan: As in `write_archive`.
    """
    import tensorflow as tf

    signature = [
        tf.TensorSpec((batch_size, *spec.shape[1:]), spec.dtype, name=spec.name)
        for spec in endpoint.inputs
    ]
    answer = endpoint.answer if keep_nan else endpoint.function
    return _check_inputs_of(answer, endpoint.inputs, signature), signature


def _check_inputs_of(
    answer: Callable[..., dict[str, Tensor]],
    specs: Sequence[keras.InputSpec],
    signature: Sequence[Any],
) -> Callable[..., dict[str, Tensor]]:
    """Return `answer` with checks of shapes and whole numbers in its graph.

    A server checks types only. It passes on any shape, and some kernels end the process then.
    """
    import tensorflow as tf

    def check(tensor: Any, spec: keras.InputSpec, shape: Any) -> Any:
        tensor = tf.ensure_shape(tensor, shape)
        return _refuse_other_numbers(tensor, spec) if isinstance(spec, WholeNumbers) else tensor

    def answer_checked(*inputs: Any) -> dict[str, Tensor]:
        checked = [
            check(tensor, spec, declared.shape)
            for tensor, spec, declared in zip(inputs, specs, signature, strict=True)
        ]
        same = [tf.shape(other)[0] == tf.shape(checked[0])[0] for other in checked[1:]]
        text = "Expected as many rows in each input."
        checks = [tf.raw_ops.Assert(condition=c, data=[text]) for c in same]
        with tf.control_dependencies(checks), plain_addition():
            return answer(*map(tf.identity, checked))

    return answer_checked


def _refuse_other_numbers(tensor: Any, spec: WholeNumbers) -> Any:
    """Return `tensor`, read from a table of its numbers, so that other numbers are errors.

    A device has no op to assert; the lookup is checked by LiteRT and by TensorFlow on the CPU.
    """
    import tensorflow as tf

    with tf.device("CPU:0"):
        whole = tf.cast(tensor, tf.int32)
        if tensor.dtype.is_floating:
            whole = tf.where(tf.cast(whole, tensor.dtype) == tensor, whole, spec.count)
        if spec.some:
            event = list(range(1, len(spec.shape)))
            whole = tf.where(tf.reduce_any(whole > 0, axis=event, keepdims=True), whole, spec.count)
        whole = tf.where(whole >= 0, whole, spec.count)  # In ONNX, -1 is the last place of a table.
        return tf.cast(tf.gather(tf.range(spec.count), whole), tensor.dtype)


def copy_of_half_precision(model: LatentModel) -> Any:
    """Return a copy of a model that computes in half precision, and any other model itself.

    The precision of the copy can be changed while other threads ask the model.
    """
    if not _half_precision_layers(model):
        return model
    try:
        return copy.deepcopy(model)
    except Exception:  # Layers that cannot be copied, such as those that are not registered.
        return model


def _half_precision_layers(model: LatentModel) -> list[Any]:
    return [layer for layer in flatten_layers(model) if layer.compute_dtype != "float32"]


@contextlib.contextmanager
def float32_policy(model: LatentModel) -> Iterator[None]:
    """Let all layers of `model` compute in float32 inside the block.

    LiteRT's builtin ops do not compute in half precision. Other threads see the change.
    """
    layers = _half_precision_layers(model)
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
