"""The parts of a data set, training and test, told by the names of folders and files.

`train`, `Testing`, `val2017`, `seg_train`: the usual words are known in any case and depth. Files
that were held out are never mixed into the training data: what is unclear is refused.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_vae.errors import UsageError

TRAIN, TEST, VALIDATION = "train", "test", "validation"
# The words that the library datasets knows, too.
WORDS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), TEST),
    **dict.fromkeys(("validation", "valid", "val", "dev"), VALIDATION),
}
WORD = re.compile(r"[^\W\d_]+")
CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[^A-Z]+")


@dataclass(frozen=True)
class Parts:
    """The files of the two parts.

    Attributes:
        train: Paths of the training files.
        test: Paths of the test files; of the validation files if there are no test files.
        labeled: For each path, the part of it below the folder of its part, which has the label.
        passed: The number of files in neither part, such as validation files next to test files.
    """

    train: list[Path]
    test: list[Path]
    labeled: dict[Path, Path]
    passed: "Counter[str]"


def part_of(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the part that a name speaks of, or None, and the other words of the name."""
    words = [part.lower() for word in WORD.findall(name) for part in CAMEL.findall(word)]
    parts = {WORDS[word] for word in words if word in WORDS}
    others = tuple(word for word in words if word not in WORDS)
    if TRAIN in parts and TEST not in parts:
        return TRAIN, others  # Also of train_val, the union of two parts.
    return (parts.pop() if len(parts) == 1 else None), others


def parts_of_images(folder: Path, paths: Sequence[Path]) -> Parts | None:
    """Return the parts of images that lie in folders for training and testing.

    Args:
        folder: The folder of all, for messages.
        paths: Relative paths.

    Returns:
        None if no folder speaks of a part.

    Raises:
        FileNotFoundError: If there are only training or only test images.
        ValueError: If such folders are in several places.
    """
    is_part = _part_folders(paths)
    places = {path: _place(path, is_part) for path in paths}
    outside = [path for path, place in places.items() if place is None]
    inside = {path: place for path, place in places.items() if place is not None}
    if not inside:
        return _by_names(paths)
    if len({path.parts[:depth] for path, (_, depth) in inside.items()}) > 1:
        one, other = sorted({Path(*p.parts[: depth + 1]) for p, (_, depth) in inside.items()})[:2]
        raise UsageError(
            f"Expected the folders for training and testing next to each other in {folder}. "
            f"Received: {one} and {other}. (Sort them as train/LABEL and test/LABEL.)"
        )
    names = {path: part for path, (part, _) in inside.items()}
    if TRAIN not in names.values() or set(names.values()) == {TRAIN}:
        raise FileNotFoundError(_lacks_a_part(folder, inside))
    labeled = {path: Path(*path.parts[depth + 1 :]) for path, (_, depth) in inside.items()}
    found = _choose(names, labeled)
    if outside:
        found.passed["images outside of the folders for training and testing"] += len(outside)
    return found


def parts_of_tables(paths: Sequence[Path]) -> Parts | None:
    """Return the parts of files of many rows each, by the names of folders and files.

    Args:
        paths: Relative paths. One whose name speaks of no part is for training.

    Returns:
        None unless there are files for training and others.
    """
    names = {path: _part_of_path(path) or TRAIN for path in paths}
    if TRAIN not in names.values() or set(names.values()) == {TRAIN}:
        return None
    return _choose(names, {path: path for path in paths})


def _choose(names: dict[Path, str], labeled: dict[Path, Path]) -> Parts:
    """Make validation files the test files if there are no others."""
    tested = TEST if TEST in names.values() else VALIDATION
    chosen = {part: [p for p, name in names.items() if name == part] for part in (TRAIN, tested)}
    left = [path for path, name in names.items() if name not in chosen]
    passed = Counter({"files for validation, next to those for testing": len(left)} if left else {})
    return Parts(chosen[TRAIN], chosen[tested], labeled, passed)


def _part_folders(paths: Sequence[Path]) -> Callable[[tuple[str, ...]], bool]:
    """Return a function that says whether a folder, given by its parts, is for a part.

    A name such as `train` always is. One with other words, such as `seg_train`, is only if there
    is a `seg_test`: a class may be called `bullet_train`.
    """
    folders = {path.parts[:depth] for path in paths for depth in range(1, len(path.parts))}
    groups: dict[tuple, set[str]] = {}
    for parts in folders:
        part, others = part_of(parts[-1])
        if part is not None:
            groups.setdefault((parts[:-1], others), set()).add(part)

    def is_part(parts: tuple[str, ...]) -> bool:
        part, others = part_of(parts[-1])
        if part is None:
            return False
        group = groups[parts[:-1], others]
        return not others or (TRAIN in group and len(group) > 1)

    return is_part


def _place(path: Path, is_part: Callable[[tuple[str, ...]], bool]) -> tuple[str, int] | None:
    """Return the part of a path and the depth of the folder that says so; None if none does."""
    for depth in range(len(path.parts) - 1):
        if is_part(path.parts[: depth + 1]):
            part = part_of(path.parts[depth])[0]
            assert part is not None
            return part, depth
    return None


def _part_of_path(path: Path) -> str | None:
    """Return the part that the name nearest to the file speaks of, or None."""
    found = [part for name in path.parts if (part := part_of(name)[0])]
    return found[-1] if found else None


def _by_names(paths: Sequence[Path]) -> Parts | None:
    """Return the parts of images by their own names, if each name speaks of one."""
    names = {path: part_of(path.stem)[0] for path in paths}
    known = {path: part for path, part in names.items() if part is not None}
    if len(known) < len(names) or TRAIN not in known.values() or len(set(known.values())) < 2:
        return None
    return _choose(known, {path: path for path in paths})


def _lacks_a_part(folder: Path, inside: dict[Path, tuple[str, int]]) -> str:
    path, (part, depth) = next(iter(inside.items()))
    where = folder / Path(*path.parts[:depth])
    other = where / (TEST if part == TRAIN else TRAIN)
    return (
        f"Expected images in both {folder / Path(*path.parts[: depth + 1])} and {other}, or in "
        f"neither. Received: only {part} images in {where}. (Give one of its folders, add the "
        "other part, or rename a folder that is no part.)"
    )
