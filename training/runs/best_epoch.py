"""The callback that keeps the model of the best epoch on validation examples."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import keras

from keras_vae.errors import UsageError
from keras_vae.files.atomic import write_atomically
from keras_vae.training.data.kinds import count_of
from keras_vae.training.runs import run_directory


class KeepBest(keras.callbacks.Callback):
    """A callback that keeps the model of the best epoch as best.keras, with early stopping.

    Its state is in the run directory. It must come after the callbacks that write metrics.jsonl
    and model.keras.

    Args:
        folder: The run directory.
        best: The metric: "elbo", the higher the better, or a loss term, the lower the better.
        patience: Number of epochs without a better one after which the training ends; None for no
            limit.
    """

    def __init__(self, folder: Path, best: str = "elbo", patience: int | None = None) -> None:
        super().__init__()
        self.folder, self.best, self.patience = folder, best, patience

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Raise ValueError unless the model has the metric that chooses the best epoch."""
        known = ("elbo", *self.model.terms)
        if self.best not in known:
            raise UsageError(
                f"Expected what the best epoch is chosen by to be one of {known}. "
                f"Received: {self.best!r}."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the model of this epoch if it is the best; end the training after `patience`."""
        waited = self.keep()
        if self.patience is not None and waited >= self.patience:
            print(f"No better val_{self.best} for {count_of(waited, 'epochs')}: the training ends.")
            self.model.stop_training = True

    def resume_state(self) -> dict[str, Any]:
        """Return an empty state: all of it is in the run directory."""
        return {}

    def resume_from(self, state: dict[str, Any]) -> None:
        """Check that the model of the best epoch exists.

        Raises:
            ValueError: If best.keras is damaged or gone.
        """
        path, costs = (
            self.folder / run_directory.BEST,
            epoch_costs(self.folder / run_directory.METRICS, self.best),
        )
        if costs and not run_directory.is_whole(path):
            raise UsageError(
                f"Expected {path}, the model of epoch {costs.index(min(costs)) + 1}. Received: a "
                "damaged file or none. (Only a new run can make it again.)"
            )

    def keep(self) -> int:
        """Copy model.keras if the last epoch is the best; return the epochs since the best one."""
        costs = epoch_costs(self.folder / run_directory.METRICS, self.best)
        if not costs:
            return 0
        waited = len(costs) - 1 - costs.index(min(costs))
        if waited == 0:
            last = self.folder / run_directory.MODEL
            write_atomically(
                self.folder / run_directory.BEST, lambda path: shutil.copyfile(last, path)
            )
        return waited


def epoch_costs(metrics: Path, best: str) -> list[float]:
    """Return the metric of each epoch as a cost, the lower the better; infinite for NaN."""
    values = [line.get(f"val_{best}") for line in read_metrics(metrics)]
    if wrong := [value for value in values if not isinstance(value, int | float | None)]:
        raise UsageError(f"Expected numbers as val_{best} in {metrics}. Received: {wrong[0]!r}.")
    sign = -1.0 if best == "elbo" else 1.0
    return [math.inf if value is None else sign * value for value in values]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a metrics.jsonl, one for each epoch; none if there is no file.

    Raises:
        ValueError: If a line is no JSON object.
    """
    lines = path.read_bytes().splitlines() if path.is_file() else []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
            if not isinstance(found[-1], dict):
                raise UsageError(f"a {type(found[-1]).__name__}")
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"Expected a JSON object on line {number} of {path}. Received: {error}. (It was "
                "damaged or changed: training on with --resume writes it anew.)"
            ) from error
    return found
