"""Bulk prediction by Apache Beam: many workers write the files of `shard_writer`.

Workers read the source and write the shards themselves, so all of them must see the paths.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.training.prediction import shard_writer
from keras_vae.training.prediction.rows import Rows, open_rows
from keras_vae.training.prediction.shards import Shards, read_manifest
from keras_vae.training.runs import run_directory
from keras_vae.typing import LatentModel

Arrays = Sequence[np.ndarray]
Answer = dict[str, np.ndarray]


class EndpointHandler(ModelHandler[Arrays, Answer, Callable[..., Answer]]):
    """A model handler for `RunInference` that runs one endpoint of a trained model.

    Each worker loads the model once. An example is a list of arrays `(rows, ...)`, one for each
    input of the endpoint, in its order. A prediction is the output of the endpoint for these rows,
    by name. Examples that Beam passes together are joined, and run in batches of `batch_size` rows.
    The last batch is padded, so that the model is compiled once.

    Example:
        >>> handler = EndpointHandler("/shared/runs/vae", "score", max_batch_size=250)
        >>> scores = rows | beam.Map(lambda x: [x[None]]) | RunInference(handler)

    Args:
        path: A run directory of keras-vae train, a .keras file, or a SavedModel of `model.export`,
            whose inputs are then in the order of their names. All workers must see the path.
        output: Name of the endpoint.
        batch_size: Rows in a batch.
        **options: Options of `ModelHandler`, such as `max_batch_size`, a number of examples.
    """

    def __init__(
        self,
        path: str,
        output: str = "encode",
        batch_size: int = shard_writer.BATCH_SIZE,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._path, self._output, self._batch_size = path, output, batch_size

    def load_model(self) -> Callable[..., Answer]:
        """Return the compiled endpoint as a function of a list of arrays."""
        cli.prepare_tensorflow()
        if (Path(self._path) / "saved_model.pb").is_file():
            return _signature(self._path, self._output, self._batch_size)
        model = run_directory.open_run(self._path).model(detectors=True)
        return shard_writer.compile_endpoint(model, self._output, self._batch_size)

    def run_inference(
        self,
        batch: Sequence[Arrays],
        model: Callable[..., Answer],
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[Answer]:
        """Return the outputs for each example."""
        rows = [np.concatenate(parts) for parts in zip(*batch, strict=True)]
        starts = range(0, len(rows[0]), self._batch_size)
        answers = [model([a[i : i + self._batch_size] for a in rows]) for i in starts]
        ends = np.cumsum([len(example[0]) for example in batch])[:-1]
        split = {
            name: np.split(np.concatenate([a[name] for a in answers]), ends) for name in answers[0]
        }
        return [{name: split[name][i] for name in split} for i in range(len(batch))]

    def get_num_bytes(self, batch: Sequence[Arrays]) -> int:
        """Return the size of the arrays in bytes."""
        return sum(array.nbytes for example in batch for array in example)

    def get_metrics_namespace(self) -> str:
        """Return the namespace of Beam's metrics of this handler."""
        return "keras_vae"


def _signature(path: str, name: str, batch_size: int) -> Callable[..., Answer]:
    """Return a signature of a SavedModel as a function of a list of arrays."""
    import tensorflow as tf

    from keras_vae.acceleration.batching import map_batches

    loaded = tf.saved_model.load(path)
    if name not in loaded.signatures:
        raise UsageError(
            f"Expected a SavedModel with the signature {name}. Received: {path} with "
            f"{', '.join(sorted(loaded.signatures))}."
        )
    inputs = sorted(loaded.signatures[name].structured_input_signature[1])

    def answer(arrays: list[np.ndarray]) -> dict[str, Any]:
        return loaded.signatures[name](**dict(zip(inputs, map(tf.constant, arrays), strict=True)))

    return lambda arrays: map_batches(answer, list(arrays), batch_size)


class Source:
    """The arguments of `rows.open_rows`, in a form that can be sent to workers.

    Args:
        name: A path, or the name of a data set.
        inputs: The inputs of the model: a `keras.InputSpec` with a name for each array.
        options: The other arguments.
    """

    def __init__(self, name: str, inputs: Sequence[Any], options: dict[str, Any]) -> None:
        self._name, self._options = name, options
        self._inputs = [_describe(spec) for spec in inputs]

    def open(self) -> Rows:
        """Open the rows, which the sender has checked."""
        from keras_vae.base.endpoint import RawNumbers

        specs = [RawNumbers(**words) for words in self._inputs]
        return open_rows(self._name, specs, check=False, **self._options)


