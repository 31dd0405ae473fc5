""".pt2 files on disk: an archive with a program, its weights, and our metadata."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.export import endpoint_files
from keras_vae.export.sealing import NAME, NO_HASH

SUFFIX = ".pt2"
EXTRA = f"{NAME}.json"
# A number that PyTorch makes of the rest of the archive.
UNHASHED = ".data/serialization_id"


@dataclass(frozen=True)
class File:
    """The file of an endpoint.

    Attributes:
        path: Its path.
        content: Its bytes.
        about: Its metadata.
    """

    path: Path
    content: bytes
    about: dict[str, Any]

    @property
    def endpoint(self) -> str:
        """The endpoint in the metadata."""
        return next(iter(self.about["endpoints"]))


def pack(program: Any, about: Mapping[str, Any]) -> bytes:
    """Return the content of a file, with metadata and the SHA-256 of all in it."""
    blank = _archive(program, about, NO_HASH)
    return _archive(program, about, _hash(blank))


def read(path: Path) -> dict[str, File]:
    """Return the files of an export by endpoint.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is none that `write_torch` wrote, was changed, or has the name of
            another endpoint; or if two are of the same one.
    """
    files = [_read_file(one) for one in endpoint_files.paths(path, SUFFIX)]
    return endpoint_files.by_endpoint(path, files)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of a .pt2 file that keras_vae wrote.

    Example:
        >>> model.export("decoder.pt2", format="torch", endpoints=["decode"])
        >>> about = keras_vae.export.torch_files.files.read_metadata("decoder.pt2")
        >>> about["endpoints"]["decode"]["inputs"]["z"]["shape"]
        [None, 16]

    Args:
        path: A file that `model.export(path, format="torch")` wrote.

    Returns:
        The entries that `keras_vae.export.litert.writer.read_metadata` has. Sizes that may be any
        are None.

    Raises:
        OSError: If the file cannot be read.
        TypeError: If `path` is neither text nor a path.
        ValueError: If it is no such file, or was changed after the export.
    """
    from keras_vae.validation import arguments

    return _read_file(arguments.path("path", path)).about


def _read_file(path: Path) -> File:
    content = path.read_bytes()
    try:
        entries = _entries(content)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        entries = {}
    texts = [text for name, text in entries.items() if name.endswith(f"/extra/{EXTRA}")]
    if not texts:
        raise UsageError(
            f"Expected a {SUFFIX} file that keras_vae wrote. Received: {path}, without metadata "
            f"named {EXTRA}, or damaged."
        )
    try:
        about = dict(json.loads(texts[-1]))
        changed = _hash(content) != about["sha256"]
    except (ValueError, TypeError, LookupError):
        changed = True
    if changed:
        raise UsageError(
            f"Expected the file as it was exported. Received: {path}, which was changed since. "
            "(Export it again.)"
        )
    return File(path, content, about)


def _archive(program: Any, about: Mapping[str, Any], digest: str) -> bytes:
    import torch

    buffer = io.BytesIO()
    text = json.dumps({**about, "sha256": digest}, allow_nan=False)
    torch.export.save(program, buffer, extra_files={EXTRA: text})
    return buffer.getvalue()


def _entries(content: bytes) -> dict[str, bytes]:
    """Return the entries of an archive by name; ValueError if two have the same."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if len({*names}) < len(names):
            raise ValueError("two entries of one name")
        return {name: archive.read(name) for name in names}


def _hash(content: bytes) -> str:
    """Return the SHA-256 of the entries of an archive, with NO_HASH in its metadata."""
    digest = hashlib.sha256()
    for name, data in sorted(_entries(content).items()):
        if name.endswith(UNHASHED):
            continue
        if name.endswith(f"/extra/{EXTRA}"):
            data = json.dumps({**json.loads(data), "sha256": NO_HASH}).encode()
        digest.update(json.dumps([name, len(data)]).encode() + data)
    return digest.hexdigest()
