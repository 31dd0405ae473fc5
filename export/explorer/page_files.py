"""The files of an explorer page, and the check of a folder with such a page. Imports no Keras."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from keras_vae.errors import UsageError
from keras_vae.export.explorer import runtime

PAGE = Path(__file__).parent / "page"
WORKER = "offline.js"
# Files that belong to the model; all others are the same in each page.
OWN_FILES = ("model.json", "decoder.tflite")


def stamped_worker(contents: Mapping[str, bytes]) -> bytes:
    """Return the page's service worker, with the hash of all other files as its version."""
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        if name != WORKER:
            digest.update(hashlib.sha256(content).digest())
    return (PAGE / WORKER).read_bytes().replace(b"VERSION", digest.hexdigest()[:12].encode())


def read_page(folder: Path) -> dict[str, bytes]:
    """Return the files of a page by name, after checking that their code is that of this package.

    Raises:
        ValueError: If a file is absent, is a link, or holds other code.
    """
    code = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.name != WORKER}
    vendor = [f"vendor/{name}" for name in runtime.HASHES]
    contents = {name: _read(folder, name) for name in (*code, WORKER, *OWN_FILES, *vendor)}
    wrong = [name for name in code if contents[name] != code[name]]
    wrong += [name for name in (WORKER,) if contents[name] != stamped_worker(contents)]
    wrong += runtime.wrong_files({name: contents[f"vendor/{name}"] for name in runtime.HASHES})
    if wrong:
        raise UsageError(
            f"Expected in {folder} a page that this version of keras-vae has built. Received: "
            f"other content of {', '.join(wrong)}. (Remove the folder to build it again, or give "
            "--out.)"
        )
    return contents


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    linked = path.resolve() != folder.resolve() / name
    if linked or not path.is_file():
        raise UsageError(
            f"Expected the file {name} in {folder}. Received: {'a link' if linked else 'none'}. "
            "(Is it a page of keras-vae explorer? Remove the folder to build it again.)"
        )
    return path.read_bytes()
