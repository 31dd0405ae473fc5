"""A check that a version of a model is unchanged since its export; imports no Keras."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.files import digests, hashed_json

FILE = "model_card.json"
OWN_HASH = "card_sha256"


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in `folder` except the card, by path."""
    return {
        path.relative_to(folder).as_posix(): digests.of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / FILE
    }


def add_own_hash(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card with the SHA-256 of all its other entries."""
    return hashed_json.add_hash(card, OWN_HASH)


def read(folder: Path) -> dict[str, Any]:
    """Read the card of a SavedModel, after a check that no file was changed since it was written.

    Raises:
        ValueError: If there is no card, it is damaged, or a file was changed, added or removed.
    """
    path = folder / FILE
    if not path.is_file():
        raise UsageError(
            f"Expected a {FILE} in {folder}, as keras-vae export saved-model writes it. "
            "Received: none."
        )
    try:
        card = json.loads(path.read_text())
        wanted = dict(card["sha256"])
        intact = hashed_json.has_valid_hash(card, OWN_HASH)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"Expected a model card. Received: {path}, which is damaged.") from error
    found = hashes(folder)
    changed = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    if changed or not intact:
        raise UsageError(
            f"Expected {folder} as it was exported. Received: one in which "
            f"{', '.join(changed) or FILE} was changed, added or removed since. (Export it again.)"
        )
    return card


def check(folder: Path) -> bool:
    """Return whether there is a card; raises ValueError if a file was changed since."""
    return bool((folder / FILE).exists() and read(folder))
