"""The files of a preset, and the check that they are whole and ours. Imports no Keras.

config.json    what the model takes and gives, its data, its metrics, and the SHA-256 of all files
model.keras    the model without its optimizer
README.md      the card: the same for readers, with a head that the Hugging Face hub reads
explorer/      for a VAE of images: the files that `keras-vae explorer` shows, if there are any
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.files import digests, hashed_json
from keras_vae.presets.description import find_difference
from keras_vae.presets.entries import FORMS, find_wrong

FORMAT, VERSION = "keras_vae preset", 1
CONFIG, CARD, MODEL = "config.json", "README.md", "model.keras"
LARGEST_CONFIG = 4 << 20
ANEW = "(It was damaged or changed: copy or fetch it again.)"


@dataclass(frozen=True)
class Preset:
    """A preset whose files are whole: their hashes are those of its config.json.

    Example:
        >>> preset = keras_vae.presets.read("vae_digits")
        >>> preset.config["model"]["event_shape"], preset.labels[:3]
        ([8, 8, 1], ['0', '1', '2'])
        >>> digits = preset.load()

    Args:
        path: The folder of the preset.
        config: The content of its config.json. `model` has the class, the shapes, the likelihood,
            the preprocessing, and the range of the data. `files` has the SHA-256 of each file.
    """

    path: Path
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the preset."""
        return self.config["name"]

    @property
    def labels(self) -> list[str]:
        """The names of the classes of its data, in order."""
        return list(self.config.get("labels") or ())

    @property
    def metrics(self) -> dict[str, Any]:
        """Each metric with its `value`, and with `unit` and `meaning` where they are known."""
        return dict(self.config.get("metrics") or {})

    @property
    def threshold(self) -> float | None:
        """The threshold of a detector; None for a model."""
        return self.config.get("threshold")

    @property
    def data(self) -> str | None:
        """The name of the data set that programs load, or None."""
        return (self.config.get("data") or {}).get("name")

    @property
    def card(self) -> str:
        """The text of its README.md."""
        return self.read(CARD).decode()

    def read(self, name: str) -> bytes:
        """Return the content of one of its files, after a check of its hash.

        Raises:
            ValueError: If the preset has no such file, or it was changed.
        """
        path, wanted = self.path / name, self.config["files"].get(name)
        content = path.read_bytes() if wanted and path.is_file() else None
        if content is None or digests.of_bytes(content) != wanted:
            raise UsageError(f"Expected the file {name} of {self.path}. Received: another. {ANEW}")
        return content

    def load(self, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Load its model or detector; arguments and errors are those of `from_preset`."""
        from keras_vae.loading import load
        from keras_vae.validation.value_checks import check_weights

        model = load(self.path / MODEL, compile=False, custom_objects=custom_objects)
        if difference := find_difference(self.config, model):
            name, said, true = difference
            raise UsageError(
                f"Expected the {name} {said}, as {self.path / CONFIG} says. Received: {true} in "
                f"{MODEL}. {ANEW}"
            )
        check_weights(model)
        return model


def is_preset(folder: Path) -> bool:
    """Return whether a folder says that it is a preset; `read_folder` checks it."""
    return _peek(folder / CONFIG).get("format") == FORMAT


def read_folder(folder: Path) -> Preset:
    """Read a preset, and check each of its files.

    Raises:
        ValueError: If the folder is none, it was changed, or a newer version has written it.
    """
    path = folder / CONFIG
    if not is_preset(folder):
        raise UsageError(
            f"Expected a preset, a folder whose {CONFIG} is of keras_vae. Received: {folder}. "
            "(Models of Keras alone are loaded by keras.saving.load_model, and .keras files by "
            "keras_vae.load.)"
        )
    config = hashed_json.read(path)
    version = config.get("version")
    if version != VERSION or isinstance(version, bool):
        raise UsageError(
            f"Expected a preset of version {VERSION}. Received: {version!r} in {path}. "
            "(Install a newer keras-vae.)"
        )
    check_entries(config, path)
    _check_files(folder, config["files"])
    return Preset(folder, config)


def _peek(path: Path) -> dict[str, Any]:
    """Return the content of a small JSON object, and {} for anything else."""
    try:
        is_small = path.is_file() and path.stat().st_size <= LARGEST_CONFIG
        content = json.loads(path.read_bytes()) if is_small else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def check_entries(config: Mapping[str, Any], path: Path) -> None:
    """Raise ValueError unless each entry has its form: a hash proves nothing about the author."""
    if wrong := find_wrong(config):
        raise UsageError(
            f"Expected {wrong} in {path} to be {FORMS[wrong].what}, as keras_vae writes it. "
            f"Received: {str(config.get(wrong))[:100]}."
        )


def _check_files(folder: Path, hashes: Mapping[str, Any]) -> None:
    """Raise ValueError unless the files of a preset have these hashes."""
    unsafe = [name for name in hashes if not _is_safe(name)]
    if unsafe or MODEL not in hashes or CARD not in hashes:
        raise UsageError(
            f"Expected {MODEL} and {CARD} among the files of {folder}, and no names that lead out "
            f"of it. Received: {sorted(hashes)}. {ANEW}"
        )
    for name, wanted in hashes.items():
        path = folder / name
        is_there = os.path.isfile(path)  # Path.is_file raises for names that are too long.
        if not is_there or digests.of_file(path) != wanted:
            what = "other content" if is_there else "no such file"
            raise UsageError(f"Expected {path} as it was written. Received: {what}. {ANEW}")


def _is_safe(name: str) -> bool:
    """Return whether a name is that of a file in a folder or in a folder of it."""
    return bool(re.fullmatch(r"[\w.-]+(/[\w.-]+)*", name)) and ".." not in PurePosixPath(name).parts
