"""An LSTM over all steps as one op, in place of a loop with a dozen ops for each step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_vae.typing import Tensor


def faster_call(layer: Any) -> Callable[..., Tensor] | None:
    """Return a faster `call` of an `LSTM`; None if it has options that the op does not know."""
    cell = layer.cell
    if not layer.built or type(cell) is not keras.layers.LSTMCell or not _is_plain(layer):
        return None

    def call(
        sequences: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Tensor:
        known = sequences.shape[1] is not None and sequences.dtype == tf.float32
        known = known and (mask is None or len(mask.shape) == 2)
        if not known or initial_state is not None:
            return type(layer).call(layer, sequences, initial_state, mask, training)
        weights = [tf.convert_to_tensor(v) for v in (cell.kernel, cell.recurrent_kernel, cell.bias)]
        x = tf.reverse(sequences, [1]) if layer.go_backwards else sequences
        if mask is not None:
            mask = tf.cast(tf.reverse(mask, [1]) if layer.go_backwards else mask, tf.int32)
            x = _masked_to_the_end(x, mask)
        h = lstm(tf.transpose(x, (1, 0, 2)), *weights)
        if mask is None:
            return tf.transpose(h, (1, 0, 2)) if layer.return_sequences else h[-1]
        seen = tf.cumsum(mask, axis=1)
        return _outputs_after(h, seen if layer.return_sequences else seen[:, -1])

    return call


def _masked_to_the_end(x: Tensor, mask: Tensor) -> Tensor:
    """Move the steps with a mask of 0 behind the others, which keep their order."""
    steps = tf.range(x.shape[1])
    order = tf.argsort(tf.where(mask > 0, 0, x.shape[1]) + steps, axis=1)
    return tf.gather(x, order, batch_dims=1)


def _outputs_after(h: Tensor, counts: Tensor) -> Tensor:
    """Return the outputs of `h`, `(time, batch, units)`, after the steps of `counts`: 0 after none.

    A masked step has the output of the step before it.
    """
    h = tf.pad(h, ((1, 0), (0, 0), (0, 0)))
    rows = tf.range(tf.shape(h)[1])
    rows = rows if len(counts.shape) == 1 else tf.broadcast_to(rows[:, None], tf.shape(counts))
    return tf.gather_nd(h, tf.stack([counts, rows], -1))


def _is_plain(layer: Any) -> bool:
    cell = layer.cell
    return (
        cell.activation is keras.activations.tanh
        and cell.recurrent_activation is keras.activations.sigmoid
        and cell.use_bias
        and not (cell.dropout or cell.recurrent_dropout)
        and not (layer.stateful or layer.return_state)
        and layer.compute_dtype == cell.compute_dtype == "float32"
    )


def lstm(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """Return the outputs of an LSTM that begins with zeros, `(time, batch, units)`.

    The gradient is an op too. The gradient of the gradient is that of a loop.

    Args:
        x: `(time, batch, features)`.
        kernel: `(features, 4 * units)`, for the gates i, f, c, o of Keras.
        recurrent: `(units, 4 * units)`.
        bias: `(4 * units,)`.
    """
    given = x, kernel, recurrent, bias

    @tf.custom_gradient
    def function(*given: Tensor) -> tuple[Tensor, Callable]:
        arguments = _arguments(*given)
        kept = tf.raw_ops.BlockLSTM(**arguments, forget_bias=0.0, cell_clip=-1.0)

        def gradient(upstream: Tensor) -> Sequence[Tensor]:
            return _first_gradient(given, arguments, kept, upstream)

        return kept.h, gradient

    return function(*given)


def _first_gradient(
    given: Sequence[Tensor], arguments: dict[str, Any], kept: Any, upstream: Tensor
) -> Sequence[Tensor]:
    @tf.custom_gradient
    def function(*given: Tensor) -> tuple[Sequence[Tensor], Callable]:
        *parts, upstream = given
        x, w, b = _block_gradient(arguments, kept, upstream)
        features = parts[0].shape[-1]
        gradients = x, _keras_order(w[:features]), _keras_order(w[features:]), _keras_order(b)

        def gradient(*upstream_again: Tensor) -> Sequence[Tensor]:
            with tf.GradientTape() as outer:
                outer.watch(given)
                with tf.GradientTape() as tape:
                    tape.watch(parts)
                    h = loop(*parts)
                first = tape.gradient(h, parts, upstream)
            return outer.gradient(first, given, upstream_again)

        return gradients, gradient

    return function(*given, upstream)


def _block_gradient(arguments: dict[str, Any], kept: Any, upstream: Tensor) -> Sequence[Tensor]:
    found = tf.raw_ops.BlockLSTMGrad(
        **arguments,
        **kept._asdict(),
        cs_grad=tf.zeros_like(kept.cs),
        h_grad=upstream,
    )
    return found.x_grad, found.w_grad, found.b_grad


def _arguments(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> dict[str, Any]:
    """Return the arguments of the op, whose gates are i, c, f, o."""
    units = recurrent.shape[0]
    start = tf.zeros((tf.shape(x)[1], units))
    peephole = tf.zeros((units,))
    return {
        "seq_len_max": tf.cast(tf.shape(x)[0], tf.int64),
        "x": x,
        "cs_prev": start,
        "h_prev": start,
        "w": tf.concat([_keras_order(kernel), _keras_order(recurrent)], 0),
        "wci": peephole,
        "wcf": peephole,
        "wco": peephole,
        "b": _keras_order(bias),
        "use_peephole": False,
    }


def _keras_order(gates: Tensor) -> Tensor:
    """Exchange the second and the third of four gates, on the last axis."""
    first, second, third, last = tf.split(gates, 4, axis=-1)
    return tf.concat([first, third, second, last], -1)


def loop(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """Return the same as `lstm`, step by step."""
    products = tf.matmul(x, kernel) + bias
    start = tf.zeros((tf.shape(x)[1], recurrent.shape[0]))

    def step(state: tuple[Tensor, Tensor], product: Tensor) -> tuple[Tensor, Tensor]:
        h, c = state
        i, f, new, o = tf.split(product + tf.matmul(h, recurrent), 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(new)
        return tf.sigmoid(o) * tf.tanh(c), c

    return tf.scan(step, products, (start, start))[0]
