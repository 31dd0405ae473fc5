"""Where tiles lie along one axis, and how much each has to say about each pixel."""

from dataclasses import dataclass

import numpy as np

from keras_vae.tiles.reach import Axis


@dataclass(frozen=True)
class Row:
    """Tiles of one size along an axis; neighbors share at least `overlap` cells.

    Attributes:
        axis: What the network does to a tile.
        cells: Of the whole map.
        count: How many tiles.
        overlap: Cells that neighbors share at least.
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
        """The first cell of each tile; the last tile ends where the map does."""
        free = self.cells - self.size
        return [free * number // max(self.count - 1, 1) for number in range(self.count)]

    def weights(self) -> np.ndarray:
        """The weight of each pixel of each tile, float32 `(count, pixels)`; 1 in sum at each place.

        It falls towards the edges where a tile is cut, and is 0 where the cut is felt, if tiles
        overlap by so much that another one is exact there. Where one tile alone is, it is 1.
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
        """The pixels of a tile among all."""
        start = self.axis.scale * self.starts[number]
        return slice(start, start + self.axis.pixels(self.size))
