"""Self-attention with queries, keys and values in one matrix product."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_vae.typing import Tensor

# Masks of a call that Keras would combine.
MASKS = ("query_mask", "value_mask", "key_mask")
MASKED = -0.7 * tf.float32.max  # The score of a pair that does not count, as in Keras.


def faster_call(layer: Any) -> Callable[..., Tensor] | None:
    """Return a faster `call` of a `MultiHeadAttention` of sequences; None if it has options."""
    if not layer.built or not _is_plain(layer):
        return None
    inside = layer.query_dense, layer.key_dense, layer.value_dense
    width, heads, size = layer.query_dense.kernel.shape

    def call(query: Tensor, value: Tensor, key: Any = None, **options: Any) -> Tensor:
        same = query is value and (key is None or key is query)
        unknown = any(options.get(name) is not None for name in MASKS)
        unknown = unknown or options.get("return_attention_scores", False)
        masked = getattr(query, "_keras_mask", None) is not None
        if not same or unknown or masked or len(query.shape) != 3 or query.dtype != tf.float32:
            return type(layer).call(layer, query, value, key, **options)
        kernels = [tf.reshape(dense.kernel, (width, heads * size)) for dense in inside]
        biases = [tf.reshape(dense.bias, (heads * size,)) for dense in inside]
        time = tf.shape(query)[1] if query.shape[1] is None else query.shape[1]
        rows = tf.reshape(query, (-1, width))
        rows = tf.nn.bias_add(tf.matmul(rows, tf.concat(kernels, 1)), tf.concat(biases, 0))
        parts = tf.transpose(tf.reshape(rows, (-1, time, 3, heads, size)), (2, 0, 3, 1, 4))
        q, k, v = tf.unstack(parts)  # The gradient of three slices would be two fifths of a step.
        attended = attend(q, k, v, _mask(time, **options))
        rows = tf.reshape(tf.transpose(attended, (0, 2, 1, 3)), (-1, heads * size))
        out = layer.output_dense
        rows = tf.matmul(rows, tf.reshape(out.kernel, (heads * size, width)))
        return tf.reshape(tf.nn.bias_add(rows, tf.convert_to_tensor(out.bias)), (-1, time, width))

    return call


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return the values that each step attends to.

    Args:
        q: Queries, `(batch, heads, time, size)`.
        k: Keys, of the same shape.
        v: Values, of the same shape.
        mask: Bool, True where a step of the third axis of scores attends to one of the fourth.

    Returns:
        `(batch, heads, time, size)`.
    """
    scores = tf.matmul(q * q.shape[-1] ** -0.5, k, transpose_b=True)
    if mask is not None:
        scores = tf.where(mask, scores, MASKED)
    return tf.matmul(tf.nn.softmax(scores), v)


def _mask(
    time: Any, attention_mask: Any = None, use_causal_mask: bool = False, **others: Any
) -> Tensor | None:
    """Return the masks of a call as one, broadcast over heads."""
    mask = None
    if attention_mask is not None:
        mask = tf.cast(attention_mask, tf.bool)
        mask = mask[:, tf.newaxis] if len(mask.shape) == 3 else mask
    if use_causal_mask:
        before = tf.linalg.band_part(tf.ones((time, time), tf.bool), -1, 0)
        mask = before if mask is None else tf.logical_and(mask, before)
    return mask


def _is_plain(layer: Any) -> bool:
    """Return whether a layer has neither dropout nor other options of Keras."""
    config = layer.get_config()
    dense = layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense
    shapes = {tuple(part.kernel.shape) for part in dense[:3]}
    return (
        not config["dropout"]
        and config["use_bias"]
        and config["output_shape"] is None
        and not any(config.get(name) for name in ("flash_attention", "use_gate", "sliding_window"))
        and len(shapes) == 1
        and tuple(layer.attention_axes) == (1,)
        and layer.compute_dtype == "float32"
        and all(part.quantization_mode is None and not part.lora_enabled for part in dense)
    )
