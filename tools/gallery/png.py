"""PNG files with a palette: a third of the size, with no visible difference."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

COLORS = 32


def to_image(figure: Any) -> Image.Image:
    """Return a matplotlib figure as an RGB image."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def save(image: Image.Image, path: Path, colors: int = COLORS) -> None:
    """Write an image with at most `colors` colors."""
    image.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)
