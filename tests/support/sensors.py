"""A recording of five sensors with faults and holes, as a plant writes it every five minutes."""

import dataclasses

import numpy as np

STEPS, DAY = 20_000, 288
NOISE = (0.3, 1.0, 0.2, 0.1, 1.5)
TRAINED, HELD_OUT = 12_000, 16_000  # Where the steps to train on and those to hold out end.


@dataclasses.dataclass(frozen=True)
class Sensors:
    """A recording.

    Attributes:
        whole: Without holes, float32 `(steps, 5)`, scaled by the steps to train on.
        holed: The same with NaN for 1 % of the values, and for 40 steps of the third sensor.
        faulty: Which steps are faulty, bool `(steps,)`.
    """

    whole: np.ndarray
    holed: np.ndarray
    faulty: np.ndarray


def record(seed: int = 0) -> Sensors:
    """Make a recording with an offset, a stuck sensor, and a spike in its last part."""
    random = np.random.default_rng(seed)
    day = 2 * np.pi * np.arange(STEPS) / DAY
    signals = (
        20 + 5 * np.sin(day),
        50 + 10 * np.sin(day + 1),
        1013 + 2 * np.sin(day / 7),
        3 + 2 * np.abs(np.sin(day)),
        100 + 20 * np.sin(2 * day),
    )
    x = np.stack(signals, axis=1) + random.normal(0, NOISE, (STEPS, 5))
    faulty = np.zeros(STEPS, bool)
    x[17_000:17_030, 0] += 6
    x[18_200:18_300, 1] = 50
    x[19_100:19_110, 3] *= 3
    for start, end in ((17_000, 17_030), (18_200, 18_300), (19_100, 19_110)):
        faulty[start:end] = True
    holes = random.random(x.shape) < 0.01
    holes[5_000:5_040, 2] = True
    x = (x - x[:TRAINED].mean(axis=0)) / x[:TRAINED].std(axis=0)
    return Sensors(x.astype("float32"), np.where(holes, np.nan, x).astype("float32"), faulty)


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
