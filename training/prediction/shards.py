"""Shards: a folder of numbered files, with a manifest that describes them and lists whole ones.

One process fills the folder in order, or several processes do, also one after another.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.files import digests, hashed_json
from keras_vae.files.atomic import write_atomically
from keras_vae.files.temporary import remove_abandoned

MANIFEST = "manifest.json"
FORMAT = 1
FORMATS = ("npz", "npy")
SHARDS = "shards"


@dataclass
class Shards:
    """The files of one prediction.

    Attributes:
        folder: The folder of the files.
        about: The rest of the manifest: model, source, number of rows, options and arrays.
        done: SHA-256 of each file that is whole, by name.
    """

    folder: Path
    about: dict[str, Any]
    done: dict[str, str]

    @property
    def count(self) -> int:
        """The number of rows in all files."""
        return int(self.about["rows"])

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays in each file."""
        return tuple(self.about["arrays"])

    @property
    def digest(self) -> str:
        """The SHA-256 of the content of all files."""
        return digests.of_json({**self.about, SHARDS: self.done})

    @property
    def batch_size(self) -> int:
        """The number of rows in a batch."""
        return int(self.about["options"]["batch_size"])

    def __len__(self) -> int:
        return -(-self.count // int(self.about["options"]["rows_per_shard"]))

    def path(self, number: int) -> Path:
        """Return the path of shard `number`, counted from 0."""
        suffix = self.about["options"]["format"]
        return self.folder / f"part-{number:05}-of-{len(self):05}.{suffix}"

    def rows(self, number: int) -> range:
        """Return the range of rows in shard `number`."""
        size = int(self.about["options"]["rows_per_shard"])
        return range(number * size, min((number + 1) * size, self.count))

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a shard atomically, then the manifest with its hash."""
        path = write_atomically(self.path(number), lambda new: _save(new, arrays))
        self.done[path.name] = digests.of_file(path)
        self.write_manifest()

    def write_apart(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a shard, and its hash in a file next to it, as one of several processes.

        The processes may run on several machines. Each writes to a temporary file with a name of
        its own. If two write the same shard, the second replaces it with the same bytes.
        """
        path = write_atomically(self.path(number), lambda new: _save(new, arrays), machines=True)
        digest = digests.of_file(path)
        write_atomically(_path_of_hash(path), lambda new: new.write_text(digest), machines=True)

    def collect(self) -> None:
        """Add the shards that `write_apart` has written to the manifest."""
        paths = [self.path(number) for number in range(len(self))]
        found = [path for path in paths if _path_of_hash(path).is_file()]
        self.done |= {path.name: _path_of_hash(path).read_text() for path in found}
        self.write_manifest()
        for path in found:
            _path_of_hash(path).unlink()

    @property
    def missing(self) -> list[int]:
        """The numbers of the shards that are still to be written."""
        return [number for number in range(len(self)) if self.path(number).name not in self.done]

    def write_manifest(self) -> None:
        """Write the manifest."""
        content = {**self.about, SHARDS: dict(sorted(self.done.items()))}
        text = json.dumps(hashed_json.add_hash(content), indent=1) + "\n"
        write_atomically(self.folder / MANIFEST, lambda new: new.write_text(text))

    def is_whole(self, number: int) -> bool:
        """Return whether a shard exists and is as it was written."""
        path = self.path(number)
        wanted = self.done.get(path.name)
        return wanted is not None and path.is_file() and digests.of_file(path) == wanted

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Read the rows `start` to `stop` of the array `name`, across shards."""
        size = int(self.about["options"]["rows_per_shard"])
        parts = []
        for number in range(start // size, -(-stop // size)):
            first = number * size
            part = _load(self.path(number), name)
            self._check_part(number, name, part)
            parts.append(part[max(start - first, 0) : stop - first])
        return np.concatenate(parts)

    def _check_part(self, number: int, name: str, part: np.ndarray) -> None:
        """Raise ValueError unless an array is as the manifest says: hashes have no key."""
        kind, shape = self.about["arrays"][name]
        if part.shape != (len(self.rows(number)), *shape) or kind not in ("str", str(part.dtype)):
            raise UsageError(
                f"Expected {kind} of shape {(len(self.rows(number)), *shape)} as {name} in "
                f"{self.path(number)}, as {MANIFEST} says. Received: {part.dtype} of shape "
                f"{part.shape}. (Run the prediction that makes it again.)"
            )


def start(folder: Path, about: dict[str, Any], log: Callable[[str], Any] = print) -> Shards:
    """Start the shards of a new folder, or continue those of an unfinished one.

    Args:
        folder: A folder that is new, empty, or was started with the same `about`.
        about: The description of the shards, as JSON can hold it: `rows`, `options`, `arrays`, and
            all else that must be equal to continue.
        log: Called with a sentence about each file that is damaged or missing.

    Raises:
        FileExistsError: If there are files that belong to no shards.
        ValueError: If the folder was started with another `about`, or the manifest is damaged.
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
    _check_same(shards.about, about, folder)
    remove_abandoned(folder)
    shards.collect()
    for number in range(len(shards)):
        name = shards.path(number).name
        if name in shards.done and not shards.is_whole(number):
            log(f"{folder / name} was damaged or gone: it is made again.")
            del shards.done[name]
    return shards


def read_whole(folder: Path) -> Shards:
    """Return the shards of a finished prediction, after a check of all files.

    Raises:
        ValueError: If it is not finished, or a file was changed since.
    """
    shards = read_manifest(folder)
    for number in range(len(shards)):
        if not shards.is_whole(number):
            raise UsageError(
                f"Expected a whole {shards.path(number)}. Received: one that is missing or was "
                "changed. (Run the prediction that makes it again.)"
            )
    return shards


def read_manifest(folder: Path) -> Shards:
    """Return the shards that the manifest of a folder lists, without a check of their files.

    Raises:
        OSError: If there is no manifest.
        ValueError: If the manifest is damaged.
    """
    content = hashed_json.read(folder / MANIFEST)
    if (problem := _find_problem(content)) is not None:
        raise UsageError(
            f"Expected {folder / MANIFEST} of keras-vae predict. Received: one with {problem}."
        )
    return Shards(folder, {k: v for k, v in content.items() if k != SHARDS}, content[SHARDS])


def _find_problem(content: dict[str, Any]) -> str | None:
    """Return the first entry of a manifest that `predict` cannot have written, or None."""
    options = content.get("options")
    if not isinstance(options, dict):
        return f"options {options!r}"
    numbers = {"rows": content.get("rows"), **options}
    for name, least in (("rows", 1), ("rows_per_shard", 1), ("batch_size", 1)):
        if type(numbers.get(name)) is not int or numbers[name] < least:
            return f"{name} {numbers.get(name)!r}"
    if options.get("format") not in FORMATS:  # It is a part of names of files.
        return f"format {options.get('format')!r}"
    arrays = content.get("arrays")
    if not isinstance(arrays, dict) or not arrays or not all(map(_is_array, arrays.values())):
        return f"arrays {arrays!r}"
    done = content.get(SHARDS)
    if not isinstance(done, dict) or not all(isinstance(one, str) for one in done.values()):
        return f"{SHARDS} {done!r}"
    return None


def _is_array(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], list)
        and all(type(size) is int for size in entry[1])
    )


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    changed = [
        f"{name} {now.get(name)} (there: {before.get(name)})"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise UsageError(
            f"Expected the model, the source and the options that {folder} was begun with. "
            f"Received: {'; '.join(changed)}. (Choose another folder.)"
        )


def _path_of_hash(path: Path) -> Path:
    return path.with_name(f".{path.name}.{hashed_json.HASH}")


def _save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays; equal arrays give equal bytes, as zip entries of NumPy have no time."""
    if path.suffix == ".npy":
        np.save(path, next(iter(arrays.values())), allow_pickle=False)
    else:
        np.savez(path, allow_pickle=False, **arrays)


def _load(path: Path, name: str) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name])
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(
            f"Expected the array {name} in {path}. Received: {error}. (Run the prediction that "
            "makes it again.)"
        ) from error
