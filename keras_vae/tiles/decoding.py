"""Decoding of a map of codes tile by tile."""

import itertools
import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import arguments
from keras_vae.autoencoder import Autoencoder
from keras_vae.estimators.compiled import Compiled, padded
from keras_vae.tiles.grid import Row
from keras_vae.tiles.network import MapNetwork, freed
from keras_vae.tiles.reach import Axis

MEMORY = 1 << 30
FLOAT = 4


def decode_tiled(
    model: Autoencoder, z: Any, memory: int = MEMORY, overlap: int | None = None
) -> np.ndarray:
    """`model.decode(z)` for maps of codes of any size, in tiles that fit into `memory`.

    Tiles overlap, and are blended where they do. By default they overlap by as much as the decoder
    looks around, which is known from its layers: then a seam is no approximation, and the image is
    the one that the decoder makes of the whole map, within rounding. A tile is as large as `memory`
    allows.

    The decoder must do the same at each place of the map, as those of `nets.conv_map` do: then it
    also takes maps of other sizes than those that the model was made for.

    Example:
        >>> model = keras_vae.ConvAutoencoder(image_shape=(64, 64, 3))
        >>> z = np.random.normal(size=(1, 512, 512, 128)).astype("float32")    # the model: 16, 16
        >>> image = keras_vae.decode_tiled(model, z, memory=500_000_000)       # (1, 2048, 2048, 3)

    Args:
        model: A built autoencoder.
        z: Codes `(batch, height, width, ...)`, as `encode` gives them, but of any height and width.
        memory: Bytes for all that the decoder's layers make of a tile, together; the weights, the
            image and the scratch space of convolutions come on top.
        overlap: Cells that neighboring tiles share at least; None for as many as it takes to be
            exact. Fewer are faster, and leave seams that are blended, not exact.

    Returns:
        The mean of p(x | z), float32 `(batch, height, width, channels)`.

    Raises:
        ValueError: If the codes are no maps, the decoder has a layer that does not do the same at
            each place, or `memory` is too small for the smallest tile.
        TypeError: If `model` is no autoencoder of `keras_vae`, or decodes in a way of its own.
    """
    _check_model(model)
    z = _checked_codes(model, z)
    memory, decoder = arguments.whole("memory", memory), freed(model.decoder)
    event = model.event_shape[-1]
    rows = _rows(decoder, z.shape[1:3], event, memory, overlap)
    at_once = max(1, min(len(z), memory // _bytes(decoder, rows, event)))

    def decoded(z: Any) -> Any:
        return model.density(decoder.network(model.decoder_input(z), training=False)).mean

    run = Compiled(model, decoded)
    weights = [row.weights() for row in rows]
    image = np.zeros((len(z), *(row.axis.pixels(row.cells) for row in rows), event), "float32")
    tiles = itertools.product(*(range(row.count) for row in rows))
    for (i, j), first in itertools.product(tiles, range(0, len(z), at_once)):
        part = slice(first, first + at_once)
        tile = padded(_cut(z[part], rows, (i, j)), at_once)
        share = weights[0][i][:, None, None] * weights[1][j][:, None]
        made = np.asarray(run.predict_on_batch((tile,)))[: len(z[part])]
        image[part, rows[0].span(i), rows[1].span(j)] += share * made
    return image


def _check_model(model: Any) -> None:
    if not isinstance(model, Autoencoder):
        raise TypeError(f"Expected an autoencoder of keras_vae. Received: {model!r}.")
    own = [name for name in ("decode", "observation", "decoded") if _is_own(model, name)]
    if own:
        raise TypeError(
            "Expected a model that decodes by its decoder and its likelihood alone. Received: "
            f"{type(model).__name__}, which has {' and '.join(own)} of its own."
        )
    if not model.built or len(model.event_shape) != 3:
        raise ValueError(
            "Expected a built model of images (height, width, channels). Received: "
            f"{getattr(model, 'event_shape', 'one that has seen no data')}."
        )


def _is_own(model: Any, name: str) -> bool:
    return getattr(type(model), name) is not getattr(Autoencoder, name)


def _checked_codes(model: Any, z: Any) -> np.ndarray:
    z = np.asarray(ops.convert_to_numpy(z) if keras.ops.is_tensor(z) else z)
    shape = tuple(model.latent_shape)
    free = (None, None, *shape[2:])
    if len(shape) < 2:
        raise ValueError(
            "Expected a model whose codes are maps (height, width, ...), as those of "
            f"nets.conv_map. Received: {type(model).__name__} with codes of shape {shape}."
        )
    if z.ndim != len(shape) + 1 or z.shape[3:] != shape[2:] or 0 in z.shape:
        raise ValueError(f"Expected z of shape {('batch', *free)}. Received: {z.shape}.")
    return z.astype(model.latent_dtype)


def _rows(
    decoder: MapNetwork, cells: tuple[int, int], event: int, memory: int, overlap: int | None
) -> list[Row]:
    """As few tiles as fit into the memory: the longer side of a tile is cut first."""
    rows = [
        Row(axis, count, 1, axis.overlap if overlap is None else _checked_overlap(axis, overlap))
        for axis, count in zip(decoder.axes, cells, strict=True)
    ]
    while (needed := _bytes(decoder, rows, event)) > memory:
        longer = [i for i in (0, 1) if rows[i].size > rows[i].smallest]
        if not longer:
            size = "x".join(str(row.size) for row in rows)
            raise ValueError(
                f"Expected memory of at least {needed:,} bytes, for a tile of {size} codes. "
                f"Received: {memory:,}. (A tile is larger than the overlap; a smaller overlap "
                "blends seams that are not exact.)"
            )
        longest = max(longer, key=lambda i: rows[i].size)
        rows[longest] = replace(rows[longest], count=rows[longest].count + 1)
    return rows


def _checked_overlap(axis: Axis, overlap: int) -> int:
    """An overlap of the user's choice; tiles must leave no gap."""
    return arguments.whole("overlap", overlap, max(-(axis.extra // axis.scale), 0))


def _bytes(decoder: MapNetwork, rows: list[Row], event: int) -> int:
    """What the layers make of one tile, and the mean of its density, in float32."""
    image = FLOAT * event * math.prod(row.axis.pixels(row.size) for row in rows)
    return decoder.activations((rows[0].size, rows[1].size)) + image


def _cut(z: np.ndarray, rows: list[Row], place: tuple[int, int]) -> np.ndarray:
    top, left = (row.starts[number] for row, number in zip(rows, place, strict=True))
    return z[:, top : top + rows[0].size, left : left + rows[1].size]
