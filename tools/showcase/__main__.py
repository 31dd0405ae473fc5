"""The program that draws the pictures in docs/images from models that it trains."""

from pathlib import Path
from typing import Any

from keras_vae import cli
from keras_vae.errors import UsageError

NAMES = (
    *("hero", "denoising", "inpainting", "anomalies", "betas", "color", "likelihoods", "rates"),
    "flow",
)
COLORS = 256


def showcase(
    out: Path = Path("docs/images"),
    data: str = "fashion_mnist",
    pictures: tuple[str, ...] = NAMES,
    train: int = 10_000,
    epochs: int = 10,
) -> int:
    """Train some models, and draw what they do to test images.

    The picture `hero` shows the explorer, for which Chromium, its driver and npm are needed. The
    picture `color` is of a photo that comes with scikit-learn.

    Args:
        out: Folder of the images; those with the same names are replaced.
        data: A data set of images, see keras_vae.training.data.loading.
        pictures: Names of the pictures to draw.
        train: Number of training images.
        epochs: Number of epochs; twice as many for `hero` and `color`.
    """
    unknown = [name for name in pictures if name not in NAMES]
    if unknown:
        raise UsageError(
            f"Expected pictures among {', '.join(NAMES)}. Received: {unknown[0]}."
            f"{cli.did_you_mean(unknown[0], NAMES)}"
        )
    cli.prepare_tensorflow()
    from keras_vae.export.verification.measurement import progress
    from tools.gallery.__main__ import load_sample

    images = load_sample(data, train)
    out.mkdir(parents=True, exist_ok=True)
    for name in pictures:
        with progress(name):
            _draw(name, images, epochs, out / f"{name}.png")
    return 0


def _draw(name: str, data: Any, epochs: int, path: Path) -> None:
    from tools.gallery import png
    from tools.showcase import comparisons, diagrams, figures, hero

    if name == "hero":
        png.save(hero.hero(data, epochs), path, COLORS)
    elif name == "flow":
        png.save(png.to_image(diagrams.flow()), path, COLORS)
    else:
        module = comparisons if hasattr(comparisons, name) else figures
        png.save(png.to_image(getattr(module, name)(data, epochs)), path, COLORS)


if __name__ == "__main__":
    cli.main(showcase, program="python -m tools.showcase")
