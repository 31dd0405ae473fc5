"""The examples of docstrings: the names that they may use, and how they are run."""

import contextlib
import doctest
import io
import math
import pydoc
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_vae

CHECKER = doctest.OutputChecker()
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


DIRECTIVE = re.compile(r"^\.\. (?:auto\w+|py:data):: keras_vae\.([\w.]+)$", re.MULTILINE)


def documented() -> list[str]:
    """The names on the API pages, as often as they are there."""
    pages = sorted((Path(__file__).parents[2] / "docs/api").glob("*.md"))
    return [name for page in pages for name in DIRECTIVE.findall(page.read_text())]


def public(name: str) -> Any:
    """What has this name below `keras_vae`."""
    return pydoc.locate(f"keras_vae.{name}")


def given() -> dict[str, Any]:
    """The names that docs/api/index.md promises, with few images of noise."""
    images = np.random.default_rng(0).random((64, 28, 28, 1), "float32")
    labels = np.arange(64) % 4
    encoder, decoder = keras_vae.nets.dense((28, 28, 1), latent_dim=16, hidden=(32,), heads=2)
    model = keras_vae.VAE(encoder, decoder, seed=0)
    model.compile("adam")
    return {
        **{"keras": keras, "keras_vae": keras_vae, "math": math, "np": np},
        **{"images": images, "labels": labels, "train": images, "train_labels": labels},
        **{"test": images[:32], "test_labels": labels[:32], "x": images},
        **{"series": images[:16].reshape(16, -1, 1)[:, :40]},
        **{"encoder": encoder, "decoder": decoder, "model": model},
    }


def run(name: str, text: str) -> int:
    """Run the examples of a docstring, and compare what they show where they say so.

    Returns their number.
    """
    namespace = given()
    examples = doctest.DocTestParser().get_examples(text)
    for example in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example.source, f"<example of {name}>", "single"), namespace)
        shown = printed.getvalue()
        assert not example.want or CHECKER.check_output(example.want, shown, OPTIONS), (
            f"{name}: Expected that\n{example.source}shows\n{example.want}Received:\n{shown}"
        )
    return len(examples)
