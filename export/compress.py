"""The programs that compress a folder of images with a trained model, and restore it."""

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.export import image_names
from keras_vae.files import outputs
from keras_vae.training.runs import run_directory
from keras_vae.typing import LatentModel

if TYPE_CHECKING:
    import numpy as np

ROWS_AT_ONCE = 256
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


def compress(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")],
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    step: float | None = None,
    stretch: Flag = False,
    crop_to_aspect_ratio: Flag = False,
) -> int:
    """Compress the images of FOLDER into the new file FILE.

    The file holds the names and the entropy-coded latent codes. keras-vae decompress restores the
    images, as close to the originals as the model reconstructs them. It needs the same model.

    Args:
        run: A run directory of keras-vae train, or a .keras file.
        folder: A folder of images.
        file: The new file, in a folder that exists.
        step: Rounding step of real-valued codes; not for models with integer codes.
        stretch: Stretch images to the size that the model takes, as a run with --image-size does
            without it. They are restored in that size.
        crop_to_aspect_ratio: Crop images to the aspect ratio of the model before they are
            stretched, as a run with this option does without it.

    Returns:
        0.
    """
    opened = run_directory.open_run(run)
    outputs.check_new_file(file)
    if not folder.is_dir():
        hint = f" (To restore it: {cli.next_command('decompress', run, folder, file)})"
        raise FileNotFoundError(
            f"Expected a FOLDER of images. Received: {folder}, "
            f"{'a file.' + hint if folder.exists() else 'which does not exist.'}"
        )
    from keras_vae.training.data.file_search import tell_passed_over
    from keras_vae.training.data.resizing import choose_resizing
    from keras_vae.training.data.sources.folder import find_image_files

    settings = opened.config.get("settings", {})
    resizing = choose_resizing(settings, stretch, crop_to_aspect_ratio)
    paths, passed = find_image_files(folder)
    tell_passed_over(folder, passed)
    names = image_names.check([path.as_posix() for path in paths])
    image_names.restored(names)
    image_names.write_note(names)
    cli.prepare_tensorflow()
    from keras_vae.compression import coder

    coder.import_constriction()
    model = opened.model()
    _check_model(model, step)
    images = _read(folder, names, model.event_shape, **resizing)
    print(_pack(model, images, names, file, step))
    return 0


def decompress(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")],
) -> int:
    """Restore the images of FILE, which keras-vae compress wrote, into the new folder FOLDER.

    Images are PNG files. A file that was altered, truncated, or made by another model is refused.

    Args:
        run: The run directory or the .keras file that the images were compressed with.
        file: The compressed file.
        folder: The new folder.

    Returns:
        0.
    """
    opened = run_directory.open_run(run)
    outputs.check_new(folder, "FOLDER")
    outputs.check_folder(folder)
    if not file.is_file():
        hint = f" (To compress it: {cli.next_command('compress', run, file, folder)})"
        raise FileNotFoundError(
            f"Expected a FILE of keras-vae compress. Received: {file}, "
            f"{'a folder.' + hint if file.is_dir() else 'which does not exist.'}"
        )
    cli.prepare_tensorflow()  # Before what imports TensorFlow with its log.
    from keras_vae import compression

    blob = file.read_bytes()
    names = image_names.restored(
        image_names.read_note(compression.read_note(blob), compression.read_count(blob))
    )
    print(_unpack(opened.model(), blob, names, folder))
    return 0


def _check_model(model: LatentModel, step: float | None) -> None:
    """Raise ValueError unless the model takes images, and a step if its codes are real numbers."""
    from keras_vae.training.data.image_files import MODES

    shape, real = model.event_shape, model.latent_dtype == "float32"
    if len(shape) != 3 or shape[-1] not in MODES:
        raise UsageError(
            f"Expected a model of grey or RGB images. Received: one of {shape}. "
            "(keras_vae.compression.compress takes arrays of any shape.)"
        )
    options.only_with("a model whose codes are real numbers", real, step=step)
    if real and (step is None or not 0 < step < math.inf):
        raise UsageError(
            "Expected --step above 0 for a model whose codes are real numbers. Received: "
            f"{'none' if step is None else step}. (For example --step 0.5.)"
        )


def _pack(
    model: LatentModel, images: "np.ndarray", names: Sequence[str], file: Path, step: float | None
) -> str:
    """Write the file and return a line with its size."""
    from keras_vae import compression
    from keras_vae.files.atomic import write_atomically

    note = zlib.compress(image_names.write_note(names), 9)
    blob = compression.compress(model, images.astype("float32") / 255, step, note=note)
    write_atomically(file, lambda path: path.write_bytes(blob))
    height, width = images.shape[1:3]
    bits = 8 * len(blob) / (len(images) * height * width)
    return f"Wrote {file}: {len(images)} images, {len(blob):,} bytes, {bits:.3f} bits a pixel"


def _unpack(model: LatentModel, blob: bytes, names: Sequence[str], target: Path) -> str:
    """Write the folder, complete or not at all."""
    import numpy as np
    from PIL import Image

    from keras_vae import compression
    from keras_vae.acceleration.batching import CompiledMap
    from keras_vae.files.folders import partial_folder, publish

    codes, decode = compression.read_codes(model, blob), CompiledMap(model, model.decode)
    with partial_folder(target.parent) as folder:
        for start in range(0, len(names), ROWS_AT_ONCE):
            images = decode.predict(codes[start : start + ROWS_AT_ONCE], verbose=0)
            for name, image in zip(names[start:], images, strict=False):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.rint(255 * np.clip(image, 0, 1)).astype("uint8")
                Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)
        publish(folder, target)
    return f"Wrote {target}: {len(names)} images"


def _read(
    folder: Path,
    names: Sequence[str],
    shape: tuple[int, ...],
    stretch: bool = False,
    crop_to_aspect_ratio: bool = False,
) -> "np.ndarray":
    """Read the images as uint8; raises ValueError for other sizes and for files of other kinds."""
    import numpy as np

    from keras_vae.training.data.image_files import read_for_model
    from keras_vae.training.data.resizing import size_for
    from keras_vae.training.data.sources.base import check_levels

    size = size_for(shape, stretch, crop_to_aspect_ratio)
    images = np.empty((len(names), *shape), "uint8")
    for row, name in zip(images, names, strict=True):
        row[...] = read_for_model(folder / name, shape, size)
    check_levels(images, str(folder))
    return images


if __name__ == "__main__":
    cli.main(compress)
