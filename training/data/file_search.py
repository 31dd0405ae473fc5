"""The files below a folder that a source reads: one rule for all sources.

Links to files and folders are followed. Hidden files and folders, and those of file managers and
archives, are passed over. One line on stderr counts what was passed over, by suffix.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# Folders of thumbnails, deleted files and archive data, which hold copies of a user's files.
SYSTEM_FOLDERS = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found")
SHOWN_KINDS = 6


def find_files(
    folder: Path, is_wanted: Callable[[Path], bool]
) -> tuple[list[Path], "Counter[str]"]:
    """Find the wanted files below a folder.

    Args:
        folder: The folder to search, with all its sub-folders.
        is_wanted: Called with the relative path of each file that is not passed over.

    Returns:
        The relative paths of the files, in the order of their names, and the number of other
        entries by kind, such as `.txt` or `hidden`.

    Raises:
        OSError: If a folder cannot be read.
    """
    found: list[Path] = []
    passed: Counter[str] = Counter()
    for path, kind in _walk(folder, Path(), (_identity(folder),)):
        if kind is None and is_wanted(path):
            found.append(path)
        else:
            passed[kind or path.suffix.lower() or "files without a suffix"] += 1
    return sorted(found, key=Path.as_posix), passed


def tell_passed_over(folder: Path, passed: "Counter[str]") -> None:
    """Write one line to stderr about the files that were passed over, if there are any."""
    if not passed:
        return
    kinds = [f"{count:,} {kind}" for kind, count in passed.most_common()]
    if len(kinds) > SHOWN_KINDS:
        rest = sum(count for _, count in passed.most_common()[SHOWN_KINDS - 1 :])
        kinds = [*kinds[: SHOWN_KINDS - 1], f"{rest:,} of other kinds"]
    print(f"Passed over in {folder}: {', '.join(kinds)}.", file=sys.stderr)


def tell_unread(path: Path, kind: str, names: Iterable[str]) -> None:
    """Write one line to stderr about the parts of a file that are not read, if there are any.

    Args:
        path: The file.
        kind: The kind of the parts, such as columns.
        names: The names of the parts.
    """
    if text := ", ".join(sorted(names)):
        print(f"Passed over in {path}: the {kind} {text}.", file=sys.stderr)


def _walk(
    folder: Path, relative: Path, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[Path, str | None]]:
    """Yield each file, or entry that is passed over, with its kind; None for a plain file."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = relative / entry.name
            if entry.name.startswith("."):
                yield path, "hidden"
            elif entry.is_dir():
                identity = _identity(Path(entry.path))
                if entry.name.lower() in SYSTEM_FOLDERS:
                    yield path, f"folders {entry.name}"
                elif identity in above:
                    yield path, "links to a folder above"
                else:
                    yield from _walk(Path(entry.path), path, (*above, identity))
            elif entry.is_file():
                yield path, None
            else:
                yield path, "broken links" if entry.is_symlink() else "special files"


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
