"""Run directories: the files of one training. Imports no TensorFlow.

model.keras     the model with its optimizer, replaced after each epoch
best.keras      the model of the best epoch on validation images, if the protocol has any
config.json     recipe, options, shape of the images, versions
metrics.jsonl   a line for each epoch
checkpoints/    the states from which --resume goes on
pictures/       PNG files of reconstructions, latent codes, samples and losses
logs/           the logs of TensorBoard
evaluation.*    the measures of training.evaluate
post_mortem.*   the model of a training whose loss became infinite or NaN, and the first such tensor
"""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_vae.cli import IMPORT, did_you_mean
from keras_vae.errors import UsageError
from keras_vae.files import hashed_json, outputs
from keras_vae.presets import Preset, places
from keras_vae.training.raw_data import refuse_raw_images
from keras_vae.typing import LatentModel

RUNS = Path("runs")
MODEL = "model.keras"
BEST = "best.keras"
CONFIG = "config.json"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
NEEDED_KEYS = frozenset({"recipe", "arguments", "settings", "image_shape"})
# All keys of the configurations that have no hash, which earlier versions wrote.
KEYS_WITHOUT_HASH = NEEDED_KEYS | {
    *("data", "protocol", "training_images", "test_images", "parameters"),
    *("steps_per_epoch", "steps_per_execution", "replicas", "versions"),
}


@dataclass(frozen=True)
class Run:
    """A trained model with the record of its training.

    Attributes:
        path: The run directory, or a lone .keras file.
        config: The content of config.json; empty for a lone file.
    """

    path: Path
    config: dict[str, Any]

    @property
    def model_path(self) -> Path:
        """The file of the model: of the best epoch if the run has chosen one, else of the last."""
        if self.path.suffix == ".keras":
            return self.path
        return self.path / (BEST if (self.path / BEST).is_file() else MODEL)

    @property
    def protocol(self) -> str:
        """The protocol of the training, see `keras_vae.training.data.splits`."""
        return str(self.config.get("protocol", "plain"))

    @property
    def notes(self) -> list[str]:
        """A note if the training has not gone through all its epochs; else nothing."""
        wanted = self.config.get("settings", {}).get("epochs")
        metrics = self.path / METRICS
        done = len(metrics.read_bytes().splitlines()) if metrics.is_file() else 0
        if wanted is None or done >= wanted:
            return []
        return [f"The training has gone through {done} of its {wanted} epochs."]

    def model(self, compile: bool = False, detectors: bool = False) -> Any:
        """Load the model.

        Args:
            compile: True to restore its optimizer too.
            detectors: True to take a `keras_vae.AnomalyDetector` too.

        Raises:
            FileNotFoundError: If no epoch was completed yet.
            ValueError: If the file is not a model of `keras_vae`, or its classes are unknown.
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
        try:
            return load_model(self.model_path, compile, detectors)
        except UsageError as error:
            # A run may be a stranger's, so the path of code in it is named and never run.
            if (recipe := str(self.config.get("recipe"))).endswith(".py"):
                raise UsageError(
                    f"{error} (The run is of the recipe {recipe}. If you trust that file: it may "
                    f"define the classes, so add {IMPORT} {shlex.quote(recipe)})"
                ) from error
            raise

    def data(
        self,
        name: str | None = None,
        size: tuple[int, int] | None = None,
        gaps: bool | None = None,
    ) -> Any:
        """Load the data set of the run, or another one at the image size of the run.

        Args:
            name: A data set in place of the run's own.
            size: The size of `data.resizing.size_for`; None for that of the training.
            gaps: Whether gaps of series are read as NaN; None if the run was trained so.

        Returns:
            A `keras_vae.training.data.loading.Data`.

        Raises:
            ValueError: If this is a lone .keras file and no name is given, or the images have
                another shape.
        """
        from keras_vae.training import fits
        from keras_vae.training.data import loading
        from keras_vae.training.data.kinds import kind_of
        from keras_vae.training.data.resizing import choose_resizing, size_for

        settings = self.config.get("settings", {})
        if name is None and not settings:
            raise UsageError(
                f"Expected a run directory, which knows its data, or the name of a data set. "
                f"Received: {self.path}, a lone model. (Give --data NAME.)"
            )
        chosen = name or settings["data"]
        shape = self.config.get("image_shape", ())
        size = size or size_for(shape, **choose_resizing(settings))
        with loading.explain_moved_data(None if name else chosen):
            data = loading.load(
                chosen,
                image_size=size,
                limit=None if name else settings.get("limit"),
                **loading.settings_for(chosen, loading.settings_of(self.config)),
                gaps=self.config.get("gaps", False) if gaps is None else gaps,
                kind=kind_of(shape),
            )
        fits.check_shape_of_run(tuple(shape or data.image_shape), data)
        return data


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run directory, a preset, or a .keras file alone.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the path is something else, or a preset is damaged.
    """
    if places.is_known(path):
        return _of_preset(places.read(path))
    path = Path(path)
    if path.is_file() and path.suffix == ".keras":
        return Run(path, {})
    if not path.exists():
        known = [str(config.parent) for config in sorted(RUNS.glob(f"*/{CONFIG}"))]
        alike = [one for one in known if did_you_mean(path.name, [Path(one).name])]
        hint = did_you_mean(str(path), [*alike, *places.names()]) or (
            f" (There are: {', '.join(known)}.)" * bool(known)
        )
        raise FileNotFoundError(
            f"Expected a run directory, a preset or a .keras file. Received: {path}, which does "
            f"not exist.{hint}"
        )
    if not (path / CONFIG).is_file():
        raise UsageError(
            f"Expected a run directory, with a {CONFIG} in it, or a .keras file. Received: {path}."
        )
    return Run(path, read_config(path / CONFIG))


