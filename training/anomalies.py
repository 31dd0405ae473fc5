"""Find faults in a recording of sensors, from a text file to a detector for a device.

    keras-vae anomalies sensors.csv --time-column time
    keras-vae anomalies sensors.csv --window 48 --epochs 50 --out runs/sensors

The first rows train a model, the next ones set the threshold, and all rows get a score. The output
folder gets scores.csv, plot.png, detector.keras and detector.tflite.
"""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.files import outputs
from keras_vae.training.runs.run_directory import RUNS

if TYPE_CHECKING:
    import numpy as np

LEARNING_RATE = 3e-3


def anomalies(
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    out: Path | None = None,
    time_column: str | None = None,
    skip_columns: tuple[str, ...] = (),
    window: int = 32,
    stride: int | None = None,
    model: Literal["transformer", "lstm", "tcn"] = "transformer",
    latent_dim: int = 8,
    epochs: int = 30,
    batch_size: int = 32,
    train_share: float = 0.6,
    held_out_share: float = 0.2,
    false_positive_rate: float = 0.05,
    seed: int = 0,
) -> int:
    """Find faults in a recording of sensors, and make a detector of them for a device.

    A row of FILE is a time step, a column a sensor, and an empty cell a gap. The first rows train
    a variational autoencoder of windows, and the next ones set the threshold. Both must be normal.
    All rows get a score: the mean score of the windows that cover them, in nats per step.

    Writes scores.csv, plot.png, detector.keras and detector.tflite. Both detectors take windows of
    raw readings, with NaN for gaps, and a mask of ones.

    Args:
        file: A .csv, .tsv or .txt file with a row for each time step, in the order of time.
        out: The new folder; runs/anomalies-NAME by default.
        time_column: Name of the column with time stamps, which scores.csv repeats.
        skip_columns: Names of other columns to leave out.
        window: Rows in a window.
        stride: Rows from the start of a window to that of the next, at most those of a window; by
            default a quarter of them.
        model: Kind of the networks; tcn are temporal convolutions.
        latent_dim: Dimension of the latent code.
        epochs: Number of passes over the windows to train on.
        batch_size: Windows in a batch.
        train_share: Share of the rows to train on, from the first one.
        held_out_share: Share of the rows behind them that set the threshold.
        false_positive_rate: Probability that the detector flags a new normal window.
        seed: Seed of the weights, of the order of the windows and of the noise.
    """
    options.at_least(2, window=window)
    counts = {"stride": stride, "latent_dim": latent_dim, "epochs": epochs}
    options.at_least(1, **counts, batch_size=batch_size)
    options.at_least(0, seed=seed)
    stride = max(window // 4, 1) if stride is None else stride
    _check_shares(train_share, held_out_share, false_positive_rate)
    if stride > window:
        raise UsageError(
            f"Expected --stride of at most --window {window}, so that windows cover all rows. "
            f"Received: {stride}."
        )
    folder = RUNS / f"anomalies-{file.stem}" if out is None else out
    outputs.check_new(folder, "folder for --out")
    outputs.check_folder(folder)
    from keras_vae.training.data.sources.csv_recording import read_recording

    recording = read_recording(file, time_column, skip_columns)
    cli.prepare_tensorflow(training=True)
    from keras_vae.training import anomaly_scores

    shares = (train_share, held_out_share)
    parts = anomaly_scores.Parts.cut(recording.values, shares, window, stride)
    _check_held_out(parts, false_positive_rate)
    print(parts.describe(), flush=True)
    made = make_model(model, parts, latent_dim, seed)
    fit(made, parts.train, epochs, batch_size)
    detector = anomaly_scores.detector(made, parts, false_positive_rate)
    found = anomaly_scores.score(detector, parts)
    anomaly_scores.write(folder, detector, parts, recording, found)
    print(anomaly_scores.summary(parts, recording, found))
    print(f"Threshold {detector.threshold.value:.4g} nats per step")
    print(f"Saved scores.csv, plot.png, detector.keras and detector.tflite in {folder}")
    return 0


def _check_shares(train: float, held_out: float, rate: float) -> None:
    named = {"train_share": train, "held_out_share": held_out, "false_positive_rate": rate}
    for name, value in named.items():
        if not 0.0 < value < 1.0:
            raise UsageError(f"Expected {options.flag(name)} between 0 and 1. Received: {value}.")
    if train + held_out > 1.0:
        raise UsageError(
            "Expected --train-share and --held-out-share with a sum of at most 1. Received: "
            f"{train} and {held_out}."
        )


def _check_held_out(parts: Any, rate: float) -> None:
    """Raise ValueError, before any training, if too few windows would set the threshold."""
    wanted = math.ceil(1 / rate - 1 - 1e-9)
    blocks = len(parts.held_out) // parts.block_size
    if blocks < wanted:
        raise UsageError(
            f"Expected at least {wanted} held-out windows that share no row, for "
            f"--false-positive-rate {rate:g}. Received: {blocks}. (Record more rows, or ask for "
            "a shorter --window, a higher rate, or a larger --held-out-share.)"
        )


def make_model(kind: str, parts: Any, latent_dim: int, seed: int) -> Any:
    """Return a variational autoencoder of raw windows with gaps.

    Args:
        kind: "transformer", "lstm", or "tcn", the temporal convolutions.
        parts: A `keras_vae.training.anomaly_scores.Parts`.
        latent_dim: Dimension of the latent code.
        seed: Seed of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(seed)
    shape = parts.train.shape[1:]
    settings: dict[str, Any] = {
        "likelihood": "normal_learned_scale",
        "masked": "features",
        "preprocess": kv.preprocessing.standardize(parts.train_rows, gaps=True),
        "seed": seed,
    }
    if kind == "lstm":
        return kv.LSTMVAE(shape, latent_dim, **settings)
    if kind == "tcn":
        return kv.TCNVAE(shape, latent_dim, width=32, **settings)
    return kv.TransformerVAE(shape, latent_dim, width=32, blocks=1, **settings)


def fit(model: Any, train: "np.ndarray", epochs: int, batch_size: int) -> None:
    """Train the model on windows, with a progress bar in a terminal."""
    import keras

    import keras_vae as kv
    from keras_vae.training.anomaly_scores import with_ones

    steps = math.ceil(len(train) / batch_size)
    kv.compile_fast(model, keras.optimizers.Adam(LEARNING_RATE), steps)
    verbose = 1 if sys.stdout.isatty() else 2
    model.fit(with_ones(train), epochs=epochs, batch_size=batch_size, verbose=verbose)


if __name__ == "__main__":
    cli.main(anomalies)
