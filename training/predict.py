"""Ask a trained model about all rows of a source, however many.

    python -m training.predict runs/vae photos/ codes                             # encode
    python -m training.predict runs/vae photos.npy scores --output score
    python -m training.predict runs/vae codes decoded --output decode
    python -m training.predict runs/vae photos.npy codes --beam runner=FlinkRunner

OUT gets files part-00000-of-000NN.npz, each written whole or not at all, and manifest.json. The
same command again goes on after the last whole file, see docs/scaling.md.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from training import cli, digests, folders, runs
from training.options import absolute

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


def predict(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")],
    out: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")],
    output: Literal["encode", "reconstruct", "score", "decode"] = "encode",
    part: str | None = None,
    format: Literal["npz", "npy"] = "npz",
    rows_per_shard: int | None = None,
    batch_size: int = 250,
    stretch: Flag = False,
    data_dir: str | None = None,
    beam: tuple[str, ...] = (),
) -> int:
    """Ask a trained model about all rows of a source, each once and in order.

    Writes OUT/part-00000-of-000NN.npz and OUT/manifest.json. Killed, it goes on after the last
    whole file when it is called again, and ends with the same bytes. Another model, source or
    option in the same OUT is refused.

    Args:
        run: A run directory of training.train, or a .keras file.
        source: A .npy, .npz or .parquet file, a folder of pictures or of .parquet files, a data
            set by name, or for decode a folder that encode has written.
        out: A new folder, or one to go on with.
        output: What to ask.
        part: train or test of a data set by name, test if left out; an array of an .npz file.
        format: npz for all arrays of an answer, by name; npy for the first of them.
        rows_per_shard: Rows in a file; as many as make 64 MB of images if left out.
        batch_size: Rows at once.
        stretch: Stretch pictures to the size that the model takes.
        data_dir: Where TensorFlow Datasets keeps its data.
        beam: Do it by a pipeline of Apache Beam with these options of it, as runner=FlinkRunner
            flink_master=host:8081, or runner=DirectRunner for this machine. RUN, SOURCE and OUT
            are then paths that all workers see.

    Returns:
        0; 75 if it was asked to end by SIGTERM, 130 by the keyboard: call it again.
    """
    for name, value in (("rows-per-shard", rows_per_shard), ("batch-size", batch_size)):
        if value is not None and value < 1:
            raise ValueError(f"Expected --{name} of at least 1. Received: {value}.")
    opened, folder = runs.open_run(run), Path(out).expanduser()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"Expected OUT to be a folder. Received: the file {folder}.")
    pipeline = _pipeline() if beam else None
    cli.prepare_tensorflow()
    from training import bulk
    from training.rows import open_rows

    model = opened.model()
    inputs = model.endpoints()[output].inputs
    options: dict[str, Any] = {
        "part": part,
        "stretch": stretch or bool(opened.config.get("settings", {}).get("image_size")),
        "data_dir": data_dir,
    }
    rows = open_rows(source, inputs, **options)
    print(f"{rows.count:,} rows of {rows.name}")
    folder.mkdir(parents=True, exist_ok=True)
    asked = (output, digests.of_file(opened.model_path), format, rows_per_shard, batch_size)
    with folders.alone(folder):
        if pipeline is not None:
            found = bulk.begun(model, rows, folder.resolve(), *asked)
            where = pipeline.Source(absolute(source), inputs, options)
            done = pipeline.predict(model, str(opened.path.resolve()), where, found, beam)
        else:
            with Bar() as bar:
                done = bulk.predict(model, rows, folder, *asked, bar.show)
    print(f"{done.count:,} rows, {', '.join(done.arrays)}, in {len(done)} files of {folder}")
    return 0


def _pipeline() -> Any:
    try:
        import training.pipeline as pipeline
    except ImportError as error:
        raise ImportError(
            "Expected Apache Beam, for --beam. Received: no such package. "
            '(pip install "keras-vae[beam]")'
        ) from error
    return pipeline


class Bar:
    """Shows how far it is, and ends the process between two batches when SIGTERM asks for it."""

    def __init__(self) -> None:
        from keras_vae.termination import Termination

        self._termination = Termination()
        self._bar: Any = None

    def __enter__(self) -> "Bar":
        self._termination.listen()
        return self

    def __exit__(self, *error: Any) -> None:
        self._termination.ignore()

    def show(self, done: int, count: int) -> None:
        """Draw the bar; where there is no terminal, one line at the end."""
        import keras

        if self._bar is None:
            verbose = 1 if sys.stdout.isatty() else 2
            self._bar = keras.utils.Progbar(count, verbose=verbose, unit_name="row")
        self._bar.update(done)
        if self._termination.asked:
            print("\nTerminated. The same command goes on from here.", file=sys.stderr)
            self._termination.leave()


if __name__ == "__main__":
    cli.main(predict)
