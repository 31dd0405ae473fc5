"""Names of the images in a compressed file: its note, and the files that are restored."""

import json
import re
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

from keras_vae.errors import UsageError

# A note of a few kilobytes can claim any length. A path has up to 4,096 bytes, in JSON of up to 6.
MAX_NAMES_BYTES, MAX_NAME_BYTES = 1 << 26, 6 * 4096
# JSON, of which other kinds take twenty times the memory of their text.
LIST_OF_TEXTS = re.compile(rb'\[\s*+(?:"(?:[^"\\]|\\.)*+"\s*+,?+\s*+)*+\]\s*+')
# Unicode's categories of control characters, surrogates, and separators of lines and paragraphs.
UNSAFE = ("Cc", "Cs", "Zl", "Zp")
LONGEST_NAME = 255  # Bytes of the name of a file, of the usual file systems.


def write_note(names: Sequence[str]) -> bytes:
    """Return the names as JSON; raises ValueError for more of them than `read_note` reads."""
    content = json.dumps(names).encode()
    if len(content) > MAX_NAMES_BYTES:
        raise UsageError(
            f"Expected names of images of at most {MAX_NAMES_BYTES:,} bytes in all. Received: "
            f"{len(content):,}, of {len(names):,} images. (Compress several smaller folders.)"
        )
    return content


def read_note(note: bytes, count: int) -> list[str]:
    """Return the names of the original files, all inside of the folder.

    Args:
        note: From `compress`.
        count: The number of images; more names than that take no memory.

    Raises:
        ValueError: If there are none, or another number of them, or one leads out of the folder.
    """
    try:
        reader = zlib.decompressobj()
        content = reader.decompress(note, min(MAX_NAMES_BYTES, 2 + count * MAX_NAME_BYTES))
        if not reader.eof or not LIST_OF_TEXTS.fullmatch(content):
            raise ValueError("It is no list of texts.")
        names = json.loads(content)
    except (zlib.error, ValueError) as error:
        raise UsageError(
            "Expected a file that keras-vae compress wrote. Received: one without names. "
            "(keras_vae.compression.decompress reads it.)"
        ) from error
    if len(names) != count:
        raise UsageError(
            f"Expected a name for each of {count:,} images. Received: {len(names):,} names."
        )
    return check(names)


def check(names: Sequence[str]) -> list[str]:
    """Return the names, of which each can be written and read, as paths inside of a folder.

    Raises:
        ValueError: If one leads out of the folder, or is no name of a file.
    """
    paths = [PurePosixPath(name) for name in names]
    for path in paths:
        if path.is_absolute() or ".." in PureWindowsPath(path).parts:
            raise UsageError(
                f"Expected names of files in a folder. Received: {str(path)!r}, which leads out "
                "of it."
            )
        if path.name.lower() in ("", ".", ".png"):
            raise UsageError(f"Expected names of files before their suffix. Received: {path}.")
        if any(unicodedata.category(one) in UNSAFE for one in str(path)):
            said = f"Received: {str(path)!r}. (Rename it.)"
            raise UsageError(f"Expected names of files without control characters. {said}")
    return [str(path) for path in paths]


def restored(names: Sequence[str]) -> list[str]:
    """Return the name of the restored file of each image, a PNG file.

    The suffix of the original stays in the name, so that a.png and a.jpg are two files.

    Raises:
        ValueError: If two of them are one file, also where case makes no difference, or a name is
            too long.
    """
    new = [name if name.lower().endswith(".png") else f"{name}.png" for name in names]
    owners: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name, path in zip(names, map(PurePosixPath, new), strict=True):
        for parent in list(path.parents)[:-1]:
            folders.setdefault(_key(str(parent)), name)
        key = _key(str(path))
        if (size := len(path.name.encode())) > LONGEST_NAME:
            raise UsageError(
                f"Expected names whose restored files have at most {LONGEST_NAME} bytes. Received: "
                f"{size}, with .png, for {name}. (Rename it.)"
            )
        if key in owners:
            raise UsageError(_not_one_to_one(owners[key], name, str(path)))
        owners[key] = name
    for key, name in owners.items():
        if key in folders:
            raise UsageError(_not_one_to_one(name, folders[key], f"{name}.png"))
    return new


def _not_one_to_one(one: str, other: str, new: str) -> str:
    return (
        f"Expected images whose restored files have different names, in any case. Received: {one} "
        f"and {other}, both restored as {new}. (Rename one of them.)"
    )


def _key(name: str) -> str:
    """Return what is equal for names that are one file on some file system."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
