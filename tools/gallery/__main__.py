"""The program that draws the images of docs/gallery."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from keras_vae import cli
from keras_vae.errors import UsageError
from tools.gallery.page import MODELS, STORIES

# Of the figures of models, which have color.
COLORS = 128


def gallery(
    out: Path = Path("docs/gallery"),
    data: str = "glyphs",
    models: tuple[str, ...] = (),
    stories: tuple[str, ...] = (),
    train: int = 6000,
    epochs: int = 6,
    missing: bool = False,
) -> int:
    """Train every model for some seconds, and draw what is different about it.

    The folder is made, images in it are replaced, and README.md shows them all.

    Args:
        out: Folder of the images.
        data: A data set of images, see keras_vae.training.data.loading.
        models: Names of classes to draw; images of others are kept. All by default.
        stories: Names of uses to draw, such as "holes"; other images are kept. All by default.
        train: Number of training images.
        epochs: Number of epochs; some models take multiples of it.
        missing: Draw only missing images, as after an interruption.
    """
    if min(train, epochs) < 1:
        raise UsageError(
            f"Expected --train and --epochs of at least 1. Received: {train} and {epochs}."
        )
    _refuse_unknown("models", models, MODELS)
    _refuse_unknown("stories", stories, STORIES)
    cli.prepare_tensorflow()
    images = load_sample(data, train)
    out.mkdir(parents=True, exist_ok=True)
    everything = not (models or stories)

    def wanted(names: Iterable[str]) -> list[str]:
        return [name for name in names if not (missing and (out / f"{name}.png").is_file())]

    if told := wanted(STORIES if everything else stories):
        _stories(told, images, epochs, out)
    _models(wanted(MODELS if everything else models), images, epochs, out)
    _page(images, epochs, out)
    return 0


def _refuse_unknown(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(
                f"Expected {what} among {', '.join(known)}. Received: {name}."
                f"{cli.did_you_mean(name, known)}"
            )


def load_sample(name: str, count: int) -> Any:
    """Return a data set of images with `count` of its training images."""
    from dataclasses import replace

    from keras_vae.export.calibration import take_evenly
    from keras_vae.training.data.loading import load

    data = load(name)
    if data.kind != "images":
        raise UsageError(f"Expected a data set of images. Received: {name}, which has series.")
    labels = None if data.train_labels is None else take_evenly(data.train_labels, count)
    return replace(data, train=take_evenly(data.train, count), train_labels=labels)


def _stories(names: Sequence[str], data: Any, epochs: int, out: Path) -> None:
    from keras_vae import plots
    from keras_vae.export.verification.measurement import progress
    from tools.gallery import png, stories

    film = stories.Film()
    with progress(f"VAE with a {stories.LATENT}-dimensional code"):
        vae = stories.train(stories.conv_vae(data, stories.LATENT), data, 2 * epochs, [film])
    film.save(out / "training.gif")
    figures = stories.figures_of(vae, data)
    if "holes" in names:
        with progress("Autoencoder with the same networks"):
            model = stories.conv_autoencoder(data, stories.LATENT)
            plain = stories.train(model, data, 2 * epochs)
        figures["holes"] = lambda: stories.holes(vae, plain, data)
    if "manifold" in names:
        with progress("VAE with a 2-dimensional code"):
            flat = stories.train(stories.conv_vae(data, 2), data, 2 * epochs)
        figures["manifold"] = lambda: plots.manifold(flat, 16)
    for name in names:
        png.save(png.to_image(figures[name]()), out / f"{name}.png")


def _models(names: Sequence[str], data: Any, epochs: int, out: Path) -> None:
    from keras_vae.export.verification.measurement import progress
    from tools.gallery import png
    from tools.gallery.models import FIGURES
    from tools.gallery.studio import Studio

    studio = Studio(data, epochs)
    for number, name in enumerate(names, 1):
        with progress(f"{number}/{len(names)} {name}"):
            figure = png.to_image(FIGURES[name](studio))
            png.save(figure, out / f"{name}.png", COLORS)


def _page(data: Any, epochs: int, out: Path) -> None:
    from keras_vae.files.atomic import write_atomically
    from tools.gallery.page import page

    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "data": data.name,
        "images": len(data.train),
        "epochs": epochs,
    }
    text = page([name for name in MODELS if (out / f"{name}.png").is_file()], facts)
    print(f"Saved {write_atomically(out / 'README.md', lambda path: path.write_text(text))}")


if __name__ == "__main__":
    cli.main(gallery, program="python -m tools.gallery")
