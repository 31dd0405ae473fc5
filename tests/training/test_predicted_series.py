"""Recordings in bulk prediction: columns by name, all windows of new files, and none left out."""

import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.training.data.loading import load, settings_for, settings_of
from keras_vae.training.prediction import shard_writer
from keras_vae.training.prediction.rows import open_rows
from tests.training.test_series_gaps import WAVES, recording
from tests.training.test_series_sources import STEPS


def write(folder, name, heading, rows=STEPS):
    lines = [",".join(map(str, row)) for row in rows]
    (folder / name).write_text("\n".join([*heading, *lines]) + "\n")
    return f"series:{folder / name}"


def config(source="series:/gone.csv", columns=("left", "right"), **settings):
    settings = {"data": source, "window": 5, "stride": None, "skip_columns": ["time"]} | settings
    return {"settings": settings, "columns": columns, "image_shape": [5, 2]}


def inputs(gaps=False):
    from keras_vae.base.endpoint import RawNumbers

    return [RawNumbers(gaps, None, shape=(None, 5, 2), dtype="float32", name="x")]


def opened(source, about, part=None, gaps=False):
    return open_rows(source, inputs(gaps), part, settings=settings_of(about))


def series_of(rows):
    return rows.read(0, rows.count)[0]


def test_names_of_columns_are_kept_with_the_data(tmp_path):
    data = load(write(tmp_path, "a.csv", ["left,right"]), window=5)
    assert data.columns == ("left", "right")
    stamped = write(tmp_path, "b.csv", ["time,left"])
    assert load(stamped, window=5, skip_columns=["time"]).columns == ("left",)
    assert load(write(tmp_path, "c.csv", []), window=5).columns is None


@pytest.mark.parametrize("order", [["right", "left"], ["right", "more", "left", "time"]])
def test_columns_in_another_order_are_found_by_their_names(tmp_path, capsys, order):
    places = {"left": STEPS[:, 0], "right": STEPS[:, 1], "more": STEPS[:, 0], "time": STEPS[:, 1]}
    rows = np.stack([places[name] for name in order], axis=1)
    source = write(tmp_path, "new.csv", [",".join(order)], rows)
    wanted = STEPS.reshape(6, 5, 2)
    np.testing.assert_array_equal(series_of(opened(source, config())), wanted)
    said = capsys.readouterr().err
    assert ("Passed over in" in said and "'more', which" in said) is ("more" in order)
    found = load(source, **settings_for(source, settings_of(config())))
    np.testing.assert_array_equal(found.train, wanted[:5])


def test_a_file_without_a_column_of_the_training_is_refused(tmp_path):
    source = write(tmp_path, "new.csv", ["left,up"])
    message = "columns left, right in .*, as in the training. Received: left, up, without right"
    with pytest.raises(UsageError, match=message):
        opened(source, config())
    source = write(tmp_path, "bare.csv", [], np.concatenate([STEPS, STEPS], axis=1))
    with pytest.raises(UsageError, match="or as many without a heading. Received: 4 columns"):
        opened(source, config())


def test_files_without_names_and_runs_of_earlier_versions_go_by_place(tmp_path):
    wanted = STEPS.reshape(6, 5, 2)
    bare = write(tmp_path, "bare.csv", [])
    np.testing.assert_array_equal(series_of(opened(bare, config())), wanted)
    named = write(tmp_path, "named.csv", ["up,down"])
    before = {"settings": {"data": "digits", "window": 5}, "image_shape": [5, 2]}
    np.testing.assert_array_equal(series_of(opened(named, before)), wanted)
    np.save(tmp_path / "new.npy", STEPS)  # It has no names, and nothing to skip.
    source = f"series:{tmp_path / 'new.npy'}"
    np.testing.assert_array_equal(series_of(opened(source, config())), wanted)


def test_all_windows_of_a_new_file_are_taken_and_the_test_part_of_the_own_one(tmp_path):
    source = write(tmp_path, "a.csv", ["left,right"])
    every, own = opened(source, config()), opened(source, config(source))
    assert (every.count, every.note) == (6, "") and every.name.endswith(", all")
    assert own.count == 1 and own.note == "; the whole recording has 6: --part all"
    np.testing.assert_array_equal(series_of(own), STEPS[None, -5:])
    assert opened(source, config(source), "all").count == 6
    assert opened(source, config(), "train").count == 5
    with pytest.raises(UsageError, match="--part train or test or all .* Received: validation"):
        opened(source, config(), "validation")


def test_one_window_is_enough_and_a_model_alone_knows_its_length(tmp_path):
    source = write(tmp_path, "short.csv", ["left,right"], STEPS[:6])
    for about in (config(), {}):
        np.testing.assert_array_equal(series_of(opened(source, about)), STEPS[None, :5])
    source = write(tmp_path, "shorter.csv", ["left,right"], STEPS[:4])
    with pytest.raises(UsageError, match="at least 5 steps in .*, those of a window. Received: 4"):
        opened(source, config())


def test_windows_of_gaps_alone_have_no_number_and_keep_the_others_in_their_place(tmp_path, capsys):
    import keras

    from keras_vae.layers import FillGaps
    from tests.training.test_series_gaps import vae

    empty = [(row, column) for row in range(12, 18) for column in range(2)] + [(3, 0)]
    source = f"series:{recording(tmp_path, empty, WAVES[:36])}"
    model = vae(preprocess=[FillGaps([10.0, 0.3])])
    about = {**config(window=6), "image_shape": [6, 2]}
    specs = model.endpoints()["score"].inputs
    rows = open_rows(source, specs, settings=settings_of(about))
    assert "1 series (2), of gaps alone" in capsys.readouterr().err
    options = shard_writer.PredictionOptions("score")
    shard_writer.predict(model, rows, tmp_path / "out", options, log=lambda text: None)
    with np.load(next((tmp_path / "out").glob("part-*"))) as file:
        scores = file["score"]
    assert np.isnan(scores).tolist() == [False, False, True, False, False, False]
    known = ~np.isnan(scores)
    expected = keras.ops.convert_to_numpy(model.score(series_of(rows)[known]))
    np.testing.assert_allclose(scores[known], expected, rtol=1e-4)


def test_a_sensor_that_is_silent_in_a_new_file_is_a_gap(tmp_path):
    path = recording(tmp_path, [(row, 1) for row in range(30)], WAVES[:30])
    found = series_of(opened(f"series:{path}", config(), gaps=True))
    assert np.isnan(found[..., 1]).all() and not np.isnan(found[..., 0]).any()
