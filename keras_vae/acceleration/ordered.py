"""Batches whose order is a function of a seed, for trainings inside this package."""

from typing import Any

import keras
import numpy as np


class OrderedBatches(keras.utils.PyDataset):
    """Batches of arrays; the seed and the number of the epoch determine their order.

    Keras's order of arrays depends on its global seed. Pass `shuffle=False` to `fit`.

    Args:
        x: Arrays in any structure, with an example in each row.
        y: The targets, likewise.
        batch_size: Rows of a batch; the last one may be smaller.
        seed: Seed of the order; None for another one each time.
    """

    def __init__(self, x: Any, y: Any, batch_size: int, seed: int | None) -> None:
        super().__init__()
        self.arrays, self.batch_size = (x, y), batch_size
        self.seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        self.epoch, self.rows = 0, len(keras.tree.flatten(x)[0])
        self.order = self._new_order()

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.rows // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return inputs and targets of batch `index` of this epoch."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x, y = keras.tree.map_structure(lambda part: part[rows], self.arrays)
        return x, y

    def on_epoch_end(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.order = self._new_order()

    def _new_order(self) -> np.ndarray:
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)
