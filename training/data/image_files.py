"""One image file as pixels: the same for training, prediction, compression and served files.

Transparent pixels become white, the orientation in the file's EXIF data is applied, and the first
frame of an animation is used. Images of 16 bits per channel are refused, as no scale is right for
all.
`keras_vae.export.saved_model.png_endpoint` does the same in the graph of TensorFlow.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.resizing import resize
from keras_vae.training.data.sources.base import shape_text

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow opens no other kind of file, whatever its name: some kinds start other programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
MODES = {1: "L", 3: "RGB"}
# A file of a few kilobytes can claim any size; this many pixels take about one gigabyte.
MAX_PIXELS = 2**26
ORIENTATION = 0x0112

Result = TypeVar("Result")


def read_image(path: Path, mode: str, size: tuple[int, int] | None) -> np.ndarray:
    """Read an image as uint8 of shape (height, width, channels).

    Args:
        path: The file.
        mode: "L" for one channel, "RGB" for three.
        size: The (height, width) to resize it to, see `resize`, or None.

    Raises:
        ValueError: If it is not a whole image of a known format; the message names the file.
    """
    pixels = _with_channels(_open(path, lambda image: np.array(_flat(image).convert(mode))))
    return pixels if size is None else resize(pixels, size)


def read_for_model(
    path: Path, shape: tuple[int, ...], size: tuple[int, int] | None = None
) -> np.ndarray:
    """Read an image as a model takes it, uint8.

    Args:
        path: The file.
        shape: The (height, width, channels) that the model takes.
        size: The size to resize images of other sizes to, see `resize`; None to refuse them.

    Raises:
        ValueError: If the image has another size, or is none.
    """
    image = read_image(path, MODES[shape[2]], size)
    if image.shape != shape:
        raise UsageError(
            f"Expected images of {shape_text(shape)}, as the model takes. Received: "
            f"{shape_text(image.shape)} in {path}. (Add --stretch, or --crop-to-aspect-ratio.)"
        )
    return image


def is_grey(path: Path) -> bool:
    """Return True if an image is grey, read from its header alone."""
    return _open(path, _is_grey)


def decode_image(file: BinaryIO, path: Path) -> np.ndarray:
    """Decode an image as uint8 of shape (height, width, channels), grey or color as it is.

    Args:
        file: The open file.
        path: The name of the file, for messages.
    """

    def pixels(image: "Image") -> np.ndarray:
        return np.array(_flat(image).convert("L" if _is_grey(image) else "RGB"))

    return _with_channels(_open(path, pixels, file))


def _with_channels(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _open(
    path: Path, function: "Callable[[Image], Result]", file: BinaryIO | None = None
) -> Result:
    """Apply a function to an opened image; every error names the file."""
    from PIL import Image

    try:
        with Image.open(file or path, formats=FORMATS) as image:
            _check_size(image)
            return function(image)
    # Pillow reports damage by all of these, according to where in the file it is.
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise _unreadable(path, error) from error
    except Image.DecompressionBombError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"Expected a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image of 8 bits per "
        f"channel. Received: {path}: {error} (fetch or convert it again, or remove it)"
    )


def _check_size(image: "Image") -> None:
    """Raise ValueError for an image too large to decode, by its header."""
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f"it has {image.width} x {image.height} pixels, and more than {MAX_PIXELS:,} are not "
            "read; scale it down"
        )


def _is_grey(image: "Image") -> bool:
    """Return True if an image is grey, read from its header alone."""
    if image.mode != "P":
        return image.mode in ("1", "L", "LA")
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _flat(image: "Image") -> "Image":
    """Turn the image upright and put transparent pixels on white."""
    from PIL import Image

    # Pillow would clip these to white, or take the high bytes.
    if image.mode.startswith(("I", "F")) or _is_16_bit_png(image):
        raise ValueError("it has more than 8 bits per channel; choose a scale and convert it")
    image.load()
    image = _upright(image)
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _is_16_bit_png(image: "Image") -> bool:
    """Return whether the header says so: in color, Pillow's mode does not."""
    tiles = getattr(image, "tile", ())
    return image.format == "PNG" and any(str(tile[3]).endswith(";16B") for tile in tiles)


def _upright(image: "Image") -> "Image":
    """Apply the orientation; an image whose EXIF data are damaged is shown as it is stored."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(image.getexif().get(ORIENTATION, 1))
    # The pixels are whole, and Pillow reports damage of EXIF data by many kinds of errors.
    except Exception:
        return image
    return image if turn is None else image.transpose(turn)
