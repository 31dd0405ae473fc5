"""The files of an explorer page, and the check of a folder with such a page. Imports no Keras."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from keras_vae.errors import UsageError
from keras_vae.export.explorer import runtime
from keras_vae.files import folders
from keras_vae.presets import Preset, names, read

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


def assemble_page(own: Mapping[str, bytes], cache: Path | None = None) -> dict[str, bytes]:
    """Return the files of a new page by name.

    Args:
        own: The files of the model: `OWN_FILES`.
        cache: See `runtime.load_runtime`.

    Raises:
        RuntimeError: If the runtime of the page cannot be fetched.
    """
    code = {path.name: path.read_bytes() for path in PAGE.iterdir()}
    vendor = {f"vendor/{name}": text for name, text in runtime.load_runtime(cache).items()}
    contents = {**code, **vendor, **own}
    # The cache of browsers is named after the content, so that a new page replaces an old one.
    return contents | {WORKER: stamped_worker(contents)}


def page_of_preset(preset: Preset) -> dict[str, bytes]:
    """Return the files of the page of a preset, which it brings with it.

    Raises:
        ValueError: If it brings none.
    """
    if not has_page(preset):
        others = [name for name in names() if has_page(read(name))]
        raise UsageError(
            f"Expected a preset with a page, such as {' or '.join(others)}. Received: "
            f"{preset.name}, a {preset.config['model']['class']} without one. (Build the page of "
            "a VAE of images with --data and --out.)"
        )
    return assemble_page({name: preset.read(f"explorer/{name}") for name in OWN_FILES})


def has_page(preset: Preset) -> bool:
    """Return whether a preset brings the files of its page."""
    return {f"explorer/{name}" for name in OWN_FILES} <= preset.config["files"].keys()


def write_files(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write files by name into a new folder, which appears complete or not at all.

    Raises:
        FileExistsError: If `folder` exists.
    """
    with folders.partial_folder(folder.parent) as partial:
        page = partial / "page"
        for name, content in contents.items():
            (page / name).parent.mkdir(parents=True, exist_ok=True)
            (page / name).write_bytes(content)
        return folders.publish(page, folder)


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
