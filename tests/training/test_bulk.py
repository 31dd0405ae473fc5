"""Bulk prediction: each row once, in order, and the same bytes however often it was interrupted."""

import functools
import json

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.files import digests, hashed_json
from keras_vae.training.prediction import shard_writer, shards
from keras_vae.training.prediction.rows import open_rows
from keras_vae.training.runs import folder_lock
from tests.support.image_files import picture, save

SHAPE = (8, 8, 1)
X = np.random.default_rng(0).integers(0, 256, (23, *SHAPE), np.uint8)
PIXELS = X.astype("float32") / 255
ROWS_PER_SHARD, BATCH = 10, 4  # Ragged shards of ragged batches.


@functools.cache
def model(seed=0):
    keras.utils.set_random_seed(seed)
    return kv.VAE(*kv.nets.dense(SHAPE, 3, (16,), heads=2), seed=0)


def predict(out, source, output="encode", made=None, part=None, **options):
    made = made or model()
    rows = open_rows(str(source), made.endpoints()[output].inputs, part)
    calls = {name: options.pop(name) for name in ("progress", "log") if name in options}
    arguments = {"rows_per_shard": ROWS_PER_SHARD, "batch_size": BATCH, **options}
    return shard_writer.predict(
        made,
        rows,
        out,
        shard_writer.PredictionOptions(output, **arguments),
        **{"log": lambda text: None, **calls},
    )


def saved(folder, array=X, name="x.npy"):
    np.save(folder / name, array)
    return folder / name


def joined(out, name):
    """All rows, in the order of the names of the files."""
    return np.concatenate([np.load(path)[name] for path in sorted(out.glob("part-*.npz"))])


def contents(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("array", [X, X[..., 0], PIXELS, PIXELS.astype("float64")])
def test_every_row_is_answered_once_and_in_order(tmp_path, array):
    predict(tmp_path / "out", saved(tmp_path, array))
    expected = keras.ops.convert_to_numpy(model().encode(PIXELS))
    np.testing.assert_allclose(joined(tmp_path / "out", "z_mean"), expected, rtol=1e-4, atol=1e-5)
    names = sorted(path.name for path in (tmp_path / "out").glob("part-*"))
    assert names == [f"part-{i:05}-of-00003.npz" for i in range(3)]


def test_scores_come_with_their_terms(tmp_path):
    predict(tmp_path / "out", saved(tmp_path), "score")
    expected = keras.ops.convert_to_numpy(model().score(PIXELS))
    np.testing.assert_allclose(joined(tmp_path / "out", "score"), expected, rtol=1e-4)
    terms = joined(tmp_path / "out", "reconstruction_error") + joined(tmp_path / "out", "kl")
    np.testing.assert_allclose(terms, expected, rtol=1e-4)


def test_codes_that_were_written_are_decoded_to_the_reconstructions(tmp_path):
    source = saved(tmp_path)
    predict(tmp_path / "codes", source, rows_per_shard=7)
    predict(tmp_path / "decoded", tmp_path / "codes", "decode")
    predict(tmp_path / "straight", source, "reconstruct")
    decoded, straight = (joined(tmp_path / n, "reconstruction") for n in ("decoded", "straight"))
    np.testing.assert_allclose(decoded, straight, rtol=1e-4, atol=1e-5)


# Folders from strangers, whose hashes are right.


def written(folder, content, arrays=None):
    """A manifest with its hash, and shards of these arrays with theirs."""
    for number, array in enumerate(arrays or ()):
        path = folder / f"part-{number:05}-of-{len(arrays):05}.npz"
        np.savez(path, z=array)
        content[shards.SHARDS][path.name] = digests.of_file(path)
    (folder / shards.MANIFEST).write_text(json.dumps(hashed_json.add_hash(content)))


def manifest(**changes):
    options = {"format": "npz", "rows_per_shard": 10, "batch_size": 4}
    about = {"rows": 10, "options": options, "arrays": {"z": ["float32", [3]]}, shards.SHARDS: {}}
    return {**about, **changes, "options": options | changes.get("options", {})}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"options": {"format": "x/../../../secret.npy"}}, "format 'x"),
        ({"options": {"format": 3}}, "format 3"),
        ({"options": {"rows_per_shard": 0}}, "rows_per_shard 0"),
        ({"options": {"batch_size": "4"}}, "batch_size '4'"),
        ({"rows": -1}, "rows -1"),
        ({"rows": 0}, "rows 0"),
        ({"rows": 1.5}, "rows 1.5"),
        ({"arrays": {}}, "arrays {}"),
        ({"arrays": {"z": "float32"}}, "arrays {'z'"),
        ({shards.SHARDS: ["part"]}, "shards"),
    ],
)
def test_a_manifest_that_predict_cannot_have_written_is_refused(tmp_path, changes, named):
    written(tmp_path, manifest(**changes))
    with pytest.raises(
        ValueError, match=f"Expected .*of keras-vae predict. Received: one with {named}"
    ):
        shards.read_manifest(tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 3), "float32"),
        np.zeros((20, 3), "float32"),
        np.zeros((10, 4), "float32"),
        np.zeros((10, 3), "float64"),
        np.zeros((), "float32"),
    ],
    ids=["fewer rows", "more rows", "another shape", "another type", "no rows"],
)
def test_a_shard_with_other_rows_than_its_manifest_says_is_refused(tmp_path, array):
    written(tmp_path, manifest(), [array])
    found = shards.read_whole(tmp_path)
    with pytest.raises(ValueError, match=r"Expected float32 of shape \(10, 3\) as z in"):
        found.read("z", 0, 10)


