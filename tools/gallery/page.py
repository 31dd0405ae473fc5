"""The page of the gallery."""

from collections.abc import Mapping, Sequence
from typing import Any

STORIES = {
    "holes": (
        "Why a VAE",
        "Both models have the same networks and a 16-dimensional code. To get new images, you "
        "decode random codes. An autoencoder does not tell you where to take them from: its codes "
        "lie anywhere, with gaps in which the decoder has learned nothing. A VAE pulls its codes "
        "to a standard normal, so you sample from that.",
    ),
    "manifold": (
        "A latent plane",
        "A VAE with two latent units, decoded at even quantiles of the prior.",
    ),
    "latents": (
        "Codes of a VAE with 16 latent units",
        "You see the two main directions, colored by letter. The model never saw the labels.",
    ),
    "interpolation": (
        "Interpolation",
        "From one test image to another, by spherical interpolation of their codes.",
    ),
    "traversal": ("Traversal", "One latent unit at a time, the most informative at the top."),
    "arithmetic": (
        "Arithmetic",
        "The mean code of bold letters minus that of thin ones, added to codes of thin letters.",
    ),
    "samples": ("Samples", "Random codes of the prior, decoded."),
}


def page(models: Sequence[str], facts: Mapping[str, Any]) -> str:
    """Return the text of README.md.

    Args:
        models: Names of the models that have an image, in order.
        facts: `data`, `epochs`, `images`, `date`.
    """
    parts = [
        "# Gallery",
        f"You see small models after {facts['epochs']} epochs on {facts['images']:,} images of "
        f"{facts['data']}. The test letters are of fonts that no model saw.",
    ]
    for name, (title, text) in STORIES.items():
        parts += [f"## {title}", text, f"![{title}]({name}.png)"]
    parts += [
        "## Samples while it learns",
        "The same 64 codes after each epoch.",
        "![Samples after each epoch](training.gif)",
        "## Every model",
        "Each picture has test images, their codes, and their reconstructions. For a denoiser you "
        "also see its corrupted input. A code is a square of gray levels, one for each unit. A map "
        "has a small square for each channel. Integer codes are one map. Models of sequences read "
        "the image row by row.",
    ]
    for name in models:
        parts += [f"### {name}", f"![{name}]({name}.png)"]
    parts.append(f"`python -m tools.gallery`, {facts['date']}")
    return "\n\n".join(parts) + "\n"
