"""SHA-256 of files and of JSON content. Imports no TensorFlow."""

import hashlib
import json
from pathlib import Path
from typing import Any


def of_file(path: Path) -> str:
    """Return the SHA-256 of all bytes of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(content: Any) -> str:
    """Return the SHA-256 of JSON content, in hexadecimal; the order of names has no effect."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