def test_a_shard_without_its_array_is_refused(tmp_path):
    written(tmp_path, manifest(arrays={"other": ["float32", [3]]}), [np.zeros((10, 3), "float32")])
    with pytest.raises(ValueError, match="Expected the array other in"):
        shards.read_whole(tmp_path).read("other", 0, 10)


def test_a_folder_of_the_user_is_refused_with_all_its_files(tmp_path):
    names = (".notes.tmp.txt", ".vimrc.tmp", "thesis.txt", ".probe.results")
    for name in names:
        (tmp_path / name).write_text("precious")
    (tmp_path / ".cache.tmp").mkdir()
    with folder_lock.lock(tmp_path), pytest.raises(FileExistsError, match="thesis.txt in it"):
        shards.start(tmp_path, {"rows": 1, "options": {"rows_per_shard": 1}})
    assert {path.name for path in tmp_path.iterdir()} == {*names, ".cache.tmp"}


def test_npy_files_hold_the_answer_alone(tmp_path):
    predict(tmp_path / "out", saved(tmp_path), "score", format="npy")
    files = sorted((tmp_path / "out").glob("part-*.npy"))
    found = np.concatenate([np.load(path) for path in files])
    expected = keras.ops.convert_to_numpy(model().score(PIXELS))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def stop_at(row):
    def progress(done, count):
        if done >= row:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("row, first", [(1, 4), (12, 14), (23, 23)])
def test_an_interrupted_prediction_goes_on_and_ends_with_the_same_bytes(tmp_path, row, first):
    source = saved(tmp_path)
    predict(tmp_path / "whole", source)
    with pytest.raises(KeyboardInterrupt):
        predict(tmp_path / "out", source, progress=stop_at(row))
    seen = []
    predict(tmp_path / "out", source, progress=lambda done, count: seen.append(done))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert seen[0] == first
    predict(tmp_path / "out", source, progress=stop_at(0))  # Nothing is left.


def test_a_file_that_is_damaged_or_gone_is_made_again(tmp_path):
    source, said = saved(tmp_path), []
    predict(tmp_path / "out", source)
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "part-00000-of-00003.npz").write_bytes(b"damaged")
    (tmp_path / "out" / "part-00002-of-00003.npz").unlink()
    predict(tmp_path / "out", source, log=said.append)
    assert contents(tmp_path / "out") == before
    assert "part-00000" in said[0] and "part-00002" in said[1] and "10 of 23" in said[2]


