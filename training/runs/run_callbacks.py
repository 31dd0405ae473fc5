"""The callbacks of a training in a run directory: reports, files, checkpoints."""

import sys
from pathlib import Path
from typing import Any

from keras_vae.training.distributed.workers import EpochCheckpoint, Workers, heartbeat_callback
from keras_vae.training.recipes import Recipe
from keras_vae.training.runs import run_directory
from keras_vae.training.train_options import Settings

REPORTED_IMAGES = 500
CHECKPOINT_MINUTES = 1.0
KEPT = 2  # Checkpoints: the newest, and the one before it in case that is damaged.


def make_checkpoint(
    folder: Path, data: Any, recipe: Recipe, settings: Settings, group: Workers
) -> Any:
    """Return the `ExactResume` of a run, or `EpochCheckpoint` for several workers.

    Either has all callbacks of the run. They share `folder`, `found`, `position`, `restore` and
    `fit_callbacks`.
    """
    from keras_vae.callbacks import ExactResume

    if group.watchdog is not None:
        others = [*callbacks(folder, data, recipe), heartbeat_callback(group.watchdog)]
        return EpochCheckpoint(folder / run_directory.CHECKPOINTS, others)
    return ExactResume(
        folder / run_directory.CHECKPOINTS,
        callbacks=callbacks(folder, data, recipe),
        minutes=settings.checkpoint_minutes or CHECKPOINT_MINUTES,
        steps=settings.checkpoint_steps,
        keep=KEPT,
        seekable=True,
    )


def callbacks(folder: Path, data: Any, recipe: Recipe) -> list[Any]:
    """Return the callbacks of a run. The order matters: checks come before writers."""
    import keras

    from keras_vae.callbacks import JsonLines, LatentReport, SafeCheckpoint, StopOnNonFinite
    from keras_vae.training.data.loading import as_floats
    from keras_vae.training.runs.best_epoch import KeepBest

    keep_best = KeepBest(folder, recipe.best, recipe.patience)
    return [
        StopOnNonFinite(folder),
        LatentReport(as_floats(data.test[:REPORTED_IMAGES]), say=_warn),
        JsonLines(folder / run_directory.METRICS),
        SafeCheckpoint(folder / run_directory.MODEL),
        *([] if recipe.protocol == "plain" else [keep_best]),
        keras.callbacks.TensorBoard(folder / "logs", write_graph=False),
    ]


def _warn(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr)
