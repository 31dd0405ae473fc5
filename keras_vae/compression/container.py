"""The file format around compressed codes: its version, model and checksum."""

import dataclasses
import hashlib
import json
import struct
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import LatentModel

MAGIC = b"KVAE"
VERSION = 1
DIGEST = 8
# Magic, version, model, external tables, number of examples; lengths of note, tables and payload.
HEAD = struct.Struct("<4sB8s8sIIII")
INLINE = bytes(DIGEST)


@dataclasses.dataclass(frozen=True)
class Container:
    """The parts of a file.

    Attributes:
        model: `digest` of the model that made the codes.
        needed: The digest of the tables that are not in the file, or zeros.
        count: Examples.
        note: Bytes of the user's own.
        tables: `Tables.to_bytes`, or nothing.
        payload: The coded integers.
    """

    model: bytes
    needed: bytes
    count: int
    note: bytes
    tables: bytes
    payload: bytes

    def to_bytes(self) -> bytes:
        """Return the content of the file, with a checksum at its end."""
        parts = (self.note, self.tables, self.payload)
        head = HEAD.pack(MAGIC, VERSION, self.model, self.needed, self.count, *map(len, parts))
        return _seal(head + b"".join(parts))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Container":
        """Read the parts of a file.

        Raises:
            ValueError: If it is another kind of file, of another version, truncated or altered.
            TypeError: If it is no bytes, such as the path of a file.
        """
        content = as_bytes(content)
        if len(content) < HEAD.size + DIGEST or content[:4] != MAGIC:
            raise UsageError(
                "Expected a file that keras_vae.compression wrote. Received: "
                f"{len(content)} bytes that begin with {content[:4]!r}."
            )
        if content[4] != VERSION:
            raise UsageError(
                f"Expected a file of version {VERSION}. Received: version {content[4]}. "
                "(Read it with the release of keras_vae that wrote it.)"
            )
        if _seal(content[:-DIGEST]) != content:
            raise UsageError(
                "Expected a file as it was written. Received: one that was truncated or altered "
                "since, by its checksum. (Copy it again.)"
            )
        *head, count, note, tables, payload = HEAD.unpack_from(content)
        if HEAD.size + note + tables + payload + DIGEST != len(content):
            raise UsageError("Expected a whole file. Received: one whose parts do not fit.")
        parts = [HEAD.size, note, tables, payload]
        ends = np.cumsum(parts).tolist()
        cut = (content[a:b] for a, b in zip(ends, ends[1:], strict=False))
        return cls(head[2], head[3], count, *cut)


def read_note(blob: bytes) -> bytes:
    """Return the bytes that `compress` was given as `note`.

    Errors are those of `decompress`.

    Example:
        >>> blob = keras_vae.compression.compress(model, images, step=0.5, note=b"scan 7")
        >>> keras_vae.compression.read_note(blob)
        b'scan 7'
    """
    return Container.from_bytes(blob).note


def digest(model: LatentModel) -> bytes:
    """Return eight bytes that identify the configuration and the weights of a model."""
    found = hashlib.blake2b(digest_size=DIGEST)
    config = {name: value for name, value in model.get_config().items() if name != "frozen"}
    found.update(type(model).__name__.encode())
    found.update(json.dumps(config, default=dict, sort_keys=True).encode())
    for weight in model.weights:
        values = keras.ops.convert_to_numpy(weight)
        found.update(f"{values.dtype}{values.shape}".encode() + values.tobytes())
    return found.digest()


def as_bytes(content: Any) -> bytes:
    """Return bytes; raise TypeError for other objects, such as the path of a file."""
    try:
        return bytes(memoryview(content))
    except TypeError as error:
        raise UsageTypeError(
            f"Expected the bytes of a file. Received: {content!r}. (Of a path: "
            "pathlib.Path(path).read_bytes().)"
        ) from error


def _seal(content: bytes) -> bytes:
    return content + hashlib.blake2b(content, digest_size=DIGEST).digest()
