"""Find presets in this package, in a folder, or on the Hugging Face hub. Imports no Keras."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageTypeError
from keras_vae.presets import hub
from keras_vae.presets.contents import CONFIG, Preset, is_preset, read_folder

SHIPPED = Path(__file__).parent / "shipped"


def names() -> list[str]:
    """Return the names of the presets in this package, sorted.

    Example:
        >>> "vae_digits" in keras_vae.presets.names()
        True
    """
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def read(preset: str | os.PathLike[str]) -> Preset:
    """Find a preset, and check that its files are whole. It loads no model.

    Example:
        >>> preset = keras_vae.presets.read("vae_digits")
        >>> preset.config["data"]["name"], preset.config["model"]["likelihood"]
        ('digits', 'bernoulli')

    Args:
        preset: As in `keras_vae.from_preset`.

    Raises:
        FileNotFoundError: If there is no such preset.
        ValueError: If it is damaged, or no preset of keras_vae.
        RuntimeError: If the hub does not give it.
        TypeError: If `preset` is neither text nor a path.
    """
    return read_folder(find(preset))


def from_preset(
    preset: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Load the trained model or the detector of a preset.

    It is loaded as safely as by `keras_vae.load`, after a check of the hash of each file. Only
    `hf://` uses the network. To train on, compile the model first.

    Example:
        >>> trained = keras_vae.from_preset("vae_digits")
        >>> np.array(trained.sample(4, seed=0)).shape
        (4, 8, 8, 1)

    Args:
        preset: A name of `keras_vae.presets.names()`, the path of a folder, or
            `hf://USER/NAME`, which may end in `@REVISION`. The names of this package come first;
            write `./NAME` or `Path("NAME")` for a folder of the same name.
        custom_objects: Your own classes in the model, by name.

    Returns:
        The autoencoder or `AnomalyDetector`.

    Raises:
        FileNotFoundError: If there is no such preset.
        ValueError: If it is damaged, or no preset of keras_vae.
        RuntimeError: If the hub does not give it.
        ImportError: If `hf://` needs the extra `hub`, which is not installed.
        TypeError: If `preset` is neither text nor a path.
    """
    return read(preset).load(custom_objects)


def as_text(preset: str | os.PathLike[str]) -> str:
    """Return a name, a path or an address as text; raise TypeError for anything else."""
    if not isinstance(preset, str | os.PathLike) or isinstance(os.fspath(preset), bytes):
        raise UsageTypeError(
            f"Expected preset to be a name, a path or hf://USER/NAME. Received: {preset!r}."
        )
    return os.fspath(preset)


def find(preset: str | os.PathLike[str]) -> Path:
    """Return the folder of a preset; one of the hub is fetched first."""
    text = as_text(preset)
    if hub.is_address(text):
        return hub.fetch(text)
    if _is_name(preset):
        return SHIPPED / text
    if not os.path.isdir(text):  # Path.is_dir raises for names that are too long.
        raise _unknown(text)
    return Path(text)


def place_of(folder: Path) -> str:
    """Return the text that leads to a folder, also where a preset of the package has its name."""
    return os.path.join(".", folder) if str(folder) in names() else str(folder)


def _is_name(preset: str | os.PathLike[str]) -> bool:
    """Return whether it names a preset of this package; a path, which has no "./", may not."""
    is_folder = isinstance(preset, os.PathLike) and is_preset(Path(preset))
    return os.fspath(preset) in names() and not is_folder


def is_known(path: str | os.PathLike[str]) -> bool:
    """Return whether a path or a name is that of a preset, before any of its files is checked."""
    text = os.fspath(path)
    return hub.is_address(text) or text in names() or is_preset(Path(text))


def _unknown(text: str) -> FileNotFoundError:
    from keras_vae.cli import did_you_mean

    what = "does not exist." + did_you_mean(text, names())
    if os.path.isfile(text):
        what = "is a file. (keras_vae.load loads a .keras file.)"
    return FileNotFoundError(
        f"Expected one of {', '.join(names())}, the folder of a preset, or hf://USER/NAME. "
        f"Received: {text!r}, which {what}"
    )
