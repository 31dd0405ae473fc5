"""Whether a version of a model is as it was exported; imports no Keras and no TensorFlow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training import digests

FILE = "model_card.json"
OWN_HASH = "card_sha256"


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in `folder` but the card, by path."""
    return {
        path.relative_to(folder).as_posix(): digests.of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / FILE
    }


def sealed(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card with the SHA-256 of all else that it says."""
    return {**card, OWN_HASH: _own_hash(card)}


def read(folder: Path) -> dict[str, Any]:
    """The card of a SavedModel, after a check that no file was changed since it was written.

    Raises:
        ValueError: If there is no card, it is damaged, or a file was changed, added or removed.
    """
    path = folder / FILE
    if not path.is_file():
        raise ValueError(
            f"Expected a {FILE} in {folder}, as export.saved_model writes it. Received: none."
        )
    try:
        card = json.loads(path.read_text())
        wanted = dict(card["sha256"])
        whole = card[OWN_HASH] == _own_hash(card)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Expected a model card. Received: {path}, which is damaged.") from error
    found = hashes(folder)
    changed = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    if changed or not whole:
        raise ValueError(
            f"Expected {folder} as it was exported. Received: one in which "
            f"{', '.join(changed) or FILE} was changed, added or removed since. (Export it again.)"
        )
    return card


def check(folder: Path) -> bool:
    """Whether there is a card, and so a check; raises ValueError if a file was changed."""
    return bool((folder / FILE).exists() and read(folder))


def _own_hash(card: Mapping[str, Any]) -> str:
    return digests.of_json({name: value for name, value in card.items() if name != OWN_HASH})
