"""Train a small model, evaluate it, export it, and compare every file with the Keras model."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from keras_vae import cli, options
from keras_vae.files import outputs
from keras_vae.training.runs.run_directory import RUNS


def demo(recipe: str | None = None, out: Path | None = None, epochs: int | None = None) -> int:
    """Train, evaluate, export and verify a small model, and show each command.

    Fashion-MNIST is used if this machine has it (Debian package dataset-fashion-mnist; about
    4 to 10 minutes on two cores), otherwise the digits of scikit-learn (1 minute).

    Args:
        recipe: A recipe of `keras-vae train --list`, instead of that choice.
        out: The new run directory; runs/demo-NUMBER by default.
        epochs: Number of passes over the training images; by default that of the recipe.

    Returns:
        0, or the status of the first step that failed.
    """
    from keras_vae.training.data.sources.fashion_mnist import FASHION_MNIST_FOLDER

    options.at_least(1, epochs=epochs)
    if recipe is None:
        recipe = "conv_vae_fashion_mnist" if FASHION_MNIST_FOLDER.is_dir() else "conv_vae_digits"
    run = out or next(_free_folders())
    outputs.check_new(run, "folder for --out")
    outputs.check_folder(run)
    steps = _steps(recipe, str(run), epochs)
    for number, (title, words) in enumerate(steps, 1):
        print(f"\n== {number}/{len(steps)} {title}\n$ {cli.next_command(*words)}", flush=True)
        status = subprocess.run([sys.executable, "-m", "keras_vae", *words]).returncode
        if status:
            return status
    print(f"\n== Done. All of it is in {run}:")
    print(*sorted([*run.iterdir(), *(run / "pictures").glob("*.png")]), sep="\n")
    return 0


def _free_folders() -> Iterator[Path]:
    number = 1
    while True:
        if not (RUNS / f"demo-{number}").exists():
            yield RUNS / f"demo-{number}"
        number += 1


def _steps(recipe: str, run: str, epochs: int | None) -> list[tuple[str, list[str]]]:
    """Return the title and the words of each command."""
    decoder, small = f"{run}/decoder.tflite", f"{run}/decoder_int8.tflite"
    decode = ["--endpoints", "decode"]
    shorter = [] if epochs is None else ["--epochs", str(epochs)]
    reports = ["--json", f"{run}/verification.json", "--markdown", f"{run}/verification.md"]
    return [
        (f"Train {recipe}", ["train", recipe, "--out", run, *shorter]),
        ("Evaluate on the test images", ["evaluate", run]),
        (
            "Export the SavedModel for TF Serving",
            ["export", "saved-model", run, f"{run}/serving", "--name", "vae"],
        ),
        ("Export the decoder for devices", ["export", "litert", run, decoder, *decode]),
        (
            "Export it with 8-bit integers",
            ["export", "litert", run, small, *decode, "--quantize", "int8"],
        ),
        (
            "Load everything back and compare it with the Keras model",
            ["verify", f"{run}/serving/vae/1", decoder, small, "--against", run, *reports],
        ),
    ]
