"""JSON objects that carry the SHA-256 of their own content. Imports no Keras and no TensorFlow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.files import digests

HASH = "sha256"


def add_hash(content: Mapping[str, Any], name: str = HASH) -> dict[str, Any]:
    """Return `content` with the SHA-256 of all its other entries as the last one.

    Args:
        content: What JSON can hold. Its entry `name` is replaced, if it has one.
        name: Key of the hash.
    """
    others = _without(content, name)
    return {**others, name: digests.of_json(others)}


def to_text(content: Mapping[str, Any]) -> str:
    """Return the text of a file that `read` reads."""
    return json.dumps(add_hash(content), indent=2) + "\n"


def has_valid_hash(content: Mapping[str, Any], name: str = HASH) -> bool:
    """Return whether the hash under `name` exists and is that of all other entries."""
    return content.get(name) == digests.of_json(_without(content, name))


def read(path: Path, name: str = HASH) -> dict[str, Any]:
    """Read a JSON object that was written with its hash, and return it without the hash.

    Args:
        path: A file that holds `to_text(content)`.
        name: Key of the hash.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds no JSON object, or was changed since it was written.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"Expected JSON in {path}. Received: {error}. (The file is damaged: restore a copy.)"
        ) from error
    if not isinstance(content, dict):
        raise UsageError(f"Expected an object in {path}. Received: {type(content).__name__}.")
    if not has_valid_hash(content, name):
        raise UsageError(
            f"Expected {path} as it was written. Received: one that was changed since. "
            "(Restore a copy.)"
        )
    return _without(content, name)


def _without(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}