@pytest.mark.parametrize(
    "change, named",
    [
        (lambda folder: {"source": saved(folder, X[::-1], "y.npy")}, "source"),
        (lambda folder: {"identity": "of another file"}, "model"),
        (lambda folder: {"rows_per_shard": 5}, "'rows_per_shard': 5"),
        (lambda folder: {"batch_size": 5}, "'batch_size': 5"),
        (lambda folder: {"output": "score"}, "'output': 'score'"),
        (lambda folder: {"format": "npy"}, "'format': 'npy'"),
    ],
    ids=["source", "model", "rows", "batch", "output", "format"],
)
def test_what_was_begun_with_something_else_is_refused(tmp_path, change, named):
    source = saved(tmp_path)
    predict(tmp_path / "out", source)
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match=f"Expected the model, .* Received: .*{named}"):
        predict(tmp_path / "out", **{"source": source, **change(tmp_path)})
    assert contents(tmp_path / "out") == before


def test_a_manifest_that_was_changed_is_refused(tmp_path):
    source = saved(tmp_path)
    predict(tmp_path / "out", source)
    path = tmp_path / "out" / shards.MANIFEST
    path.write_text(path.read_text().replace('"rows": 23', '"rows": 24'))
    with pytest.raises(ValueError, match=f"Expected {path} as it was written"):
        predict(tmp_path / "out", source)


def test_codes_of_a_prediction_that_is_not_at_its_end_are_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        predict(tmp_path / "out", saved(tmp_path), progress=stop_at(12))
    with pytest.raises(ValueError, match="Expected a whole .*part-00001-of-00003.npz"):
        predict(tmp_path / "decoded", tmp_path / "out", "decode")


def test_a_row_that_the_model_does_not_take_is_named_and_the_files_before_it_are_kept(tmp_path):
    wrong = PIXELS.copy()
    wrong[13, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"finite .* \(In rows 10 to 13 of .*x.npy"):
        predict(tmp_path / "out", saved(tmp_path, wrong))
    assert len(list((tmp_path / "out").glob("part-*"))) == 1
    with pytest.raises(ValueError, match="Expected a whole"):
        shards.read_whole(tmp_path / "out")


def test_pictures_are_taken_in_the_order_of_their_paths_and_their_paths_are_kept(tmp_path):
    for name in ("b.png", "a/2.png", "c/1.png"):
        save(tmp_path / "pictures" / name, picture(ord(name[0]), (8, 8)))
    predict(tmp_path / "out", tmp_path / "pictures")
    assert joined(tmp_path / "out", "path").tolist() == ["a/2.png", "b.png", "c/1.png"]
    pixels = np.stack([picture(ord(name), (8, 8)) for name in "abc"])[..., None] / np.float32(255)
    expected = keras.ops.convert_to_numpy(model().encode(pixels))
    np.testing.assert_allclose(joined(tmp_path / "out", "z_mean"), expected, rtol=1e-4, atol=1e-5)


def test_a_condition_comes_from_an_array_of_its_name(tmp_path):
    keras.utils.set_random_seed(0)
    networks = kv.nets.conditional(kv.nets.dense, SHAPE, 3, 4, hidden=(16,))
    made = kv.ConditionalVAE(*networks, seed=0)
    condition = np.eye(4, dtype="float32")[np.arange(23) % 4]
    np.savez(tmp_path / "x.npz", x=X, condition=condition)
    predict(tmp_path / "out", tmp_path / "x.npz", made=made)
    expected = keras.ops.convert_to_numpy(made.encode((PIXELS, condition)))
    np.testing.assert_allclose(joined(tmp_path / "out", "z_mean"), expected, rtol=1e-4, atol=1e-5)


def test_integer_codes_stay_integers(tmp_path):
    keras.utils.set_random_seed(0)
    made = kv.VQVAE(*kv.nets.dense(SHAPE, 3, (16,)), codebook_size=5)
    predict(tmp_path / "codes", saved(tmp_path), made=made)
    assert joined(tmp_path / "codes", "z").dtype == np.int32
    predict(tmp_path / "out", tmp_path / "codes", "decode", made=made)
    expected = keras.ops.convert_to_numpy(made.reconstruct(PIXELS))
    found = joined(tmp_path / "out", "reconstruction")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_arrays_of_a_file_are_in_the_order_of_the_endpoint(tmp_path):
    found = predict(tmp_path / "out", saved(tmp_path), "score")
    assert found.arrays == tuple(model().endpoints()["score"].function(PIXELS[:1]))
    assert found.arrays[0] == "score"
