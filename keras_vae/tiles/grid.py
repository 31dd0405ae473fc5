"""Positions of tiles along one axis, and their blending weights."""

from dataclasses import dataclass

import numpy as np

from keras_vae.tiles.reach import Axis


@dataclass(frozen=True)
class Row:
    """Tiles of one size along an axis; neighbors share at least `overlap` cells.

    Attributes:
        axis: Change of the axis by the network.
        cells: Cells of the whole map.
        count: Number of tiles.
        overlap: Smallest number of cells that neighbors share.
    """

    axis: Axis
    cells: int
    count: int
    overlap: int

    @property
    def size(self) -> int:
        """Cells of a tile."""
        return -(-(self.cells + (self.count - 1) * self.overlap) // self.count)

    @property
    def smallest(self) -> int:
        """Cells of the smallest tile that is larger than the overlap."""
        return min(self.overlap + 1, self.cells)

    @property
    def starts(self) -> list[int]:
        """First cell of each tile; the last tile ends with the map."""
        free = self.cells - self.size
        return [free * number // max(self.count - 1, 1) for number in range(self.count)]

    def weights(self) -> np.ndarray:
        """Return the weight of each pixel of each tile, float32 `(count, pixels)`.

        The weights of each place sum to 1. A weight falls towards the cut edges of a tile. If tiles
        overlap by enough, it is 0 where the cut has an effect, since another tile is exact there.
        """
        pixels = self.axis.pixels(self.size)
        exact = self.overlap >= self.axis.overlap
        before, after = (self.axis.before, self.axis.after) if exact else (0, 0)
        shares = np.full((self.count, pixels), np.inf)
        places = np.arange(pixels)
        shares[1:] = np.minimum(shares[1:], places + 1 - before)
        shares[:-1] = np.minimum(shares[:-1], pixels - after - places)
        shares = np.clip(shares, 0, pixels)
        total = np.zeros(self.axis.pixels(self.cells))
        spans = [self.span(number) for number in range(self.count)]
        for share, span in zip(shares, spans, strict=True):
            total[span] += share
        return np.stack([s / total[p] for s, p in zip(shares, spans, strict=True)]).astype(
            "float32"
        )

    def span(self, number: int) -> slice:
        """Return the slice of a tile's pixels among all."""
        start = self.axis.scale * self.starts[number]
        return slice(start, start + self.axis.pixels(self.size))
