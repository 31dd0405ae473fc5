"""Bulk prediction by Apache Beam: the bytes of `training.predict`, and each row by a handler."""

import sys

import keras
import numpy as np
import pytest

from keras_vae import cli
from keras_vae.files import digests
from keras_vae.training.predict import predict
from keras_vae.training.prediction import shard_writer
from keras_vae.training.prediction.rows import open_rows
from tests.support.image_files import picture, save
from tests.training.test_bulk import (
    BATCH,
    PIXELS,
    ROWS_PER_SHARD,
    X,
    contents,
    joined,
    model,
    saved,
)

pytestmark = pytest.mark.tensorflow
needs_beam = pytest.mark.extra(name="beam")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pipeline") / "vae.keras"
    model().save(path)
    return path


def alone(file, source, out, output="encode", **options):
    """What a single process writes."""
    rows = open_rows(str(source), model().endpoints()[output].inputs)
    sizes = {"rows_per_shard": ROWS_PER_SHARD, "batch_size": BATCH}
    options = shard_writer.PredictionOptions(output, digests.of_file(file), **sizes, **options)
    shard_writer.predict(model(), rows, out, options, log=lambda text: None)
    return contents(out)


def run(file, source, out, *words):
    sizes = ("--rows-per-shard", ROWS_PER_SHARD, "--batch-size", BATCH)
    with pytest.raises(SystemExit) as end:
        words = (file, source, out, *sizes, *words, "--beam", "runner=DirectRunner")
        cli.main(predict, [str(word) for word in words])
    return end.value.code


@needs_beam
@pytest.mark.parametrize("output", ["encode", "score", "reconstruct"])
def test_a_pipeline_writes_the_bytes_of_a_single_process(file, tmp_path, output):
    source = saved(tmp_path)
    wanted = alone(file, source, tmp_path / "alone", output)
    assert run(file, source, tmp_path / "out", "--output", output) == 0
    assert contents(tmp_path / "out") == wanted


@needs_beam
def test_codes_are_decoded_and_paths_of_pictures_kept(file, tmp_path):
    for name in "badcefghijkl":
        save(tmp_path / "pictures" / f"{name}.png", picture(ord(name), (8, 8)))
    alone(file, tmp_path / "pictures", tmp_path / "alone")
    assert run(file, tmp_path / "pictures", tmp_path / "codes") == 0
    assert contents(tmp_path / "codes") == contents(tmp_path / "alone")
    wanted = alone(file, tmp_path / "codes", tmp_path / "images", "decode", format="npy")
    words = ("--output", "decode", "--format", "npy")
    assert run(file, tmp_path / "codes", tmp_path / "decoded", *words) == 0
    assert contents(tmp_path / "decoded") == wanted


@needs_beam
def test_a_pipeline_that_failed_goes_on_with_what_is_missing(file, tmp_path, monkeypatch, capsys):
    from keras_vae.training.prediction import beam_pipeline as pipeline
    from keras_vae.training.prediction.shards import Shards

    source, out, write = saved(tmp_path), tmp_path / "out", Shards.write_apart
    written = []

    def failing(self, number, arrays):
        if number == 1 and not written.count(1):
            written.append(number)
            raise OSError("The disk is full.")
        written.append(number)
        write(self, number, arrays)

    monkeypatch.setattr(pipeline.Shards, "write_apart", failing)
    assert run(file, source, out) == cli.BAD_INPUT
    assert "The disk is full." in capsys.readouterr().err
    before = set(written) - {1}
    assert run(file, source, out) == 0
    assert sorted(written[len(before) + 1 :]) == sorted({0, 1, 2} - before)
    assert contents(out) == alone(file, source, tmp_path / "alone")


@needs_beam
def test_a_row_that_the_model_does_not_take_is_named(file, tmp_path, capsys):
    wrong = PIXELS.copy()
    wrong[13, 0, 0, 0] = np.nan
    assert run(file, saved(tmp_path, wrong), tmp_path / "out") == cli.BAD_INPUT
    error = capsys.readouterr().err
    assert "Expected finite" in error and "In rows 10 to 13 of" in error


@needs_beam
def test_a_handler_answers_for_each_row_of_a_collection(file):
    import apache_beam as beam
    from apache_beam.ml.inference.base import RunInference
    from apache_beam.testing.util import assert_that

    from keras_vae.training.prediction.beam_pipeline import EndpointHandler

    wanted = keras.ops.convert_to_numpy(model().score(PIXELS))

    def check(found):
        scores = sorted(float(answer["score"][0]) for answer in found)
        np.testing.assert_allclose(scores, np.sort(wanted), rtol=1e-4)

    with beam.Pipeline() as pipeline:
        rows = pipeline | beam.Create([[row[None]] for row in PIXELS])
        handler = EndpointHandler(str(file), "score", 5, max_batch_size=8)
        assert_that(rows | RunInference(handler), check)


@needs_beam
@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_examples_of_several_rows_are_split_again(file, tmp_path, kind):
    from keras_vae.training.prediction.beam_pipeline import EndpointHandler

    path = file if kind == "keras" else model().export(tmp_path / "vae")
    handler = EndpointHandler(str(path), "encode", 5)
    examples = [[part] for part in np.split(PIXELS, [1, 8, 9])]
    found = handler.run_inference(examples, handler.load_model())
    wanted = keras.ops.convert_to_numpy(model().encode(PIXELS))
    assert [len(answer["z_mean"]) for answer in found] == [1, 7, 1, len(X) - 9]
    joined = np.concatenate([answer["z_mean"] for answer in found])
    np.testing.assert_allclose(joined, wanted, rtol=1e-4, atol=1e-5)


@needs_beam
def test_a_saved_model_without_the_signature_is_refused(tmp_path):
    from keras_vae.training.prediction.beam_pipeline import EndpointHandler

    path = model().export(tmp_path / "vae", endpoints=("encode",))
    with pytest.raises(ValueError, match="with the signature score. Received: .*vae with encode"):
        EndpointHandler(str(path), "score").load_model()


def test_the_extra_is_named_where_beam_is_not_installed(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "keras_vae.training.prediction.beam_pipeline", raising=False)
    assert run(file, saved(tmp_path), tmp_path / "out") == cli.BAD_INPUT
    assert "keras-vae[beam]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_beam
def test_counts_are_numbers_and_fractions_of_them_are_refused(tmp_path, capsys):
    from tests.training.test_predicted_numbers import COUNTS, of_counts

    of_counts().save(tmp_path / "counts.keras")
    words = tmp_path / "counts.keras", saved(tmp_path, COUNTS.astype("uint8"))
    assert run(*words, tmp_path / "out", "--output", "score") == 0
    expected = keras.ops.convert_to_numpy(of_counts().score(COUNTS.astype("float32")))
    np.testing.assert_allclose(joined(tmp_path / "out", "score"), expected, rtol=1e-4)
    saved(tmp_path, COUNTS / 16)
    assert run(*words, tmp_path / "none", "--output", "score") == cli.BAD_INPUT
    assert "Expected whole numbers" in capsys.readouterr().err
