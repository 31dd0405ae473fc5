"""The progress bar of long loops, which short ones do without."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae.acceleration import progress
from keras_vae.acceleration.batching import map_batches
from tests.support.small_models import table, tabular_vae

X = np.arange(12.0).reshape(6, 2)


def test_a_short_loop_prints_nothing_unless_it_is_asked_to(capsys):
    for verbose in ("auto", 0):
        map_batches(lambda x: x, X, 2, verbose)
    assert capsys.readouterr().out == ""
    map_batches(lambda x: x, X, 2, 1)
    assert "6/6" in capsys.readouterr().out


def test_a_long_loop_begins_its_bar_after_some_seconds(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 4.0, 5.0, 6.0, 60.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    made, shown = progress.Progress(90), []
    for done in (30, 60, 95):
        made.show(done, drawn=7 * done)
        shown.append(capsys.readouterr().out)
    assert shown[0] == ""
    assert "60/90" in shown[1] and "drawn: 420" in shown[1]
    assert "90/90" in shown[2] and shown[2].endswith("\n")
    progress.Progress(90).show(90)  # Nothing is left to wait for.
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verb", ["impute", "draws", "column_scores"])
def test_verbs_of_tables_show_one(verb, capsys):
    model, x = tabular_vae(), table()
    frame = model.schema.to_frame(x)
    options = {"draws": 2, "seed": 0} if verb == "draws" else {}
    getattr(model, "impute" if verb == "draws" else verb)(frame, verbose=1, **options)
    rows = len(x) * options.get("draws", 1)
    assert f"{rows}/{rows}" in capsys.readouterr().out
