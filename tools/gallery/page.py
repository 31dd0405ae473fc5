"""The page of the gallery."""

from collections.abc import Mapping, Sequence
from typing import Any

STORIES = {
    "holes": (
        "Why a VAE",
        "Both models have the same networks and two latent numbers; cells in which no test image "
        "has its code are red. The plain autoencoder puts codes anywhere, see the axes, and leaves "
        "wide holes, some of which decode to no letter; nothing says from where to sample. The "
        "VAE's codes are drawn to the prior, so that the square from -3 to 3 is where to sample. "
        "With two numbers and so short a training it leaves places empty too, but what they decode "
        "to is like the letters around them.",
    ),
    "manifold": ("The latent plane of that VAE", "At even quantiles of the prior."),
    "latents": ("Codes of a VAE with 16 latent numbers", "The two main directions, by letter."),
    "interpolation": (
        "Interpolation",
        "From one test image to another, by spherical interpolation.",
    ),
    "traversal": ("Traversal", "One latent number at a time, the most informative at the top."),
    "arithmetic": ("Arithmetic", "The difference of two means, added to codes of thin letters."),
    "samples": ("Samples", "Codes drawn from the prior, decoded."),
}


def page(models: Sequence[str], facts: Mapping[str, Any]) -> str:
    """Return the text of README.md.

    Args:
        models: Names of the models that have an image, in order.
        facts: `data`, `epochs`, `images`, `date`, `command`.
    """
    parts = [
        "# Gallery",
        "Written by `python -m tools.gallery`, last as "
        f"`{facts['command']}` on {facts['date']}: each model with small networks, "
        f"{facts['epochs']} epochs of {facts['images']:,} images of {facts['data']}. The test "
        "letters are of fonts that no model saw.",
    ]
    for name, (title, text) in STORIES.items():
        parts += [f"## {title}", text, f"![{title}]({name}.png)"]
    parts += [
        "## Samples while it learns",
        "The same 64 codes after each epoch.",
        "![Samples after each epoch](training.gif)",
        "## Every model",
        "Inputs, for denoisers what they get of them, codes and outputs. A code is a square of "
        "grey levels, one for each of its numbers; a map has a small map for each channel. Codes "
        "that are integers are one map. Models of sequences read the image row by row.",
    ]
    for name in models:
        parts += [f"### {name}", f"![{name}]({name}.png)"]
    return "\n\n".join(parts) + "\n"
