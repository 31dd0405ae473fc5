"""Bulk prediction by Apache Beam: the files of `training.bulk`, by as many workers as there are.

Workers read the source and write the shards themselves, so paths must be such as all of them see.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from training import bulk, cli, runs
from training.rows import Rows, open_rows
from training.shards import Shards, read_manifest

Arrays = Sequence[np.ndarray]
Answer = dict[str, np.ndarray]


class EndpointHandler(ModelHandler[Arrays, Answer, Callable[..., Answer]]):
    """An endpoint of a trained model for `RunInference`; each worker loads the model once.

    An example is some rows: an array `(rows, ...)` for each input of the endpoint, in its order, as
    the model takes them. A prediction is what the endpoint answers for these rows, by name.
    Examples that Beam gives at once go through the model together, `batch_size` rows at a time,
    the last of them filled up, so that the model is compiled once.

    Example:
        >>> handler = EndpointHandler("/shared/runs/vae", "score", max_batch_size=250)
        >>> scores = rows | beam.Map(lambda x: [x[None]]) | RunInference(handler)

    Args:
        path: A run directory of training.train, a .keras file, or a SavedModel that `model.export`
            has written (its inputs are then in the order of their names); all workers must see it.
        output: Name of the endpoint.
        batch_size: Rows at once.
        **options: Of `ModelHandler`, such as `max_batch_size`, in examples.
    """

    def __init__(
        self, path: str, output: str = "encode", batch_size: int = bulk.BATCH_SIZE, **options: Any
    ) -> None:
        super().__init__(**options)
        self._path, self._output, self._batch_size = path, output, batch_size

    def load_model(self) -> Callable[..., Answer]:
        """The endpoint, compiled, as a function of arrays."""
        cli.prepare_tensorflow()
        if (Path(self._path) / "saved_model.pb").is_file():
            return _signature(self._path, self._output, self._batch_size)
        model = runs.open_run(self._path).model()
        return bulk.compiled(model, self._output, self._batch_size)

    def run_inference(
        self,
        batch: Sequence[Arrays],
        model: Callable[..., Answer],
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[Answer]:
        """The answers for each example."""
        rows = [np.concatenate(parts) for parts in zip(*batch, strict=True)]
        starts = range(0, len(rows[0]), self._batch_size)
        answers = [model([a[i : i + self._batch_size] for a in rows]) for i in starts]
        ends = np.cumsum([len(example[0]) for example in batch])[:-1]
        split = {
            name: np.split(np.concatenate([a[name] for a in answers]), ends) for name in answers[0]
        }
        return [{name: split[name][i] for name in split} for i in range(len(batch))]

    def get_num_bytes(self, batch: Sequence[Arrays]) -> int:
        """Size of the arrays."""
        return sum(array.nbytes for example in batch for array in example)

    def get_metrics_namespace(self) -> str:
        """What Beam's metrics of this are under."""
        return "keras_vae"


def _signature(path: str, name: str, batch_size: int) -> Callable[..., Answer]:
    """A signature of a SavedModel as a function of a list of arrays."""
    import tensorflow as tf

    from keras_vae.estimators.compiled import padded

    loaded = tf.saved_model.load(path)
    if name not in loaded.signatures:
        raise ValueError(
            f"Expected a SavedModel with the signature {name}. Received: {path} with "
            f"{', '.join(sorted(loaded.signatures))}."
        )
    inputs = sorted(loaded.signatures[name].structured_input_signature[1])

    def run(arrays: list[np.ndarray]) -> Answer:
        tensors = map(tf.constant, padded(arrays, batch_size))
        answer = loaded.signatures[name](**dict(zip(inputs, tensors, strict=True)))
        return {key: value.numpy()[: len(arrays[0])] for key, value in answer.items()}

    return run


class Source:
    """What `training.rows.open_rows` takes, for workers to open; it can be sent to them.

    Args:
        name: A path, or the name of a data set.
        inputs: What the model takes: a `keras.InputSpec` with a name for each array.
        options: The other arguments.
    """

    def __init__(self, name: str, inputs: Sequence[Any], options: dict[str, Any]) -> None:
        self._name, self._options = name, options
        self._inputs = [{"shape": s.shape, "dtype": s.dtype, "name": s.name} for s in inputs]

    def open(self) -> Rows:
        """The rows; who sends it has checked what they are."""
        import keras

        specs = [keras.InputSpec(**words) for words in self._inputs]
        return open_rows(self._name, specs, check=False, **self._options)


class ReadBatches(beam.DoFn):
    """From the number of a shard to its batches: ((number, first row), arrays).

    Args:
        source: Of the rows.
        folder: Of the shards.
        bounds: Of `training.bulk.bounds_of`.
    """

    def __init__(self, source: Source, folder: Path, bounds: bulk.Bounds) -> None:
        self._source, self._folder, self._bounds = source, folder, bounds

    def setup(self) -> None:
        """Open the source and the folder, once for each worker."""
        self._rows = self._source.open()
        self._shards = read_manifest(self._folder)

    def process(self, number: int) -> Iterator[tuple[tuple[int, int], Arrays]]:
        """Read the batches one after the other."""
        shard, size = self._shards.rows(number), self._shards.batch_size
        for start in range(shard.start, shard.stop, size):
            stop = min(start + size, shard.stop)
            with bulk.named(self._rows, start, stop - start):
                arrays = self._rows.read(start, stop)
                bulk.check(arrays, *self._bounds)
            yield (number, start), arrays


class WriteShard(beam.DoFn):
    """From the number of a shard and the answers for its batches to its file.

    Args:
        source: Of the rows, for their names.
        folder: Of the shards.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source, self._folder = source, folder

    def setup(self) -> None:
        """Open the source and the folder, once for each worker."""
        self._rows = self._source.open()
        self._shards = read_manifest(self._folder)

    def process(self, element: tuple[int, Iterable[tuple[int, Answer]]]) -> Iterator[str]:
        """Write the file in the order of the rows; gives its name."""
        number, answers = element
        parts = [answer for _, answer in sorted(answers, key=lambda part: part[0])]
        shard, names = self._shards.rows(number), self._shards.arrays
        self._shards.write_apart(number, bulk.joined(parts, self._rows, shard, names))
        yield self._shards.path(number).name


def predict(
    model: Any, path: str, source: Source, found: Shards, options: Sequence[str] = ()
) -> Shards:
    """Write the shards that are missing, by a pipeline, and wait for its end.

    Each shard goes to one worker, which reads and asks; answers are gathered and written by shard.
    A pipeline that failed leaves whole files; called again, it goes on with the others.

    Args:
        model: The model of `path`.
        path: The run, or the .keras file.
        source: Of the rows.
        found: From `training.bulk.begun`.
        options: Of Beam, such as "runner=FlinkRunner".

    Returns:
        The shards, all of them written.

    Raises:
        RuntimeError: If the pipeline failed.
    """
    output = found.about["options"]["output"]
    handler = EndpointHandler(path, output, found.batch_size, max_batch_size=1)
    reader = ReadBatches(source, found.folder, bulk.bounds_of(model, output))
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
