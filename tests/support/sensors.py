"""A recording of five sensors with faults and holes, as a plant writes it every five minutes."""

import numpy as np

from benchmarks.sensors import HELD_OUT, STEPS, TRAINED, record

__all__ = ["HELD_OUT", "STEPS", "TRAINED", "record", "windows"]

WINDOW = 48


def windows(recording: np.ndarray, faulty: np.ndarray, masked: bool | str = False) -> list:
    """Cut windows to train on and to find faults in, with whether a step of them is faulty.

    Args:
        recording: `(steps, 5)`.
        faulty: `(steps,)`.
        masked: Whether windows are pairs with a mask of steps (True) or values ("features").
    """
    parts = []
    for start, end in ((0, TRAINED), (HELD_OUT, STEPS)):
        places = range(start, end - WINDOW + 1, 12)
        x = np.stack([recording[i : i + WINDOW] for i in places])
        mask = np.isfinite(x)
        mask = mask if masked == "features" else mask.all(axis=2)
        pair = (np.nan_to_num(x), mask.astype("float32"))
        parts.append(
            (pair if masked else x, np.stack([faulty[i : i + WINDOW].any() for i in places]))
        )
    return parts
