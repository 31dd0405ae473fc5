"""The SHA-256 of an exported file in its own metadata. Imports no Keras."""

import hashlib
from collections.abc import Mapping
from typing import Any

# The name of the entry in the metadata of a file.
NAME = "keras_vae"
# Placeholder for the hash while the file is hashed, of the same length.
NO_HASH = "0" * 64
# What every file with a hash has in it, even if the name of the entry was changed.
HASH_KEY = b'"sha256": "'


def fill_in_hash(blank: bytes) -> bytes:
    """Return a file with the SHA-256 of itself in its metadata, in place of NO_HASH."""
    return blank.replace(_hash_entry(NO_HASH), _hash_entry(hashlib.sha256(blank).hexdigest()), 1)


def is_unchanged(content: bytes, description: Mapping[str, Any]) -> bool:
    """Return whether the SHA-256 in the metadata of a file is that of the file."""
    blank = content.replace(_hash_entry(description["sha256"]), _hash_entry(NO_HASH), 1)
    return hashlib.sha256(blank).hexdigest() == description["sha256"]


def _hash_entry(digest: str) -> bytes:
    return HASH_KEY + digest.encode() + b'"'