def _describe(spec: Any) -> dict[str, Any]:
    """Return the arguments of the `keras_vae.base.endpoint.RawNumbers` that is like a spec."""
    raw = {"gaps": False, "white": None, "whole": False}
    words = {name: getattr(spec, name, value) for name, value in raw.items()}
    return {**words, "shape": spec.shape, "dtype": spec.dtype, "name": spec.name}


class ReadBatches(beam.DoFn):
    """The step from the number of a shard to its batches: ((number, first row), arrays).

    Args:
        source: The source of the rows.
        folder: The folder of the shards.
        path: The run or the .keras file of the model, whose checks the batches pass.
        output: The name of the endpoint.
    """

    def __init__(self, source: Source, folder: Path, path: str, output: str) -> None:
        self._source, self._folder = source, folder
        self._path, self._output = path, output

    def setup(self) -> None:
        """Open the source, the folder, and the model, once for each worker."""
        cli.prepare_tensorflow()
        self._rows = self._source.open()
        self._shards = read_manifest(self._folder)
        model = run_directory.open_run(self._path).model(detectors=True)
        self._check = shard_writer.check_of(model, self._output)

    def process(self, number: int) -> Iterator[tuple[tuple[int, int], Arrays]]:
        """Read the batches of a shard in order."""
        shard, size = self._shards.rows(number), self._shards.batch_size
        for start in range(shard.start, shard.stop, size):
            stop = min(start + size, shard.stop)
            arrays = self._rows.read(start, stop)
            shard_writer.check_rows(self._check, arrays, self._rows, start)
            yield (number, start), arrays


class WriteShard(beam.DoFn):
    """The step from the number of a shard and the outputs for its batches to its file.

    Args:
        source: The source of the rows, for their names.
        folder: The folder of the shards.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source, self._folder = source, folder

    def setup(self) -> None:
        """Open the source and the folder, once for each worker."""
        self._rows = self._source.open()
        self._shards = read_manifest(self._folder)

    def process(self, element: tuple[int, Iterable[tuple[int, Answer]]]) -> Iterator[str]:
        """Write the file in the order of the rows, and yield its name."""
        number, answers = element
        parts = [answer for _, answer in sorted(answers, key=lambda part: part[0])]
        shard, names = self._shards.rows(number), self._shards.arrays
        self._shards.write_apart(number, shard_writer.join_batches(parts, self._rows, shard, names))
        yield self._shards.path(number).name


def predict(
    model: LatentModel, path: str, source: Source, found: Shards, options: Sequence[str] = ()
) -> Shards:
    """Write the missing shards by a pipeline, and wait for its end.

    One worker reads a shard and runs the model. The outputs are then grouped and written by shard.
    A pipeline that failed leaves whole files. Call again to write the others.

    Args:
        model: The model of `path`.
        path: The run, or the .keras file.
        source: The source of the rows.
        found: From `keras_vae.training.prediction.shard_writer.open_shards`.
        options: Options of Beam, such as "runner=FlinkRunner".

    Returns:
        The shards, all of them written.

    Raises:
        RuntimeError: If the pipeline failed.
    """
    output = found.about["options"]["output"]
    handler = EndpointHandler(path, output, found.batch_size, max_batch_size=1)
    reader = ReadBatches(source, found.folder, path, output)
    if found.missing:
        flags = PipelineOptions([f"--{option.removeprefix('--')}" for option in options])
        with beam.Pipeline(options=flags) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(found.missing)
                | "ToWorkers" >> beam.Reshuffle()
                | "Read" >> beam.ParDo(reader)
                | "Ask" >> RunInference(KeyedModelHandler(handler))
                | "ByShard" >> beam.MapTuple(lambda key, answer: (key[0], (key[1], answer)))
                | "Gather" >> beam.GroupByKey()
                | "Write" >> beam.ParDo(WriteShard(source, found.folder))
            )
    found.collect()
    return found
