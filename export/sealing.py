"""The metadata of an exported file, with its SHA-256 in them. Imports no Keras."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError

# The name of the entry in the metadata of a file.
NAME = "keras_vae"
# Placeholder for the hash while the file is hashed, of the same length.
NO_HASH = "0" * 64
# What every file with a hash has in it, even if the name of the entry was changed.
HASH_KEY = b'"sha256": "'


def fill_in_hash(blank: bytes) -> bytes:
    """Return a file with the SHA-256 of itself in its metadata, in place of NO_HASH."""
    return blank.replace(_hash_entry(NO_HASH), _hash_entry(hashlib.sha256(blank).hexdigest()), 1)


def open_description(block: str | bytes | None, content: bytes, path: Path) -> dict[str, Any]:
    """Return the description in the metadata of a file that was not changed since its export.

    Args:
        block: The entry of the metadata, JSON; None if the file has none.
        content: The whole file.
        path: Its path, for the message.

    Raises:
        ValueError: If the file has no description, or was changed.
    """
    if block is None and HASH_KEY not in content:
        raise UsageError(
            f"Expected a {path.suffix} file that keras_vae wrote. Received: {path}, without "
            f"metadata named {NAME!r}."
        )
    try:
        description = dict(json.loads(block or ""))
        changed = not _is_unchanged(content, description)
    except (ValueError, TypeError, LookupError):  # The metadata are damaged.
        changed = True
    if changed:
        raise UsageError(
            f"Expected the file as it was exported. Received: {path}, which was changed since. "
            "(Export it again.)"
        )
    return description


def _is_unchanged(content: bytes, description: Mapping[str, Any]) -> bool:
    """Return whether the SHA-256 in the metadata of a file is that of the file."""
    blank = content.replace(_hash_entry(description["sha256"]), _hash_entry(NO_HASH), 1)
    return hashlib.sha256(blank).hexdigest() == description["sha256"]


def _hash_entry(digest: str) -> bytes:
    return HASH_KEY + digest.encode() + b'"'
