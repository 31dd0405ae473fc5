"""Run directories: all that one training leaves behind. Imports no TensorFlow.

model.keras     the model with its optimizer, replaced after each epoch
best.keras      that of the best epoch on validation images, where the recipe's protocol has some
config.json     recipe, options, shape of the images, versions
metrics.jsonl   a line for each epoch
checkpoints/    from where --resume goes on, see docs/reliability.md
pictures/       what the model does, as PNG
logs/           for TensorBoard
evaluation.*    what training.evaluate measured
post_mortem.*   the model of a training whose loss was not finite any more, and where that began
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import digests
from training.cli import did_you_mean

RUNS = Path("runs")
MODEL = "model.keras"
BEST = "best.keras"
CONFIG = "config.json"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
HASH = "sha256"


@dataclass(frozen=True)
class Run:
    """A trained model and what is known about it.

    Attributes:
        path: The run directory, or a lone .keras file.
        config: What is in config.json; empty for a lone file.
    """

    path: Path
    config: dict[str, Any]

    @property
    def model_path(self) -> Path:
        """The file of the model, of the best epoch where the run has chosen one."""
        if self.path.suffix == ".keras":
            return self.path
        return self.path / (BEST if (self.path / BEST).is_file() else MODEL)

    @property
    def protocol(self) -> str:
        """The protocol of the training; see `training.splits`."""
        return str(self.config.get("protocol", "plain"))

    @property
    def notes(self) -> list[str]:
        """Says of a training that has not gone through all its epochs how many it has."""
        wanted = self.config.get("settings", {}).get("epochs")
        metrics = self.path / METRICS
        done = len(metrics.read_text().splitlines()) if metrics.is_file() else 0
        if wanted is None or done >= wanted:
            return []
        return [f"The training has gone through {done} of its {wanted} epochs."]

    def model(self, compile: bool = False) -> Any:
        """The model, without its optimizer unless `compile`.

        Raises:
            FileNotFoundError: If no epoch was completed yet.
            ValueError: If the file is not a model of `keras_vae`.
        """
        if self.protocol != "plain" and self.config and not (self.path / BEST).is_file():
            raise FileNotFoundError(
                f"Expected {self.path / BEST}, the model of the best epoch. Received: no such "
                f"file. (Train on with --resume, or give {self.path / MODEL}, that of the last.)"
            )
        if not self.model_path.is_file():
            raise FileNotFoundError(
                f"Expected {self.model_path}, which is written after the first epoch. Received: "
                "no such file. (Train on with --resume.)"
            )
        if str(self.config.get("recipe")).endswith(".py"):  # It may define classes.
            from training import recipes

            recipes.find(self.config["recipe"])
        return load_model(self.model_path, compile)

    def data(self, name: str | None = None) -> Any:
        """The `training.data.Data` that the run was trained on, or others of its image size.

        Args:
            name: Another data set than the run's own.

        Raises:
            ValueError: If this is a lone .keras file and no name is given, or the images have
                another shape.
        """
        from training.data import load

        settings = self.config.get("settings", {})
        if name is None and not settings:
            raise ValueError(
                f"Expected a run directory, which knows its data, or the name of a data set. "
                f"Received: {self.path}, a lone model. (Give --data NAME.)"
            )
        size = settings.get("image_size")
        data = load(
            name or settings["data"],
            image_size=tuple(size) if size else None,
            limit=None if name else settings.get("limit"),
            data_dir=settings.get("data_dir"),
            window=settings.get("window"),
            stride=settings.get("stride"),
        )
        wanted = tuple(self.config.get("image_shape", data.image_shape))
        if data.image_shape != wanted:
            raise ValueError(
                f"Expected {data.kind} of shape {wanted}, as the run was trained on. Received: "
                f"{data.image_shape} in {data.name}."
            )
        return data


def open_run(path: str | os.PathLike[str]) -> Run:
    """A run directory, or a .keras file alone.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the path is something else.
    """
    path = Path(path)
    if path.is_file() and path.suffix == ".keras":
        return Run(path, {})
    if not path.exists():
        known = [str(config.parent) for config in sorted(RUNS.glob(f"*/{CONFIG}"))]
        alike = [one for one in known if did_you_mean(path.name, [Path(one).name])]
        hint = did_you_mean(str(path), alike) or (
            f" (There are: {', '.join(known)}.)" * bool(known)
        )
        raise FileNotFoundError(
            f"Expected a run directory or a .keras file. Received: {path}, which does not "
            f"exist.{hint}"
        )
    if not (path / CONFIG).is_file():
        raise ValueError(
            f"Expected a run directory, with a {CONFIG} in it, or a .keras file. Received: {path}."
        )
    return Run(path, read_config(path / CONFIG))


def load_model(path: Path, compile: bool = False) -> Any:
    """A model of `keras_vae` from its file.

    Raises:
        ValueError: If the file is damaged or something else.
    """
    import keras_vae

    model = keras_vae.load(path, compile)
    if not isinstance(model, keras_vae.Autoencoder):
        raise ValueError(
            f"Expected a keras_vae.Autoencoder. Received: a {type(model).__name__} in {path}. "
            "(Programs take no detectors: keras_vae.load(FILE).export(TARGET) writes a SavedModel "
            'of one, with format="litert" a .tflite file.)'
        )
    return model


def is_whole(path: Path) -> bool:
    """Whether a .keras file is there and no byte of its content was changed."""
    from keras_vae.loading import check_archive

    try:
        check_archive(path)
    except (FileNotFoundError, ValueError):
        return False
    return True


def mend_model(folder: Path, model: Any) -> None:
    """Write model.keras of a run again if it is damaged or gone."""
    from keras_vae.files import save_model

    if not is_whole(folder / MODEL):
        print(f"{folder / MODEL} was damaged or gone: it is written again from the checkpoint.")
        save_model(model, folder / MODEL)


def check_new(path: Path) -> None:
    """Raises OSError unless a run can be made at `path`: there is nothing, or an empty folder."""
    if path.is_dir() and any(path.iterdir()):
        resume = " Add --resume to continue it." if (path / CONFIG).is_file() else ""
        raise FileExistsError(
            f"Expected --out to be a new or an empty folder. Received: {path}, which has files "
            f"in it.{resume}"
        )
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"Expected --out to be a folder. Received: the file {path}.")


def create(path: Path | None, recipe: str) -> Path:
    """Make the folder of a run; without `path` runs/RECIPE-NUMBER with the next free number."""
    if path is not None:
        check_new(path)
        path.mkdir(parents=True, exist_ok=True)
        return path
    RUNS.mkdir(exist_ok=True)
    stem, number = Path(recipe).stem, 1
    while True:
        try:
            (RUNS / f"{stem}-{number}").mkdir()
            return RUNS / f"{stem}-{number}"
        except FileExistsError:
            number += 1


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write config.json."""
    from keras_vae.files import write_atomically

    text = json.dumps({**config, HASH: digests.of_json(config)}, indent=2) + "\n"
    write_atomically(folder / CONFIG, lambda path: path.write_text(text))


