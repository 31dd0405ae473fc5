"""The file metrics.jsonl of a run, when a training goes on from an earlier epoch."""

from pathlib import Path

from keras_vae.files.atomic import write_atomically
from keras_vae.training.runs.run_directory import METRICS


def keep_epochs(folder: Path, epochs: int) -> None:
    """Keep the first `epochs` lines of metrics.jsonl, those of epochs that the model has seen."""
    path = folder / METRICS
    if path.is_file():
        lines = path.read_bytes().splitlines(keepends=True)[:epochs]
        write_atomically(path, lambda new: new.write_bytes(b"".join(lines)))
