"""Tile-by-tile decoding of a map of codes."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from keras_vae.acceleration.batching import CompiledFunction, map_batches
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.models.quantized import check_integers
from keras_vae.tiles.grid import Row
from keras_vae.tiles.network import MapNetwork, as_map_network
from keras_vae.tiles.reach import Axis
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, objects, value_checks

MEMORY = 1 << 30
FLOAT = 4


def decode_tiled(
    model: Autoencoder, z: Any, memory: int = MEMORY, overlap: int | None = None
) -> np.ndarray:
    """Return `model.decode(z)` for a map of codes of any size, decoded in tiles that fit `memory`.

    Tiles overlap, and are blended where they do. By default the overlap is the reach of the
    decoder, computed from its layers. The image is then that of the whole map, within rounding,
    without seams. A tile is as large as `memory` allows.

    The decoder must be the same at each place of the map, as those of `nets.conv_map` are. It then
    also takes maps of other sizes than the model was built for.

    Example:
        >>> model = keras_vae.ConvAutoencoder(image_shape=(64, 64, 3))
        >>> z = np.random.normal(size=(1, 32, 32, 128)).astype("float32")  # the model: 16, 16
        >>> keras_vae.decode_tiled(model, z, memory=500_000_000).shape
        (1, 128, 128, 3)

    Args:
        model: A built autoencoder.
        z: Codes `(batch, height, width, ...)`, as `encode` returns them, but of any height and
            width.
        memory: Bytes for all activations of the decoder for a tile, together. The weights, the
            image and the scratch space of convolutions need more.
        overlap: Smallest number of cells that neighboring tiles share; None for the number that
            makes the image exact. A smaller overlap is faster, and blends seams that are not exact.

    Returns:
        The mean of p(x | z), float32 `(batch, height, width, channels)`.

    Raises:
        ValueError: If the codes are no maps, the decoder has a layer that is not the same at each
            place, or `memory` is too small for the smallest tile.
        TypeError: If `model` is no autoencoder of `keras_vae`, or decodes in a way of its own.
    """
    check_images(model)
    _refuse_own(model)
    z = _check_codes(model, z)
    memory, decoder = arguments.integer("memory", memory), as_map_network(model.decoder)
    event = model.event_shape[-1]
    rows = _rows(decoder, z.shape[1:3], event, memory, overlap)
    at_once = max(1, min(len(z), memory // _bytes(decoder, rows, event)))

    def decode_tile(z: Any) -> Any:
        return model.observation_from_outputs(
            decoder.network(model.decoder_input(z), training=False)
        ).mean

    run = CompiledFunction(model, decode_tile)
    weights = [row.weights() for row in rows]
    image = np.zeros((len(z), *(row.axis.pixels(row.cells) for row in rows), event), "float32")
    for i, j in itertools.product(*(range(row.count) for row in rows)):
        tile = map_batches(run.predict_on_batch, (_cut(z, rows, (i, j)),), at_once)
        share = weights[0][i][:, None, None] * weights[1][j][:, None]
        image[:, rows[0].span(i), rows[1].span(j)] += share * tile
    return image


def check_images(model: LatentModel) -> None:
    """Raise an error unless a model is a built autoencoder of images."""
    objects.autoencoder(model, Autoencoder)
    if not model.built or len(model.event_shape) != 3:
        raise UsageError(
            "Expected a built model of images (height, width, channels). Received: "
            f"{getattr(model, 'event_shape', 'one that has seen no data')}."
        )


def _refuse_own(model: LatentModel) -> None:
    """Raise TypeError unless images follow from the outputs of the decoder alone."""
    own = [
        name
        for name in ("decode", "observation", "observation_from_inputs")
        if _is_own(model, name)
    ]
    if own:
        raise UsageTypeError(
            "Expected a model that decodes by its decoder and its likelihood alone. Received: "
            f"{type(model).__name__}, which has {' and '.join(own)} of its own."
        )


def _is_own(model: LatentModel, name: str) -> bool:
    return getattr(type(model), name) is not getattr(Autoencoder, name)


def _check_codes(model: LatentModel, z: Any) -> np.ndarray:
    z = arguments.array("z", z)
    shape = tuple(model.latent_shape)
    free = (None, None, *shape[2:])
    if len(shape) < 2:
        raise UsageError(
            "Expected a model whose codes are maps (height, width, ...), as those of "
            f"nets.conv_map. Received: {type(model).__name__} with codes of shape {shape}."
        )
    if z.ndim != len(shape) + 1 or z.shape[3:] != shape[2:] or 0 in z.shape:
        raise UsageError(f"Expected z of shape {('batch', *free)}. Received: {z.shape}.")
    if size := getattr(model, "codebook_size", None):
        check_integers(z, size)
    if model.latent_dtype != "float32" and z.dtype.kind not in "iu":
        raise UsageTypeError(f"Expected integers, as encode(x) gives. Received: {z.dtype}.")
    if model.latent_dtype != "float32":
        z = value_checks.integers_of_32_bits("z", z)
    return z.astype(model.latent_dtype)


def _rows(
    decoder: MapNetwork, cells: tuple[int, int], event: int, memory: int, overlap: int | None
) -> list[Row]:
    """Cut the map into as few tiles as fit the memory; the longer side of a tile is cut first."""
    rows = [
        Row(axis, count, 1, axis.overlap if overlap is None else _check_overlap(axis, overlap))
        for axis, count in zip(decoder.axes, cells, strict=True)
    ]
    while (needed := _bytes(decoder, rows, event)) > memory:
        longer = [i for i in (0, 1) if rows[i].size > rows[i].smallest]
        if not longer:
            size = "x".join(str(row.size) for row in rows)
            raise UsageError(
                f"Expected memory of at least {needed:,} bytes, for a tile of {size} codes. "
                f"Received: {memory:,}. (A tile is larger than the overlap; a smaller overlap "
                "blends seams that are not exact.)"
            )
        longest = max(longer, key=lambda i: rows[i].size)
        rows[longest] = replace(rows[longest], count=rows[longest].count + 1)
    return rows


def _check_overlap(axis: Axis, overlap: int) -> int:
    """Return the overlap that was asked for; tiles must leave no gap."""
    return arguments.integer("overlap", overlap, max(-(axis.extra // axis.scale), 0))


def _bytes(decoder: MapNetwork, rows: list[Row], event: int) -> int:
    """Return the bytes of all activations of one tile and of the mean of its density."""
    image = FLOAT * event * math.prod(row.axis.pixels(row.size) for row in rows)
    return decoder.activations((rows[0].size, rows[1].size)) + image


def _cut(z: np.ndarray, rows: list[Row], place: tuple[int, int]) -> np.ndarray:
    top, left = (row.starts[number] for row, number in zip(rows, place, strict=True))
    return z[:, top : top + rows[0].size, left : left + rows[1].size]
