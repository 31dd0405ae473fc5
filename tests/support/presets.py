"""Presets of a small model: made, copied, and changed with the right hashes."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

import keras_vae as kv
from keras_vae.files import digests, hashed_json
from tests.support.models import dense


def vae() -> Any:
    """A small VAE of 6 features with 3 latent units."""
    return kv.VAE(*dense(heads=2), likelihood="bernoulli", beta=0.5, seed=3)


def signed(folder: Path, **changes: Any) -> None:
    """Change config.json, and give it the hash of its new content."""
    config = hashed_json.read(folder / "config.json") | changes
    (folder / "config.json").write_text(hashed_json.to_text(config))


def signed_weights(folder: Path, change: Callable[[h5py.File], None]) -> None:
    """Change the weights in model.keras, and give it the hash of its new content."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as weights:
        change(weights)
    members["model.weights.h5"] = content.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    files = hashed_json.read(folder / "config.json")["files"]
    signed(folder, files=files | {path.name: digests.of_file(path)})


def kernel(weights: h5py.File) -> str:
    """The name of the first matrix among weights."""
    found: list[str] = []
    weights.visititems(
        lambda name, entry: found.append(name) if getattr(entry, "ndim", 0) == 2 else None
    )
    return found[0]
