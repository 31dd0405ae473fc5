"""A folder of numbered files and a manifest that says what they are and which are whole.

It is filled one file after the other, by one process or by several after each other.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.files import write_atomically
from training import digests

MANIFEST = "manifest.json"
FORMAT = 1
FORMATS = ("npz", "npy")
SHARDS, HASH = "shards", "sha256"


@dataclass
class Shards:
    """The files of one prediction.

    Attributes:
        folder: Where they are.
        about: What the manifest says beside the shards: what was predicted, of what, how.
        done: SHA-256 of each file that is whole, by name.
    """

    folder: Path
    about: dict[str, Any]
    done: dict[str, str]

    @property
    def count(self) -> int:
        """Rows in all."""
        return int(self.about["rows"])

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays in each file."""
        return tuple(self.about["arrays"])

    @property
    def digest(self) -> str:
        """SHA-256 of what all files hold."""
        return digests.of_json({**self.about, SHARDS: self.done})

    @property
    def batch_size(self) -> int:
        """Rows that were, or will be, at once."""
        return int(self.about["options"]["batch_size"])

    def __len__(self) -> int:
        return -(-self.count // int(self.about["options"]["rows_per_shard"]))

    def path(self, number: int) -> Path:
        """The file of shard `number`, from 0."""
        suffix = self.about["options"]["format"]
        return self.folder / f"part-{number:05}-of-{len(self):05}.{suffix}"

    def rows(self, number: int) -> range:
        """The rows in shard `number`."""
        size = int(self.about["options"]["rows_per_shard"])
        return range(number * size, min((number + 1) * size, self.count))

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a shard atomically, then the manifest that knows it."""
        path = write_atomically(self.path(number), lambda new: _save(new, arrays))
        self.done[path.name] = digests.of_file(path)
        self.write_manifest()

    def write_apart(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a shard and, beside it, its hash, as one of several processes on any machines.

        What each of them writes has a name of its own until it is whole: whoever writes the same
        shard at the same time replaces it by the same bytes.
        """
        path = write_atomically(self.path(number), lambda new: _save(new, arrays), machines=True)
        digest = digests.of_file(path)
        write_atomically(_hash_file(path), lambda new: new.write_text(digest), machines=True)

    def collect(self) -> None:
        """Write into the manifest what others have written apart."""
        paths = [self.path(number) for number in range(len(self))]
        found = [path for path in paths if _hash_file(path).is_file()]
        self.done |= {path.name: _hash_file(path).read_text() for path in found}
        self.write_manifest()
        for path in found:
            _hash_file(path).unlink()

    @property
    def missing(self) -> list[int]:
        """The numbers of the shards that are not there."""
        return [number for number in range(len(self)) if self.path(number).name not in self.done]

    def write_manifest(self) -> None:
        """Write what is known by now."""
        content = {**self.about, SHARDS: dict(sorted(self.done.items()))}
        text = json.dumps({**content, HASH: digests.of_json(content)}, indent=1) + "\n"
        write_atomically(self.folder / MANIFEST, lambda new: new.write_text(text))

    def is_whole(self, number: int) -> bool:
        """Whether a shard is there as it was written."""
        path = self.path(number)
        wanted = self.done.get(path.name)
        return wanted is not None and path.is_file() and digests.of_file(path) == wanted

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Rows of the array `name`, of all shards that hold some of them."""
        size = int(self.about["options"]["rows_per_shard"])
        parts = []
        for number in range(start // size, -(-stop // size)):
            first = number * size
            part = _load(self.path(number), name)
            parts.append(part[max(start - first, 0) : stop - first])
        return np.concatenate(parts)


def start(folder: Path, about: dict[str, Any], say: Callable[[str], Any] = print) -> Shards:
    """The shards of a new folder, or those of a folder to go on with.

    Args:
        folder: New, empty, or begun with the same `about`.
        about: What JSON can hold: `rows`, `options`, `arrays`, and all that must be the same.
        say: Told of files that are damaged or gone.

    Raises:
        FileExistsError: If there are files of something else.
        ValueError: If something else was begun there, or the manifest is damaged.
    """
    about = {"format": FORMAT, **json.loads(json.dumps(about))}
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MANIFEST).is_file():
        if visible := sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")):
            raise FileExistsError(
                f"Expected a new or an empty folder, or one with a {MANIFEST} to go on with. "
                f"Received: {folder}, with {visible[0]} in it."
            )
        shards = Shards(folder, about, {})
        shards.write_manifest()
        return shards
    shards = read_manifest(folder)
    _refuse_another(shards.about, about, folder)
    shards.collect()
    for number in range(len(shards)):
        name = shards.path(number).name
        if name in shards.done and not shards.is_whole(number):
            say(f"{folder / name} was damaged or gone: it is made again.")
            del shards.done[name]
    return shards


def read_whole(folder: Path) -> Shards:
    """The shards of a prediction that came to its end.

    Raises:
        ValueError: If it did not, or a file was changed since.
    """
    shards = read_manifest(folder)
    for number in range(len(shards)):
        if not shards.is_whole(number):
            raise ValueError(
                f"Expected a whole {shards.path(number)}. Received: one that is missing or was "
                "changed. (Run the prediction that makes it again.)"
            )
    return shards


def read_manifest(folder: Path) -> Shards:
    """The shards of a folder as its manifest says; raises ValueError if that is damaged."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text())
        wanted = content.pop(HASH)
        done = content[SHARDS]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"Expected a manifest. Received: {path}, damaged ({error}).") from error
    if wanted != digests.of_json(content):
        raise ValueError(
            f"Expected {path} as it was written. Received: one that was changed since. (Restore "
            "it, or start in a new folder.)"
        )
    return Shards(folder, {k: v for k, v in content.items() if k != SHARDS}, done)


def _refuse_another(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    changed = [
        f"{name} {now.get(name)} (there: {before.get(name)})"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise ValueError(
            f"Expected the model, the source and the options that {folder} was begun with. "
            f"Received: {'; '.join(changed)}. (Choose another folder.)"
        )


def _hash_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.{HASH}")


def _save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Equal arrays give equal bytes: zip entries of NumPy have no time."""
    if path.suffix == ".npy":
        np.save(path, next(iter(arrays.values())), allow_pickle=False)
    else:
        np.savez(path, allow_pickle=False, **arrays)


def _load(path: Path, name: str) -> np.ndarray:
    if path.suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    with np.load(path, allow_pickle=False) as file:
        return np.asarray(file[name])
