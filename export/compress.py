"""The program that compresses a folder of images with a trained model, and restores it."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
import tyro

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.training.runs import run_directory

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def compress(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")],
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")],
    step: float | None = None,
) -> int:
    """Compress the images of the folder SOURCE into the file TARGET, or restore them from a file.

    The file holds the names and the entropy-coded latent codes. Images are restored as PNG, as
    close to the originals as the model reconstructs them. The same model is needed for that. A file
    that was altered, truncated, or made by another model is refused.

    Args:
        run: A run directory of keras-vae train, or a .keras file.
        source: A folder of images of the model's size, or a file to restore.
        target: The new file, or for a file the new folder.
        step: Rounding step of real-valued codes; not for models with integer codes.

    Returns:
        0.
    """
    opened = run_directory.open_run(run)
    if target.exists():
        raise FileExistsError(f"Expected a new TARGET. Received: {target}, which exists.")
    if not source.exists():
        raise FileNotFoundError(f"Expected a folder or a file. Received: {source}.")
    cli.prepare_tensorflow()
    model = opened.model()
    print(_pack(model, source, target, step) if source.is_dir() else _unpack(model, source, target))
    return 0


def _pack(model: Any, folder: Path, target: Path, step: float | None) -> str:
    """Write the file and return a line with its size."""
    from keras_vae import compression
    from keras_vae.files.atomic import write_atomically

    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    images = _read(paths, folder, model.event_shape)
    names = [str(path.relative_to(folder).as_posix()) for path in paths]
    note = zlib.compress(json.dumps(names).encode(), 9)
    blob = compression.compress(model, images.astype("float32") / 255, step, note=note)
    write_atomically(target, lambda path: path.write_bytes(blob))
    height, width = images.shape[1:3]
    bits = 8 * len(blob) / (len(images) * height * width)
    return f"Wrote {target}: {len(images)} images, {len(blob):,} bytes, {bits:.3f} bits a pixel"


def _unpack(model: Any, file: Path, target: Path) -> str:
    """Write the folder, complete or not at all."""
    from PIL import Image

    from keras_vae import compression
    from keras_vae.files.folders import partial_folder, publish

    blob = file.read_bytes()
    names = _names(compression.read_note(blob))
    images = compression.decompress(model, blob)
    if len(names) != len(images):
        raise UsageError(f"Expected a name for each of {len(images)} images. Received: {file}.")
    with partial_folder(target.parent) as folder:
        for name, image in zip(names, images, strict=True):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.rint(255 * np.clip(image, 0, 1)).astype("uint8")
            Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)
        publish(folder, target)
    return f"Wrote {target}: {len(images)} images"


def _names(note: bytes) -> list[str]:
    """Return the names of the new files, one for each image, all inside of the folder.

    Raises:
        ValueError: If there are none, or one leads out of the folder.
    """
    try:
        names = [str(PurePosixPath(name)) for name in json.loads(zlib.decompress(note))]
    except (zlib.error, ValueError, TypeError) as error:
        raise UsageError(
            "Expected a file that export.compress wrote. Received: one without names. "
            "(keras_vae.compression.decompress reads it.)"
        ) from error
    if any(
        PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in names
    ):
        raise UsageError("Expected names of files in a folder. Received: one that leads out of it.")
    # The suffix of the original stays in the name, so that a.png and a.jpg are two files.
    return [name if name.lower().endswith(".png") else f"{name}.png" for name in names]


def _read(paths: Sequence[Path], folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read the images as uint8; raises ValueError for other sizes and for files of other kinds."""
    from PIL import Image, UnidentifiedImageError

    if not paths:
        raise UsageError(f"Expected images ({', '.join(SUFFIXES)}). Received: none in {folder}.")
    images = np.empty((len(paths), *shape), "uint8")
    for row, path in zip(images, paths, strict=True):
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("L" if shape[-1] == 1 else "RGB"))
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            raise UsageError(f"Expected an image. Received: {path} ({error})") from error
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if pixels.shape != shape:
            raise UsageError(f"Expected images of {shape}. Received: {path} of {pixels.shape}.")
        row[...] = pixels
    return images


if __name__ == "__main__":
    cli.main(compress)
