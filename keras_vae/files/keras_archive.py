"""Checks of .keras files, before Keras reads them: zip archives of JSON, HDF5 and assets.

A file may come from a stranger. What it says about itself is compared with what it holds, so that
small files take little memory. Nothing here imports Keras.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

NEEDED = {"metadata.json", "config.json", "model.weights.h5"}
WEIGHTS = "model.weights.h5"
# Keras stores without compression; a higher ratio is a bomb.
LARGEST_RATIO = 20
# Vocabularies and the like; Keras unpacks each into a file.
MOST_ASSETS = 200


def find_problem(file: IO[bytes]) -> str | None:
    """Return the first thing that is wrong with a .keras file, or None.

    Args:
        file: The open file.

    Raises:
        zipfile.BadZipFile, OSError, ...: If it is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        if problem := _problem_of_members(archive.infolist()):
            return problem
        if damaged := archive.testzip():
            return f"a damaged member, {damaged}"
        return _problem_of_weights(archive.read(WEIGHTS))


def weights_size(file: IO[bytes]) -> int:
    """Return the number of bytes that a .keras file stores for weights."""
    with zipfile.ZipFile(file) as archive:
        return archive.getinfo(WEIGHTS).file_size


def _problem_of_members(members: list[zipfile.ZipInfo]) -> str | None:
    """Return the first unexpected or missing member of an archive, or None."""
    names = [member.filename for member in members]
    unexpected = [name for name in names if name not in NEEDED and not _is_asset(name)]
    if unexpected:
        return f"the member {unexpected[0]!r}"
    if len(set(names)) != len(names):
        return "a member twice"
    if missing := sorted(NEEDED - set(names)):
        return f"no {missing[0]}"
    if len(names) > len(NEEDED) + MOST_ASSETS:
        return f"{len(names) - len(NEEDED):,} assets, more than {MOST_ASSETS}"
    for member in members:
        if member.file_size > LARGEST_RATIO * max(member.compress_size, 1024):
            return (
                f"{member.filename}, {member.compress_size} bytes that say they are "
                f"{member.file_size}"
            )
    return None


def _is_asset(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[:1] == ("assets",) and ".." not in path.parts and "\\" not in name


def _problem_of_weights(content: bytes) -> str | None:
    """Return what is wrong with an HDF5 file of weights, or None.

    HDF5 can name other files, and can say that an array is large of which it stores nothing.
    """
    import h5py

    total = 0
    with h5py.File(io.BytesIO(content), "r") as weights:
        for name, entry in _entries(weights):
            if entry is None:
                return f"the link {name!r} in its weights"
            if not isinstance(entry, h5py.Dataset):
                continue
            if entry.external or entry.is_virtual:
                return f"the array {name!r} that lies in other files"
            if entry.dtype.hasobject:
                return f"the array {name!r} of objects"
            if entry.dtype.kind == "c":  # Keras would drop the imaginary parts.
                return f"the array {name!r} of complex numbers"
            total += entry.nbytes
            if total > LARGEST_RATIO * len(content):
                return f"weights of {len(content)} bytes that say they are {total} or more"
    return None


def _entries(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield all groups and arrays at any depth, once each, and None for links to elsewhere."""
    import h5py

    seen, waiting = set(), [group]
    while waiting:
        inner = waiting.pop()
        for name in inner:
            if not isinstance(inner.get(name, getlink=True), h5py.HardLink):
                yield f"{inner.name}/{name}", None
                return
            entry = inner[name]
            if not isinstance(entry, h5py.Group | h5py.Dataset):
                yield f"{inner.name}/{name}", None
                return
            address = h5py.h5o.get_info(entry.id).addr
            if address not in seen:
                seen.add(address)
                yield entry.name, entry
                if isinstance(entry, h5py.Group):
                    waiting.append(entry)
