"""A callback that shows a model in TensorBoard: pictures, KL of each latent unit, codes."""

import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.estimators.codes import kl_per_dimension
from keras_vae.files import outputs
from keras_vae.validation import arguments

ROWS, COLUMNS = 4, 8
CODES, LABELS, SPRITE = "codes.tsv", "labels.tsv", "sprite.png"


class LatentBoard(keras.callbacks.Callback):
    """Reconstructions, samples, KL of each latent unit, and codes, as TensorBoard shows them.

    Put it next to `keras.callbacks.TensorBoard`, which logs the loss terms by their names. Samples
    need a model with a prior, KL one with a flat code. The codes of the last epoch are for the
    projector. Install the extra `programs`.

    Example:
        >>> board = keras_vae.callbacks.LatentBoard("logs/board", test, labels=test_labels)
        >>> history = model.fit(images, epochs=2, callbacks=[board])
        >>> np.loadtxt("logs/board/codes.tsv").shape  # for the projector
        (32, 16)

    Args:
        folder: The folder of the logs; run `tensorboard --logdir` with it or a folder above.
        x: Some hundred examples, `(count, *event_shape)`; images or series are drawn.
        labels: A label for each example, shown in the projector.
        every: Number of epochs from one report to the next.

    Raises:
        ValueError: If `every` is less than 1, or there is not one label for each example.
        TypeError: If `folder` is no path.
        ImportError: If TensorBoard is not installed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        x: Any,
        labels: Sequence[Any] | None = None,
        every: int = 1,
    ) -> None:
        super().__init__()
        self.folder, self.x = arguments.path("folder", folder), arguments.array("x", x)
        if self.x.ndim < 2:
            raise UsageError(f"Expected x of several examples. Received: shape {self.x.shape}.")
        self.labels = labels
        ordered = getattr(labels, "ndim", 1) and hasattr(labels, "__len__")
        if isinstance(labels, str | bytes | Mapping | Set):
            ordered = False
        if labels is not None and (not ordered or len(labels) != len(self.x)):
            found = len(labels) if ordered else type(labels).__name__
            raise UsageError(
                f"Expected labels, a label for each of the {len(self.x)} examples. "
                f"Received: {found}."
            )
        self.every = arguments.integer("every", every)
        _import_writer()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Raise OSError if the folder cannot be made, before any training."""
        outputs.check_folder(self.folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write pictures and KL, at each epoch that `every` divides."""
        if (epoch + 1) % self.every == 0:
            write_summaries(self.folder, [*self._pictures(), *self._kl()], epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the codes for the projector."""
        codes = keras.ops.convert_to_numpy(self.model.encode(self.x))
        images = self.x if len(self.model.event_shape) == 3 else None
        write_projector(self.folder, codes.reshape(len(codes), -1), self.labels, images)

    def _pictures(self) -> Iterator[tuple[str, Any]]:
        from keras_vae import plots

        rank, samples = len(self.model.event_shape), "sample" in self.model.endpoints()
        if rank == 3:
            yield "reconstructions", plots.reconstructions(self.model, self.x, COLUMNS)
            if samples:
                yield "samples", plots.samples(self.model, rows=ROWS, columns=COLUMNS)
        elif rank == 2:
            yield "reconstructions", plots.series_reconstructions(self.model, self.x[:COLUMNS])
            if samples:
                yield "samples", plots.series_samples(self.model, COLUMNS)

    def _kl(self) -> Iterator[tuple[str, float]]:
        if hasattr(self.model, "posterior") and len(self.model.latent_shape) == 1:
            for number, nats in enumerate(kl_per_dimension(self.model, self.x)):
                yield f"kl_per_dimension/{number:03}", float(nats)


def write_summaries(folder: Path, values: Sequence[tuple[str, Any]], step: int) -> None:
    """Add numbers and figures by name to the event files of a folder."""
    writer_class, events, summaries = _import_writer()
    writer = writer_class(str(folder))
    try:
        for name, value in values:
            one = summaries.Summary.Value(tag=name)
            if isinstance(value, float):
                one.simple_value = value
            else:
                picture = io.BytesIO()
                value.savefig(picture, format="png")
                one.image.encoded_image_string = picture.getvalue()
                one.image.width, one.image.height = map(int, value.bbox.size)
                one.image.colorspace = 4
            summary = summaries.Summary(value=[one])
            writer.add_event(events.Event(wall_time=time.time(), step=step, summary=summary))
    finally:
        writer.close()


def write_projector(
    folder: Path, codes: np.ndarray, labels: Sequence[Any] | None, images: np.ndarray | None
) -> None:
    """Write the files of TensorBoard's projector.

    Args:
        folder: The folder of the logs.
        codes: Codes, `(count, latent_dim)`.
        labels: A label for each, or None.
        images: An image for each, `(count, height, width, channels)`, or None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / CODES, codes, fmt="%.6g", delimiter="\t")
    lines = ['tensor_name: "codes"', f'tensor_path: "{CODES}"']
    if labels is not None:
        rows = [" ".join(str(label).split()) for label in labels]
        (folder / LABELS).write_text("\n".join(rows) + "\n")
        lines.append(f'metadata_path: "{LABELS}"')
    if images is not None and images.shape[-1] in (1, 3):
        _write_sprite(folder / SPRITE, images)
        height, width = images.shape[1:3]
        sizes = f"single_image_dim: {width} single_image_dim: {height}"
        lines.append(f'sprite {{ image_path: "{SPRITE}" {sizes} }}')
    content = "\n  ".join(lines)
    (folder / "projector_config.pbtxt").write_text(f"embeddings {{\n  {content}\n}}\n")


def _write_sprite(path: Path, images: np.ndarray) -> None:
    """Write all images as one square, row by row."""
    from matplotlib.image import imsave

    count, height, width, _ = images.shape
    side = int(np.ceil(np.sqrt(count)))
    filled = np.zeros((side * side, height, width, 3), "float32")
    filled[:count] = np.clip(images, 0, 1)
    rows = filled.reshape(side, side, height, width, 3).swapaxes(1, 2)
    imsave(path, rows.reshape(side * height, side * width, 3))


def _import_writer() -> tuple[Any, Any, Any]:
    """Return TensorBoard's writer and its messages; neither needs TensorFlow."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise MissingExtraError(
            "Expected TensorBoard, whose files the callback writes. Received: no such package. "
            '(pip install "keras-vae[programs]")'
        ) from error
    return EventFileWriter, event_pb2, summary_pb2
