"""Run a trained model on all rows of a source, of any number.

    keras-vae predict runs/vae photos/ codes                             # encode
    keras-vae predict runs/vae photos.npy scores --output score
    keras-vae predict runs/vae codes decoded --output decode
    keras-vae predict runs/vae photos.npy codes --beam runner=FlinkRunner

OUT gets files part-00000-of-000NN.npz and manifest.json. Each file is written atomically. To
continue after an interruption, run the same command again.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro

from keras_vae import cli, options
from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.files import digests, outputs
from keras_vae.training.data.sources.registry import make_absolute
from keras_vae.training.runs import folder_lock, run_directory

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]
Output = Literal["encode", "reconstruct", "score", "score_map", "decode"]


def predict(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")],
    out: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")],
    output: Output = "encode",
    part: str | None = None,
    format: Literal["npz", "npy"] = "npz",
    rows_per_shard: int | None = None,
    batch_size: int = 250,
    stretch: Flag = False,
    crop_to_aspect_ratio: Flag = False,
    data_dir: str | None = None,
    beam: tuple[str, ...] = (),
) -> int:
    """Run a trained model on all rows of a source, each once and in order.

    Writes OUT/part-00000-of-000NN.npz and OUT/manifest.json. If it was interrupted, run the same
    command again: it goes on after the last whole file, and ends with the same bytes. It refuses
    another model, source or option with the same OUT.

    Args:
        run: A run directory of keras-vae train, or a .keras file of a model or of a detector.
        source: A .npy, .npz or .parquet file, a folder of images or of .parquet files, or a data
            set by name. With --output decode, a folder that encode has written. Bytes of images
            stand for 0 to 1; all other integers are numbers as they are.
        out: A new folder, or that of a prediction to continue.
        output: The output of the model. Of a detector, score has the decisions too, and score_map
            the score of each element.
        part: train, test, or all of a data set by name or of series:FILE; or an array of an .npz
            file. By default test of a data set by name, and of the file that the run was trained
            on; all of other recordings, of which no part was seen.
        format: npz for all arrays of the output, by name; npy for the first one only.
        rows_per_shard: Rows in a file; by default those of about 64 MB.
        batch_size: Rows in a batch.
        stretch: Stretch images to the size that the model takes, as a run with --image-size does
            without it. Arrays of bytes are images, others are not stretched.
        crop_to_aspect_ratio: Crop images to the aspect ratio of the model before they are
            stretched, as a run with this option does without it.
        data_dir: Where TensorFlow Datasets keeps its data, for data sets that come from there.
        beam: Run as a pipeline of Apache Beam with these options, for example runner=FlinkRunner
            flink_master=host:8081, or runner=DirectRunner for this machine. All workers must see
            the paths RUN, SOURCE and OUT.

    Returns:
        0; 75 after SIGTERM and 130 after Ctrl-C, if the same command would continue.
    """
    options.at_least(1, rows_per_shard=rows_per_shard, batch_size=batch_size)
    opened, folder = run_directory.open_run(run), Path(out).expanduser()
    outputs.check_folder(folder)
    pipeline = _import_pipeline() if beam else None
    cli.prepare_tensorflow()
    from keras_vae.training.data import loading
    from keras_vae.training.data.kinds import count_of
    from keras_vae.training.data.resizing import choose_resizing, describe_resizing
    from keras_vae.training.prediction import shard_writer
    from keras_vae.training.prediction.rows import open_rows

    model = opened.model(detectors=True)
    inputs = _endpoint(model, output).inputs
    takes_images = len(inputs[0].shape) == 4
    given = {"stretch": stretch, "crop_to_aspect_ratio": crop_to_aspect_ratio}
    options.only_with("images as the input of the model", takes_images, **given)
    settings = loading.settings_of(opened.config)
    resizing = choose_resizing(settings, **given) if takes_images else given
    reading: dict[str, Any] = {"part": part, **resizing, "data_dir": data_dir}
    reading["settings"] = settings
    rows = open_rows(source, inputs, **reading)
    options.only_with("images of bytes, which arrays of floats are not", rows.are_resized, **given)
    how = describe_resizing(resizing, inputs[0].shape[1:]) if rows.are_resized else ""
    print(f"{count_of(rows.count, 'rows')} of {rows.name}{how}{rows.note}")
    folder.mkdir(parents=True, exist_ok=True)
    identity = digests.of_file(opened.model_path)
    cropped = resizing["crop_to_aspect_ratio"]
    layout = shard_writer.PredictionOptions(
        output, identity, format, rows_per_shard, batch_size, cropped
    )
    with folder_lock.lock(folder):
        if pipeline is not None:
            found = shard_writer.open_shards(model, rows, folder.resolve(), layout)
            where = pipeline.Source(make_absolute(source), inputs, reading)
            done = pipeline.predict(model, str(opened.path.resolve()), where, found, beam)
        else:
            with ProgressBar() as bar:
                done = shard_writer.predict(model, rows, folder, layout, bar.show)
    written = count_of(len(done), "files")
    print(f"{count_of(done.count, 'rows')}, {', '.join(done.arrays)}, in {written} of {folder}")
    return 0


def _endpoint(model: Any, output: str) -> Any:
    """Return an endpoint of a model or a detector; raise ValueError if there is none.

    A detector without a threshold has no decisions for `score`.
    """
    from keras_vae.anomalies.detector import AnomalyDetector

    endpoints = model.endpoints()
    if output not in endpoints:
        offered = ", ".join(name for name in get_args(Output) if name in endpoints)
        raise UsageError(
            f"Expected --output {offered}, which a {type(model).__name__} has. Received: {output}."
        )
    if output == "score" and isinstance(model, AnomalyDetector):
        model.require_threshold()
        model.warn_of_codes()
        model.warn_of_threshold()
    return endpoints[output]


def _import_pipeline() -> Any:
    try:
        import keras_vae.training.prediction.beam_pipeline as pipeline
    except ImportError as error:
        raise MissingExtraError(
            "Expected Apache Beam, for --beam. Received: no such package. "
            '(pip install "keras-vae[beam]")'
        ) from error
    return pipeline


class ProgressBar:
    """A progress bar that also ends the process between two batches after SIGTERM."""

    def __init__(self) -> None:
        from keras_vae.checkpointing.sigterm import Termination

        self._termination = Termination()
        self._bar: Any = None

    def __enter__(self) -> "ProgressBar":
        self._termination.listen()
        return self

    def __exit__(self, *error: Any) -> None:
        self._termination.ignore()

    def show(self, done: int, count: int) -> None:
        """Draw the progress bar, or without a terminal one line at the end."""
        import keras

        if self._bar is None:
            verbose = 1 if sys.stdout.isatty() else 2
            self._bar = keras.utils.Progbar(count, verbose=verbose, unit_name="row")
        self._bar.update(done)
        if self._termination.requested:
            print("\nTerminated. The same command goes on from here.", file=sys.stderr)
            self._termination.leave()


if __name__ == "__main__":
    cli.main(predict)