def _of_preset(preset: Preset) -> Run:
    """Return the lone model of a preset, with its data if it knows them."""
    shape, settings = preset.config["model"].get("event_shape"), {"data": preset.data}
    config = {"settings": settings, "image_shape": shape} if preset.data else {}
    return Run(preset.path / MODEL, config)


def load_model(path: Path, compile: bool = False, detectors: bool = False) -> Any:
    """Load a model of `keras_vae` from its file.

    Args:
        path: A .keras file.
        compile: True to restore its optimizer too.
        detectors: True to load a `keras_vae.AnomalyDetector` too.

    Raises:
        ValueError: If the file is damaged or something else.
    """
    import keras_vae

    model = keras_vae.load(path, compile)
    is_detector = isinstance(model, keras_vae.AnomalyDetector)
    if not isinstance(model, keras_vae.Autoencoder) and not (detectors and is_detector):
        raise UsageError(
            f"Expected a keras_vae.Autoencoder. Received: a {type(model).__name__} in {path}. "
            "(Only keras-vae predict takes a detector. To serve one, call its export(TARGET).)"
        )
    refuse_raw_images(model)
    return model


def is_whole(path: Path) -> bool:
    """Return whether a .keras file exists and no byte of its content was changed."""
    from keras_vae.loading import check_archive

    try:
        check_archive(path)
    except (FileNotFoundError, ValueError):
        return False
    return True


def rewrite_if_damaged(folder: Path, model: LatentModel) -> None:
    """Write model.keras of a run again if it is damaged or missing."""
    from keras_vae.files.atomic import save_model

    if not is_whole(folder / MODEL):
        print(f"{folder / MODEL} was damaged or gone: it is written again from the checkpoint.")
        save_model(model, folder / MODEL)


def check_new(path: Path) -> None:
    """Raise OSError unless `path` can be made or is an empty folder that takes files."""
    outputs.check_folder(path)
    if path.is_dir() and any(path.iterdir()):
        resume = " Add --resume to continue it." if (path / CONFIG).is_file() else ""
        raise FileExistsError(
            f"Expected --out to be a new or an empty folder. Received: {path}, which has files "
            f"in it.{resume}"
        )


def create(path: Path | None, recipe: str) -> Path:
    """Make the folder of a run: `path`, or runs/RECIPE-NUMBER with the next free number."""
    if path is not None:
        check_new(path)
        path.mkdir(parents=True, exist_ok=True)
        return path
    outputs.make_folder(RUNS)
    stem, number = Path(recipe).stem, 1
    while True:
        try:
            (RUNS / f"{stem}-{number}").mkdir()
            return RUNS / f"{stem}-{number}"
        except FileExistsError:
            number += 1


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write config.json with its own hash."""
    from keras_vae.files.atomic import write_atomically

    text = hashed_json.to_text(config)
    write_atomically(folder / CONFIG, lambda path: path.write_text(text))


def read_config(path: Path) -> dict[str, Any]:
    """Read a config.json.

    Raises:
        ValueError: If it is not what `training.train` writes, or was changed since.
    """
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"Expected JSON in {path}. Received: {error}. (It was damaged or changed: put back a "
            "copy. The models next to it can be loaded with keras_vae.load.)"
        ) from error
    if not isinstance(config, dict):
        raise UsageError(f"Expected an object in {path}. Received: {type(config).__name__}.")
    if not (config.keys() <= KEYS_WITHOUT_HASH or hashed_json.has_valid_hash(config)):
        raise UsageError(
            f"Expected {path} as it was written. Received: one that was changed since. (Restore "
            "it, or start a new run.)"
        )
    config.pop(hashed_json.HASH, None)
    if missing := NEEDED_KEYS - set(config):
        raise UsageError(f"Expected {sorted(missing)} in {path}. Received: {sorted(config)}.")
    kinds = {"recipe": str, "arguments": dict, "settings": dict, "image_shape": list}
    for name, kind in kinds.items():
        if not isinstance(config[name], kind):
            raise UsageError(
                f"Expected a {kind.__name__} as {name} in {path}. Received: {config[name]!r}."
            )
    return config
