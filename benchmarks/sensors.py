"""VUS-PR of detectors of faults, ours and those of PyOD, in a planted recording with holes.

Prints a Markdown table of `keras_vae.metrics.vus_pr` of time steps, a mean over the seeds. A seed
makes the noise and the holes of the recording, and the weights. All detectors train on the same
windows of the first steps, and score those of the last ones. Those of PyOD have their defaults, and
take windows whose gaps are filled by interpolation in time, since they take no NaN.

Scores of windows become those of steps in three ways: the mean and the largest of the windows that
cover a step, and the mean of -log p. Here p is the conformal p-value of a window, from the scores
of held-out windows. It bounds how much one window counts.

    pip install pyod
    python -m benchmarks.sensors [--windows 12 16] [--seeds 0 1 2] [--detectors VAE LOF KNN]
"""

import argparse
import dataclasses
import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STEPS, DAY = 20_000, 288
NOISE = (0.3, 1.0, 0.2, 0.1, 1.5)
TRAINED, HELD_OUT = 12_000, 16_000  # Where the steps to train on and those to hold out end.
BUFFER = 48  # Largest buffer of VUS-PR, four hours.
MERGES = ("mean", "max", "-log p")

# Detectors of PyOD by the module of each.
PEERS = {
    "CBLOF": "cblof",
    "COPOD": "copod",
    "ECOD": "ecod",
    "GMM": "gmm",
    "HBOS": "hbos",
    "IForest": "iforest",
    "INNE": "inne",
    "KNN": "knn",
    "LOF": "lof",
    "OCSVM": "ocsvm",
    "PCA": "pca",
}
# Epochs of ours.
OWN = {"VAE": 100, "TCNVAE": 20}
LATENT_DIM = 4
Score = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Sensors:
    """A recording of five sensors with faults, as a plant writes it every five minutes.

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


def fill_gaps(rows: np.ndarray) -> np.ndarray:
    """Return `(steps, features)` with NaN replaced by interpolation in time, float64."""
    steps, columns = np.arange(len(rows)), rows.astype("float64").T
    known = [~np.isnan(column) for column in columns]
    filled = [np.interp(steps, steps[k], c[k]) for k, c in zip(known, columns, strict=True)]
    return np.stack(filled, axis=1)


def merge(scores: np.ndarray, held_out: np.ndarray, how: str, steps: int, window: int) -> Any:
    """Return scores of steps from those of windows, `(steps,)`, NaN for steps in none."""
    import keras_vae as kv

    if how == "-log p":
        scores, how = -np.log(kv.anomalies.p_values(scores, held_out)), "mean"
    return kv.point_scores(scores, steps, window, window // 4, reduce=how)


def cut(rows: np.ndarray, window: int) -> list[np.ndarray]:
    """Return windows to train on, held-out windows, and windows to find faults in."""
    import keras_vae as kv

    ends = (0, TRAINED, HELD_OUT, len(rows))
    parts = (rows[ends[i] : ends[i + 1]] for i in range(3))
    return [np.ascontiguousarray(kv.windows(part, window, window // 4)) for part in parts]


def own_detector(name: str, train: np.ndarray, seed: int) -> Score:
    """Return the score of a trained `keras_vae.AnomalyDetector` of windows with NaN."""
    import keras

    import keras_vae as kv
    from keras_vae.training.anomaly_scores import with_ones

    keras.utils.set_random_seed(seed)
    shape, epochs = train.shape[1:], OWN[name]
    rows = train.reshape(-1, shape[-1])
    settings: dict[str, Any] = {
        "likelihood": "normal_learned_scale",
        "preprocess": kv.preprocessing.standardize(rows, gaps=True),
        "seed": seed,
    }
    if name == "VAE":
        model = kv.VAE(*kv.nets.dense(shape, LATENT_DIM, (128, 128), heads=2), **settings)
    else:
        model = kv.TCNVAE(shape, LATENT_DIM, width=32, masked="features", **settings)
    given = (lambda x: x) if name == "VAE" else with_ones
    steps = math.ceil(len(train) / 64)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps * epochs)
    model.compile(keras.optimizers.Adam(rate), steps_per_execution=steps)
    model.fit(given(train), epochs=epochs, batch_size=64, verbose=0)
    detector = kv.AnomalyDetector(model)
    return lambda x: detector.predict(given(x), verbose=0)


def peer_detector(name: str, train: np.ndarray, seed: int) -> Score:
    """Return the score of a detector of PyOD with its defaults, of windows without gaps.

    Raises:
        ImportError: If PyOD is not installed.
    """
    from keras_vae.errors import MissingExtraError

    try:
        kind = getattr(importlib.import_module(f"pyod.models.{PEERS[name]}"), name)
    except ImportError as error:
        raise MissingExtraError(
            f"Expected PyOD, whose {name} is compared. Received: no such package. (pip install "
            f"pyod, or choose --detectors {' '.join(OWN)}.)"
        ) from error
    seeded = "random_state" in kind().get_params()
    detector = kind(random_state=seed) if seeded else kind()
    detector.fit(train.reshape(len(train), -1))
    return lambda x: detector.decision_function(x.reshape(len(x), -1))


def measure(name: str, sensors: Sensors, window: int, seed: int) -> dict[str, float]:
    """Return VUS-PR of the last steps, by the way from windows to steps."""
    import keras_vae as kv

    own = name in OWN
    train, held_out, new = cut(sensors.holed if own else fill_gaps(sensors.holed), window)
    score = (own_detector if own else peer_detector)(name, train, seed)
    scores, usual = score(new), score(held_out)
    labels, found = sensors.faulty[HELD_OUT:], {}
    for how in MERGES:
        points = merge(scores, usual, how, len(labels), window)
        known = ~np.isnan(points)
        found[how] = kv.metrics.vus_pr(labels[known], points[known], BUFFER)
    return found


def main() -> None:
    """Measure and print the table."""
    names = [*OWN, *PEERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", nargs="+", type=int, default=(12, 16, 20, 24))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2))
    parser.add_argument("--detectors", nargs="+", choices=names, default=names)
    given = parser.parse_args()

    from keras_vae.training.tables import table

    sensors = {seed: record(seed) for seed in given.seeds}
    cells = []
    for name in given.detectors:
        row = []
        for window in given.windows:
            found = [measure(name, sensors[seed], window, seed) for seed in given.seeds]
            row += [float(np.mean([one[how] for one in found])) for how in MERGES]
            print(f"{name}, {window}: {found}", flush=True)
        cells.append(_cells(name, row))
    header = [("detector", "l"), ("of", "l")]
    header += [(f"{window} {how}", "r") for window in given.windows for how in MERGES]
    print(table([*header, ("best", "r")], cells))


def _cells(name: str, values: Sequence[float]) -> list[str]:
    of = "keras_vae" if name in OWN else "PyOD"
    return [name, of, *(f"{value:.3f}" for value in [*values, max(values)])]


if __name__ == "__main__":
    main()
