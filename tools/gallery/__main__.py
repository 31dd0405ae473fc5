"""The program that draws the images of docs/gallery."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_vae import cli
from keras_vae.errors import UsageError

# The last figure that is drawn before those of single models.
LAST_STORY = "manifold.png"


def gallery(
    out: Path = Path("docs/gallery"),
    data: str = "glyphs",
    models: tuple[str, ...] = (),
    train: int = 6000,
    epochs: int = 6,
    missing: bool = False,
) -> int:
    """Train every model for some seconds, and draw inputs, codes, outputs, and interpolations.

    The folder is made, images in it are replaced, and README.md shows them all.

    Args:
        out: Folder of the images.
        data: A data set of images, see keras_vae.training.data.loading.
        models: Names of classes to draw; images of others are kept. All by default.
        train: Number of training images.
        epochs: Number of epochs.
        missing: Draw only missing images, as after an interruption.
    """
    if min(train, epochs) < 1:
        raise UsageError(
            f"Expected --train and --epochs of at least 1. Received: {train} and {epochs}."
        )
    cli.prepare_tensorflow()
    from tools.catalogue.models import entries, special_entry

    # With the map of the classic tutorials, 7x7x128 of images of 28x28.
    listed = {**entries(), "ConvAutoencoder": special_entry("ConvAutoencoder")}
    unknown = [name for name in models if name not in listed]
    if unknown:
        raise UsageError(
            f"Expected models among {', '.join(listed)}. Received: {unknown[0]}."
            f"{cli.did_you_mean(unknown[0], listed)}"
        )
    images = _load_sample(data, train)
    out.mkdir(parents=True, exist_ok=True)
    if not models and not (missing and (out / LAST_STORY).is_file()):
        _stories(images, epochs, out)
    chosen = {
        name: listed[name]
        for name in models or listed
        if not (missing and (out / f"{name}.png").is_file())
    }
    _models(chosen, images, epochs, out)
    _page(listed, images, epochs, out)
    return 0


def _load_sample(name: str, count: int) -> Any:
    from dataclasses import replace

    from keras_vae.export.litert.calibration import take_evenly
    from keras_vae.training.data.loading import load

    data = load(name)
    if data.kind != "images":
        raise UsageError(f"Expected a data set of images. Received: {name}, which has series.")
    labels = None if data.train_labels is None else take_evenly(data.train_labels, count)
    return replace(data, train=take_evenly(data.train, count), train_labels=labels)


def _stories(data: Any, epochs: int, out: Path) -> None:
    from keras_vae import plots
    from keras_vae.export.verification.measurement import progress
    from tools.gallery import stories

    film = stories.Film()
    with progress("VAE of 16 latent numbers"):
        vae = stories.train(stories.conv_vae(data, stories.LATENT), data, 2 * epochs, [film])
    film.save(out / "training.gif")
    figures = stories.figures_of(vae, data)
    with progress("VAE and autoencoder of two latent numbers"):
        flat = stories.train(stories.conv_vae(data, 2), data, 2 * epochs)
        plain = stories.train(stories.conv_autoencoder(data, 2), data, 2 * epochs)
    figures["holes"] = lambda: stories.holes(flat, plain, data)
    figures["manifold"] = lambda: plots.manifold(flat, 16)
    for name, figure in figures.items():
        figure().savefig(out / f"{name}.png")


def _models(chosen: dict[str, Any], data: Any, epochs: int, out: Path) -> None:
    from keras_vae.export.verification.measurement import progress
    from tools.gallery import models

    for number, (name, entry) in enumerate(chosen.items(), 1):
        with progress(f"{number}/{len(chosen)} {name}"):
            model = models.train(entry, data, epochs)
            models.draw_model(name, model, entry, data).savefig(out / f"{name}.png")


def _page(listed: Iterable[str], data: Any, epochs: int, out: Path) -> None:
    from keras_vae.files.atomic import write_atomically
    from tools.gallery.page import page

    drawn = [name for name in sorted(listed) if (out / f"{name}.png").is_file()]
    facts = {
        "command": " ".join(["python -m tools.gallery", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "data": data.name,
        "images": len(data.train),
        "epochs": epochs,
    }
    text = page(drawn, facts)
    print(f"Saved {write_atomically(out / 'README.md', lambda path: path.write_text(text))}")


if __name__ == "__main__":
    cli.main(gallery, program="python -m tools.gallery")
