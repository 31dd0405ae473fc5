"""SHA-256 of files and of what JSON can hold. Imports no TensorFlow."""

import hashlib
import json
from pathlib import Path
from typing import Any


def of_file(path: Path) -> str:
    """SHA-256 of all bytes of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(content: Any) -> str:
    """SHA-256 of what JSON can hold, in hexadecimal, whatever the order of names and the layout."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
