"""Scores of the steps of a recording: its parts, the detector, and the files of the program."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import keras_vae as kv
from keras_vae.acceleration.batching import CompiledMap, predict_checked
from keras_vae.errors import UsageError
from keras_vae.files.folders import partial_folder, publish
from keras_vae.metrics.ranges import ends
from keras_vae.training.data.kinds import count_of
from keras_vae.training.data.sources.csv_recording import Recording, as_dates
from keras_vae.training.tables import format_number, table

PARTS = ("train", "held_out", "new")
MOST_RANGES = 10  # In the summary.


@dataclasses.dataclass(frozen=True)
class Parts:
    """The windows of a recording: to train on, to set the threshold with, and to score.

    Attributes:
        rows: The recording, float32 `(steps, features)`, NaN for gaps.
        borders: The steps at which the held-out part and the new part begin.
        train: Windows with a number, `(count, window, features)`.
        held_out: The same of the held-out part.
        window: Steps of a window.
        stride: Steps from the start of a window to that of the next.
    """

    rows: np.ndarray
    borders: tuple[int, int]
    train: np.ndarray
    held_out: np.ndarray
    window: int
    stride: int

    @classmethod
    def cut(cls, values: Any, shares: tuple[float, float], window: int, stride: int) -> "Parts":
        """Cut a recording, so that no step is in windows of two parts.

        Raises:
            ValueError: If a part is shorter than a window, or has no number.
        """
        rows = np.asarray(values, "float32")
        first = int(shares[0] * len(rows))
        second = int(round(sum(shares) * len(rows), 6))
        found = []
        for name, part in (("train on", rows[:first]), ("hold out", rows[first:second])):
            if len(part) < window:
                raise UsageError(
                    f"Expected at least --window {window} rows to {name}. Received: {len(part)} "
                    f"of {len(rows)} rows. (Record more, or ask for a shorter window.)"
                )
            cut = kv.windows(part, window, stride)
            known = has_number(cut)
            if not known.any():
                raise UsageError(
                    f"Expected numbers in the rows to {name}. Received: {len(part)} rows of gaps."
                )
            found.append(np.ascontiguousarray(cut[known]))
        train, held_out = found
        return cls(rows, (first, second), train, held_out, window, stride)

    @property
    def train_rows(self) -> np.ndarray:
        """The steps to train on, `(steps, features)`."""
        return self.rows[: self.borders[0]]

    @property
    def block_size(self) -> int:
        """The number of windows after which they share no step."""
        return -(-self.window // self.stride)

    @property
    def names(self) -> np.ndarray:
        """The name of the part of each step, `(steps,)`."""
        return np.array(PARTS)[np.searchsorted(self.borders, np.arange(len(self.rows)), "right")]

    def describe(self) -> str:
        """Return a line with the numbers of rows, sensors, gaps, and windows."""
        gaps = float(np.isnan(self.rows).mean())
        train = count_of(len(self.train), "windows")
        return (
            f"{len(self.rows):,} rows of {count_of(self.rows.shape[1], 'sensors')}, {gaps:.1%} "
            f"gaps; {train} to train on, {len(self.held_out):,} held out"
        )


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of the steps of a recording, NaN for steps in no window with a number.

    Attributes:
        score: In nats per step, `(steps,)`.
        flagged: Which steps have a score above the threshold, bool `(steps,)`.
        errors: Distance of each value from its reconstruction, in standard deviations of the
            sensor in the training part, `(steps, features)`; NaN for gaps.
    """

    score: np.ndarray
    flagged: np.ndarray
    errors: np.ndarray

    def worst(self, step: int) -> int | None:
        """Return the feature with the largest error at a step, or None if it has only gaps."""
        errors = self.errors[step]
        return None if np.isnan(errors).all() else int(np.nanargmax(errors))


def has_number(windows: np.ndarray) -> np.ndarray:
    """Return which windows have a number, bool `(count,)`."""
    return ~np.isnan(windows).all(axis=(1, 2))


