"""Letters A to J from the fonts of this machine, as in notMNIST (Bulatov 2011).

Fonts differ from machine to machine, and so do the images. Matplotlib comes with some twenty
fonts, so there are always images.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.training.data.sources.base import Data

LETTERS = "ABCDEFGHIJ"
SIZE = 28
# Letters are drawn larger by this factor and then averaged, for smooth edges.
SCALE = 4
MARGIN = 2
# The approximate number of images; each font has as many variants as this needs.
IMAGES = 20_000
TEST_FONT_EVERY = 5
SEED = 0
# Shear, width against height, and rotation in radians of variants; the first has none.
SHEAR, STRETCH, ROTATION = 0.2, 0.15, 0.12


def read_glyphs(variants: int | None = None) -> Data:
    """Read images of 28x28x1, white letters on black, with the letters as labels.

    Each font has the ten letters upright and in `variants` - 1 slightly slanted, stretched and
    rotated forms, the same at each call. Every fifth font, in the order of names, is for testing,
    so a test image has a font that is not in the training images.

    Args:
        variants: Images of each letter of a font; by default as many as make about 20,000 in all.

    Raises:
        FileNotFoundError: If there are too few fonts.
    """
    drawn = {name: glyphs for name, path in sorted(_fonts()) if (glyphs := _letters(path))}
    if len(drawn) < TEST_FONT_EVERY:
        raise FileNotFoundError(
            f"Expected at least {TEST_FONT_EVERY} TrueType fonts with the letters A to J. "
            f"Received: {len(drawn)} (install some, for example Debian's package fonts-dejavu)"
        )
    count = variants or max(1, round(IMAGES / len(drawn) / len(LETTERS)))
    random = np.random.RandomState(SEED)
    train: list[np.ndarray] = []
    test: list[np.ndarray] = []
    for index, glyphs in enumerate(drawn.values()):
        images = [_vary(glyph, random, i) for i in range(count) for glyph in glyphs]
        (train if index % TEST_FONT_EVERY else test).extend(images)
    labels = [np.tile(np.arange(len(LETTERS)), len(p) // len(LETTERS)) for p in (train, test)]
    arrays = [np.stack(part)[..., None] for part in (train, test)]
    return Data("glyphs", arrays[0], arrays[1], labels[0], labels[1], tuple(LETTERS))


def _fonts() -> Iterator[tuple[str, Path]]:
    """Yield the name and file of each font, one file for each font."""
    from matplotlib import font_manager, get_data_path
    from PIL import ImageFont

    own = Path(get_data_path(), "fonts", "ttf").glob("*.ttf")
    found = [*map(Path, font_manager.findSystemFonts(fontext="ttf")), *own]
    seen = set()
    for path in sorted(found):
        if path.suffix.lower() not in (".ttf", ".otf"):
            continue
        try:
            name = " ".join(filter(None, ImageFont.truetype(path, 10).getname()))
        except (OSError, ValueError):
            continue
        if name not in seen:
            seen.add(name)
            yield name, path


def _letters(path: Path) -> list[Any]:
    """Return the ten letters of a font, filling the image; none if the font lacks them."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            known = font.getBestCmap() or {}
    except (TTLibError, OSError, KeyError):
        return []
    if not all(ord(letter) in known for letter in LETTERS):
        return []
    drawn = [_draw_letter(path, letter) for letter in LETTERS]
    # Fonts that show one box for every letter.
    different = {image.tobytes() for image in drawn if image is not None}
    return drawn if len(different) == len(LETTERS) else []


def _draw_letter(path: Path, letter: str) -> Any:
    from PIL import Image, ImageDraw, ImageFont

    room = SCALE * (SIZE - 2 * MARGIN)
    font = ImageFont.truetype(path, room)
    page = Image.new("L", (4 * room, 4 * room))
    ImageDraw.Draw(page).text((room, room), letter, fill=255, font=font)
    ink = page.getbbox()
    if ink is None:
        return None
    tight = page.crop(ink)
    width, height = (max(1, round(side * room / max(tight.size))) for side in tight.size)
    image = Image.new("L", (SCALE * SIZE, SCALE * SIZE))
    place = (SCALE * SIZE - width) // 2, (SCALE * SIZE - height) // 2
    image.paste(tight.resize((width, height)), place)
    return image


def _vary(image: Any, random: np.random.RandomState, variant: int) -> np.ndarray:
    """Return one variant of a letter, uint8 `(28, 28)`."""
    from PIL import Image

    if variant:
        shear, stretch, angle = random.uniform(-1, 1, 3) * (SHEAR, STRETCH, ROTATION)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.array([[1 + stretch, shear], [0.0, 1.0]])
        center = np.full(2, SCALE * SIZE / 2)
        offset = center - matrix @ center
        terms = (*matrix[0], offset[0], *matrix[1], offset[1])
        image = image.transform(
            image.size, Image.Transform.AFFINE, terms, Image.Resampling.BILINEAR
        )
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))