def read_config(path: Path) -> dict[str, Any]:
    """Read a config.json.

    Raises:
        ValueError: If it is not what `training.train` writes, or was changed since.
    """
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(
            f"Expected JSON in {path}. Received: {error}. (It was damaged or changed: put back a "
            "copy; the models beside it can be loaded with keras_vae.load.)"
        ) from error
    if not isinstance(config, dict):
        raise ValueError(f"Expected an object in {path}. Received: {type(config).__name__}.")
    # Runs of earlier versions have no hash, and nothing of its length either.
    wanted = config.pop(HASH, None)
    if (wanted or _looks_hashed(config)) and wanted != digests.of_json(config):
        raise ValueError(
            f"Expected {path} as it was written. Received: one that was changed since. (Restore "
            "it, or start a new run.)"
        )
    missing = {"recipe", "arguments", "settings", "image_shape"} - set(config)
    if missing:
        raise ValueError(f"Expected {sorted(missing)} in {path}. Received: {sorted(config)}.")
    return config


def _looks_hashed(config: dict[str, Any]) -> bool:
    """Whether a value is a hash: its name may be what was changed."""
    texts = [value for value in config.values() if isinstance(value, str)]
    return any(
        len(t) == len(digests.of_json({})) and set(t) <= set("0123456789abcdef") for t in texts
    )


def keep_epochs(folder: Path, epochs: int) -> None:
    """Drop what metrics.jsonl has after `epochs` lines: epochs that no saved model has seen."""
    from keras_vae.files import write_atomically

    path = folder / METRICS
    if path.is_file():
        lines = path.read_text().splitlines(keepends=True)[:epochs]
        write_atomically(path, lambda new: new.write_text("".join(lines)))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter for a result."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("keras-vae", "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
