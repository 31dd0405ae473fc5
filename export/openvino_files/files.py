"""OpenVINO files on disk: their metadata and hashes, and what they may hold."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from keras_vae.errors import UsageError
from keras_vae.export import endpoint_files
from keras_vae.export.openvino_files.representation import SUFFIX, WEIGHTS, Representation
from keras_vae.export.sealing import NAME, NO_HASH, fill_in_hash, open_description

# Ops whose answers differ between two runs, or depend on those before.
IMPURE = ("RandomUniform", "Multinomial", "ReadValue", "Assign")
STANDARD = re.compile(r"opset\d+")
BLANK = f'<{NAME} value="" />'.encode()
WEIGHTS_HASH = "weights_sha256"


@dataclass(frozen=True)
class File:
    """The two files of an endpoint.

    Attributes:
        path: The path of the .xml file.
        content: What both hold.
        root: The parsed graph.
        about: The metadata.
    """

    path: Path
    content: Representation
    root: ElementTree.Element
    about: dict[str, Any]

    @property
    def endpoint(self) -> str:
        """The endpoint in the metadata."""
        return next(iter(self.about["endpoints"]))


def seal(content: Representation, about: Mapping[str, Any]) -> Representation:
    """Return files with metadata, and the SHA-256 of both files in them.

    Args:
        content: From `representation.convert`, with NAME as the mark.
        about: The metadata.
    """
    weights = hashlib.sha256(content.weights).hexdigest()
    text = json.dumps({**about, WEIGHTS_HASH: weights, "sha256": NO_HASH}, allow_nan=False)
    # Quotes as they are: the hash is found by those around it.
    value = quoteattr(text.replace("'", "\\u0027"))
    entry = f"<{NAME} value={value} />".encode()
    return Representation(fill_in_hash(content.xml.replace(BLANK, entry, 1)), content.weights)


def write(path: Path, content: Representation) -> None:
    """Write the two files of an endpoint; `path` is that of the .xml file."""
    path.write_bytes(content.xml)
    path.with_suffix(WEIGHTS).write_bytes(content.weights)


def read(path: Path) -> dict[str, File]:
    """Return the files of an export by endpoint.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is none that `write_openvino` wrote, was changed, or has the name of
            another endpoint; or if two are of the same one.
    """
    files = [_read_file(one) for one in endpoint_files.paths(path, SUFFIX)]
    return endpoint_files.by_endpoint(path, files)


def check(found: Mapping[str, File]) -> str | None:
    """Return the quantization of the files of an export, after a check that they run.

    Raises:
        ValueError: If a file cannot run or be repeated, or files have different quantizations.
    """
    for file in found.values():
        refuse_unrunnable(file.root)
    return endpoint_files.the_same(
        "quantization", {file.path.name: file.about["quantization"] for file in found.values()}
    )


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of an OpenVINO file that keras_vae wrote.

    Example:
        >>> model.export("vae", format="openvino", endpoints=["decode"])
        >>> about = keras_vae.export.openvino_files.files.read_metadata("vae/decode.xml")
        >>> about["endpoints"]["decode"]["inputs"]["z"]["shape"]
        [None, 16]

    Args:
        path: An .xml file that `model.export(path, format="openvino")` wrote, next to its .bin
            file.

    Returns:
        The entries that `keras_vae.export.litert.writer.read_metadata` has. Sizes that may be any
        are None.

    Raises:
        OSError: If a file cannot be read.
        TypeError: If `path` is neither text nor a path.
        ValueError: If it is no such file, or one of the two was changed after the export.
    """
    from keras_vae.validation import arguments

    return _read_file(arguments.path("path", path)).about


def refuse_unrunnable(root: ElementTree.Element) -> None:
    """Raise ValueError if a graph needs other libraries of ops, state, or random numbers."""
    layers = [(one.get("type", ""), one.get("version", "")) for one in root.iter("layer")]
    bad = {kind for kind, version in layers if kind in IMPURE or not STANDARD.fullmatch(version)}
    if bad:
        raise UsageError(
            "Expected ops of OpenVINO that give the same answer each time. Received: "
            f"{', '.join(sorted(bad))}."
        )


def _read_file(path: Path) -> File:
    xml = path.read_bytes()
    root = _parse(xml, path)
    entries = root.findall(f"rt_info/{NAME}")
    about = open_description(entries[-1].get("value") if entries else None, xml, path)
    place = path.with_suffix(WEIGHTS)
    if not place.is_file():
        raise FileNotFoundError(
            f"Expected the weights of {path} next to it. Received: no {place.name}. (Copy both "
            "files.)"
        )
    weights = place.read_bytes()
    if hashlib.sha256(weights).hexdigest() != about[WEIGHTS_HASH]:
        raise UsageError(
            f"Expected the file as it was exported. Received: {place}, which was changed since, or "
            f"belongs to another {SUFFIX} file. (Export it again.)"
        )
    return File(path, Representation(xml, weights), root, about)


def _parse(xml: bytes, path: Path) -> ElementTree.Element:
    """Return the root of a graph; raise ValueError for anything else."""
    root = None
    if b"<!" not in xml:  # Neither entities, which may grow without end, nor comments.
        try:
            root = ElementTree.fromstring(xml)
        except (ElementTree.ParseError, ValueError):
            root = None
    if root is None or root.tag != "net" or root.find("layers") is None:
        raise UsageError(
            f"Expected an .xml file of OpenVINO. Received: {path}, which is none, or damaged."
        )
    return root
