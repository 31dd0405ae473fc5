"""Tile-by-tile encoding of a large image."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_vae import distributions
from keras_vae.acceleration.batching import CompiledFunction, map_batches
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.models.vae import VAE
from keras_vae.tiles import field
from keras_vae.tiles.decoding import MEMORY, check_images
from keras_vae.tiles.field import Field
from keras_vae.tiles.network import MapNetwork, as_map_network
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments


def encode_tiled(model: Autoencoder, x: Any, memory: int = MEMORY) -> np.ndarray:
    """Return `model.encode(x)` for images of any size, encoded in tiles that fit `memory`.

    Tiles overlap by the receptive field of the encoder, computed from its layers. Each code is
    taken from a tile that has its whole field, so the codes are those of the whole image, within
    rounding. With `decode_tiled` it compresses, or cleans, an image larger than memory.

    The encoder must be the same at each place of the image, as those of `nets.conv_map` are. It
    then also takes images of other sizes than the model was built for.

    Example:
        >>> model = keras_vae.ConvAutoencoder(image_shape=(64, 64, 3))
        >>> x = np.random.uniform(size=(1, 128, 256, 3)).astype("float32")
        >>> keras_vae.encode_tiled(model, x, memory=500_000_000).shape
        (1, 32, 64, 128)

    Args:
        model: A built autoencoder.
        x: Images `(batch, height, width, channels)`, whose height and width are multiples of the
            pixels of a code.
        memory: Bytes for all activations of the encoder for a tile, together. The weights, the
            codes and the scratch space of convolutions need more.

    Returns:
        The codes, `(batch, height, width, ...)`.

    Raises:
        ValueError: If `x` are no images of such a size or not in the range of the data, the encoder
            has a layer that is not the same at each place, or `memory` is too small for the
            smallest tile.
        TypeError: If `model` is no autoencoder of `keras_vae`, or encodes in a way of its own.
    """
    check_images(model)
    _refuse_own(model)
    memory = arguments.integer("memory", memory)
    encoder = as_map_network(model.encoder, "encoder", Field(), field.after, field.refusal)
    x = _check_images_of(model, x, encoder)
    sides = _sides(encoder, x.shape[1:3], memory)
    at_once = max(1, min(len(x), memory // _bytes(encoder, sides)))

    def encode_tile(x: Any) -> Any:
        outputs = encoder.network(model.prepare(x), training=False)
        return model.codes_from_outputs(distributions.parameters(outputs))

    run, codes = CompiledFunction(model, encode_tile), None
    for parts in itertools.product(*(side.parts() for side in sides)):
        tile = x[:, parts[0].pixels, parts[1].pixels]
        found = map_batches(run.predict_on_batch, (tile,), at_once)
        if codes is None:
            shape = (len(x), *(side.cells for side in sides), *found.shape[3:])
            codes = np.zeros(shape, found.dtype)
        codes[:, parts[0].cells, parts[1].cells] = found[:, parts[0].kept, parts[1].kept]
    assert codes is not None
    return codes


@dataclass(frozen=True)
class Part:
    """A tile along one axis.

    Attributes:
        pixels: Its pixels in the image.
        cells: The cells of the map that are taken from it.
        kept: These cells within the tile.
    """

    pixels: slice
    cells: slice
    kept: slice


@dataclass(frozen=True)
class Side:
    """The tiles along one axis, of one size but for the last.

    Attributes:
        axis: The field of the encoder.
        cells: Cells of the whole map.
        core: Cells that are taken from a tile.
    """

    axis: Field
    cells: int
    core: int

    @property
    def size(self) -> int:
        """Pixels of the largest tile."""
        return self.axis.step * min(self.cells, self.core + sum(self.axis.halo))

    def parts(self) -> Iterator[Part]:
        """Yield the tiles. All have the same size, if they are not the only one."""
        front, _ = self.axis.halo
        size = self.size // self.axis.step
        for start in range(0, self.cells, self.core):
            stop = min(start + self.core, self.cells)
            first = max(0, min(start - front, self.cells - size))
            yield Part(
                slice(first * self.axis.step, (first + size) * self.axis.step),
                slice(start, stop),
                slice(start - first, stop - first),
            )


def _refuse_own(model: Any) -> None:
    """Raise TypeError unless codes follow from the outputs of the encoder alone."""
    kind = type(model)
    known = kind.encode in (Autoencoder.encode, VAE.encode)
    known &= kind.encoder_outputs in (Autoencoder.encoder_outputs, VAE.encoder_outputs)
    if not known or (isinstance(model, VAE) and kind.posterior is not VAE.posterior):
        raise UsageTypeError(
            "Expected a model that encodes by its encoder alone. Received: "
            f"{kind.__name__}, which has a way of its own."
        )


def _check_images_of(model: LatentModel, x: Any, encoder: MapNetwork) -> np.ndarray:
    x = arguments.array("x", x)
    steps, channels = [axis.step for axis in encoder.axes], model.event_shape[-1]
    if (
        x.ndim != 4
        or x.shape[3] != channels
        or 0 in x.shape
        or any(size % step for size, step in zip(x.shape[1:3], steps, strict=True))
    ):
        raise UsageError(
            f"Expected x of shape ('batch', height, width, {channels}), with multiples of "
            f"{steps[0]} and {steps[1]} pixels. Received: {x.shape}. (Pad the images, or cut them.)"
        )
    model.check_event("x", x)
    return x.astype("float32")


def _sides(encoder: MapNetwork, pixels: tuple[int, int], memory: int) -> list[Side]:
    """Cut the image into as few tiles as fit the memory; the longer side of a tile is cut first."""
    sides = [
        Side(axis, count // axis.step, count // axis.step)
        for axis, count in zip(encoder.axes, pixels, strict=True)
    ]
    while (needed := _bytes(encoder, sides)) > memory:
        free = [i for i in (0, 1) if sides[i].core > 1]
        if not free:
            size = "x".join(str(side.size) for side in sides)
            raise UsageError(
                f"Expected memory of at least {needed:,} bytes, for a tile of {size} pixels. "
                f"Received: {memory:,}."
            )
        longest = max(free, key=lambda i: sides[i].size)
        side = sides[longest]
        core = -(-side.core // 2) if side.core > 2 else 1
        sides[longest] = Side(side.axis, side.cells, core)
    return sides


def _bytes(encoder: MapNetwork, sides: list[Side]) -> int:
    return encoder.activations((sides[0].size, sides[1].size))