def with_ones(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return windows as a masked model takes them: gaps are NaN, so the mask has only ones."""
    return windows, np.ones(windows.shape, "float32")


def detector(model: Any, parts: Parts, rate: float) -> Any:
    """Return a detector of windows with a threshold from the held-out part."""
    found = kv.AnomalyDetector(model)
    held_out = with_ones(parts.held_out)
    found.fit_threshold(held_out, false_positive_rate=rate, block_size=parts.block_size)
    return found


def score(detector: Any, parts: Parts) -> Scores:
    """Score all steps. Windows end with the last step; a few first ones may be in none."""
    length, stride = parts.window, parts.stride
    skipped = (len(parts.rows) - length) % stride
    windows = kv.windows(parts.rows[skipped:], length, stride)
    known = has_number(windows)
    pairs = with_ones(np.ascontiguousarray(windows[known]))
    each = np.full(len(windows), np.nan)
    each[known] = detector.predict(pairs, verbose=0)
    points = _mean_of_known(each, parts, skipped)
    model = detector.model
    made = np.full(windows.shape, np.nan)
    made[known] = predict_checked(CompiledMap(model, model.reconstruct), model, pairs)
    scale = np.nanstd(parts.train_rows.astype("float64"), axis=0)
    distances = np.abs(windows - made) / np.where(scale > 0, scale, 1.0)
    errors = [_mean_of_known(one, parts, skipped) for one in np.moveaxis(distances, 2, 0)]
    return Scores(points, points > detector.threshold.value, np.stack(errors, axis=1))


def _mean_of_known(values: np.ndarray, parts: Parts, skipped: int) -> np.ndarray:
    """Return the mean of each step over the windows whose value is no NaN, `(steps,)`."""
    known = ~np.isnan(values)
    steps = len(parts.rows) - skipped
    sums, shares = (
        kv.point_scores(one, steps, parts.window, parts.stride)
        for one in (np.where(known, values, 0.0), known.astype("float64"))
    )
    means = np.divide(sums, shares, out=np.full(steps, np.nan), where=shares > 0)
    return np.concatenate([np.full(skipped, np.nan), means])


def write(folder: Path, detector: Any, parts: Parts, recording: Recording, scores: Scores) -> Path:
    """Write scores.csv, plot.png, detector.keras and detector.tflite to a new folder.

    The folder appears when all are written.

    Raises:
        FileExistsError: If the folder exists.
    """
    with partial_folder(folder.parent) as new:
        write_scores(new / "scores.csv", parts, recording, scores)
        times = as_dates(recording.stamps)
        figure = kv.plots.timeline(scores.score, detector.threshold, scores.flagged, times)
        figure.savefig(new / "plot.png")
        detector.save(new / "detector.keras")
        held_out = with_ones(parts.held_out)
        file = new / "detector.tflite"
        detector.export(file, format="litert", endpoints=["score"], calibration=held_out)
        return publish(new, folder)


def write_scores(path: Path, parts: Parts, recording: Recording, scores: Scores) -> None:
    """Write a row for each step; cells without a score are empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        heading = ["part", "score", "is_anomaly", "worst_feature", "worst_error"]
        writer.writerow([recording.stamp_name, *heading])
        for step, (stamp, part) in enumerate(zip(recording.stamps, parts.names, strict=True)):
            worst = scores.worst(step)
            of_worst = ["", ""]
            if worst is not None:
                error = format_number(scores.errors[step, worst], ".4g")
                of_worst = [recording.names[worst], error]
            value = scores.score[step]
            decided = "" if np.isnan(value) else int(scores.flagged[step])
            writer.writerow([stamp, part, format_number(value, ".6g"), decided, *of_worst])


def summary(parts: Parts, recording: Recording, scores: Scores) -> str:
    """Return a table of the parts, and one of the flagged ranges with the highest scores."""
    rows = []
    for name in PARTS:
        flagged = scores.flagged[parts.names == name]
        known = int((~np.isnan(scores.score[parts.names == name])).sum())
        share = format_number(flagged.sum() / known if known else None, ".1%")
        rows.append([name, f"{len(flagged):,}", f"{known:,}", f"{flagged.sum():,}", share])
    columns = [("part", "l"), ("rows", "r"), ("scored", "r"), ("flagged", "r"), ("share", "r")]
    found = sorted(
        zip(*ends(scores.flagged), strict=True),
        key=lambda one: -float(scores.score[one[0] : one[1]].max()),
    )
    if not found:
        return f"{table(columns, rows)}\n\nNo row is flagged."
    shown = [_range(*one, recording, scores) for one in found[:MOST_RANGES]]
    heads = [("from", "l"), ("to", "l"), ("rows", "r"), ("highest score", "r"), ("feature", "l")]
    more = f"\n{len(found) - MOST_RANGES} more in scores.csv" * (len(found) > MOST_RANGES)
    return f"{table(columns, rows)}\n\n{table(heads, shown)}{more}"


def _range(start: int, stop: int, recording: Recording, scores: Scores) -> list[str]:
    """Return the cells of a flagged range, with the feature whose mean error is largest."""
    known = ~np.isnan(scores.errors[start:stop])
    errors = np.where(known, scores.errors[start:stop], 0.0).sum(0) / np.maximum(known.sum(0), 1)
    highest = float(scores.score[start:stop].max())
    stamps = [recording.stamps[start], recording.stamps[stop - 1]]
    return [*stamps, f"{stop - start:,}", f"{highest:.4g}", recording.names[int(errors.argmax())]]
