"""A network for maps of any size, with the layers and weights of another network."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_vae.errors import UsageError
from keras_vae.tiles import reach
from keras_vae.tiles.reach import Axis

START = Axis()


@dataclass
class MapNetwork:
    """A functional network of maps of any size.

    Attributes:
        network: The same layers, for maps of any size.
        axes: Height and width of its output.
        made: For each tensor of the network: its axes, and the bytes of a pixel.
    """

    network: Any = None
    axes: Any = (Axis(), Axis())
    made: list[tuple[Any, int]] = field(default_factory=list)

    def activations(self, cells: tuple[int, int]) -> int:
        """Return the bytes of all tensors for a map of this number of cells, together."""
        return sum(
            math.prod(axis.pixels(count) for axis, count in zip(axes, cells, strict=True)) * size
            for axes, size in self.made
        )


def as_map_network(
    network: Any,
    what: str = "decoder",
    start: Any = START,
    after: Callable[..., Any] = reach.after,
    refusal: Callable[[Any], str] = reach.refusal,
) -> MapNetwork:
    """Convert a network of maps to one for maps of any size.

    Args:
        network: A functional or sequential model from `(batch, height, width, channels)`.
        what: What the network is, for the message.
        start: An axis of its input.
        after: The axes of a layer's output, see `reach.after`.
        refusal: The message about a layer that is not known.

    Raises:
        ValueError: If a layer of it is not known to be the same at each place of a map.
    """
    if isinstance(network, keras.Sequential) and network.built:
        network = keras.Model(network.inputs, network.outputs)
    inputs = getattr(network, "inputs", None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise UsageError(
            f"Expected a functional {what} of maps (height, width, channels). Received: "
            f"{network!r}, which takes {[tuple(x.shape) for x in inputs] or 'unknown inputs'}."
        )
    found, known = MapNetwork(), {}

    def record_output(tensor: Any, axes: Any) -> None:
        known[id(tensor)] = tensor, axes  # Keep the tensor, so that its id is not reused.
        size = keras.backend.standardize_dtype(tensor.dtype)
        found.made.append((axes, tensor.shape[-1] * BYTES.get(size, 4)))

    def record_call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = keras.tree.flatten((args, kwargs))
        before = [known[id(a)][1] for a in arguments if id(a) in known]
        axes = after(layer, before, keras.tree.flatten(args))
        if axes is None:
            raise UsageError(refusal(layer))
        outputs = layer(*args, **kwargs)
        for output in keras.tree.flatten(outputs):
            record_output(output, axes)
        return outputs

    x = keras.Input((None, None, inputs[0].shape[-1]), dtype=inputs[0].dtype)
    record_output(x, (start, start))
    structure = keras.tree.map_structure(lambda _: x, network.input)
    found.network = keras.models.clone_model(
        network, structure, clone_function=lambda layer: layer, call_function=record_call
    )
    found.axes = known[id(found.network.outputs[0])][1]
    return found


BYTES = {"float16": 2, "bfloat16": 2, "float64": 8}
