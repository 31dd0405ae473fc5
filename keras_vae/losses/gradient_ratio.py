"""The ratio of the gradients of two losses at the last kernel of a decoder."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.backend import sum_over_replicas, vjp
from keras_vae.backend.keras_private import numbered_origin
from keras_vae.errors import UsageError
from keras_vae.losses.adversary import constant_values
from keras_vae.losses.extra_terms import images_of
from keras_vae.losses.observed import Observed
from keras_vae.losses.weights import weigh_term
from keras_vae.typing import Tensor

SMALL = 1e-6
LARGEST = 1e4


def last_kernel(decoder: Any) -> Any:
    """Return the last trained kernel before the first output of a decoder.

    It is followed from the output of a functional model, through layers without a kernel. In other
    networks it is the last variable of at least two axes.

    Raises:
        ValueError: If there is none.
    """
    outputs = keras.tree.flatten(getattr(decoder, "outputs", None) or [])
    output = outputs[0] if outputs else None
    trained = {id(variable) for variable in decoder.trainable_variables}
    while output is not None:
        operation, output, _ = numbered_origin(output)
        kernel = getattr(getattr(operation, "layer", operation), "kernel", None)
        if id(kernel) in trained:
            return kernel
    if matrices := [v for v in decoder.trainable_variables if len(v.shape) > 1]:
        return matrices[-1]
    raise UsageError(
        "Expected a decoder with a trained kernel, such as that of a last convolution, for "
        f"adaptive=True. Received: {type(decoder).__name__} without one. (Give adaptive=False and "
        "a weight.)"
    )


def gradient_ratio(model: Any, seen: Observed, opponent: Any) -> Tensor:
    """Return the norm of the gradient of the reconstruction over that of an opponent.

    Both are of the last kernel of the decoder, and summed over all replicas before their norm.
    The decoder runs once more for each, as a function of its kernel: no backend can ask for
    gradients of a part of a loss within the step.

    Source: Esser et al. 2021 (arXiv:2012.09841, equation 7).

    Args:
        model: The model, whose decoder has made `seen.density`.
        seen: The batch.
        opponent: The extra term whose `opposition` is the other loss.

    Returns:
        A number from 0 to 1e4 without gradient.

    Raises:
        ValueError: If the model calls only a part of its decoder.
    """
    if seen.inputs is None:
        raise UsageError(
            "Expected a model that calls its decoder as a whole, for adaptive=True. Received: "
            f"{type(model).__name__}. (Give adaptive=False and a weight.)"
        )
    decode = _decoder_of_kernel(model, seen.inputs)

    def weigh(name: str, term: Tensor) -> Tensor:
        return weigh_term(model.loss_weights.get(name), term, seen.rows, model.steps, False)

    def similarity(kernel: Tensor) -> Tensor:
        p = decode(kernel)
        values = {"reconstruction": -p.log_prob(seen.y)}
        for term in model.extra_terms:
            if term is not opponent:
                values |= term.values(*images_of(model, seen.y, p), True)
        return sum(weigh(name, value) for name, value in values.items())

    def opposition(kernel: Tensor) -> Tensor:
        return opponent.opposition(images_of(model, seen.y, decode(kernel))[1], True)

    kernel = ops.stop_gradient(ops.convert_to_tensor(last_kernel(model.decoder)))
    rows = ops.ones_like(seen.y[:, 0, 0, 0]) if seen.rows is None else seen.rows
    wanted, other = (_norm(vjp(loss, kernel, rows)) for loss in (similarity, opposition))
    return ops.stop_gradient(ops.clip(wanted / (other + SMALL), 0.0, LARGEST))


def _decoder_of_kernel(model: Any, inputs: Any) -> Callable[[Tensor], Any]:
    """Return p(x | z) as a function of the last kernel; all other weights are constants."""
    network, kernel = model.decoder, last_kernel(model.decoder)
    inputs = keras.tree.map_structure(ops.stop_gradient, inputs)
    trained, fixed = constant_values(network)
    place = [id(v) for v in network.trainable_variables].index(id(kernel))

    def decode(value: Tensor) -> Any:
        values = [*trained[:place], value, *trained[place + 1 :]]
        outputs, _ = network.stateless_call(values, fixed, inputs, training=True)
        return model.observation_from_outputs(outputs)

    return decode


def _norm(gradient: Tensor) -> Tensor:
    total = sum_over_replicas(ops.cast(gradient, "float32"))
    return ops.sqrt(ops.sum(ops.square(total)))
