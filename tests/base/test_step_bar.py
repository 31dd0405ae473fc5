"""Progress bars with several steps in one execution count the steps of the data."""

import re

import keras
import numpy as np
import pytest

from tests.support import linear
from tests.support.models import FAST

X = np.resize(linear.X, (20, *linear.X.shape[1:]))


def shown(capsys, steps, verb, **options):
    """Return the pairs of done and all steps that a verb prints."""
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.01), steps_per_execution=steps, **FAST)
    capsys.readouterr()
    getattr(model, verb)(X, batch_size=5, verbose=1, **options)
    text = re.sub(r"\x1b\[\d+m", "", capsys.readouterr().out)
    return [(int(done), int(count)) for done, count in re.findall(r"(\d+)/(\d+) ", text)]


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("steps", [3, 32])
def test_a_bar_never_shows_more_steps_than_there_are(capsys, verb, steps):
    pairs = shown(capsys, steps, verb)
    assert pairs[-1] == (4, 4) and all(done <= count == 4 for done, count in pairs)


def test_a_bar_of_the_user_stays(capsys):
    class Silent(keras.callbacks.ProgbarLogger):
        def _update_progbar(self, batch, logs=None):
            self.seen = batch + 1

    pairs = shown(capsys, 32, "fit", callbacks=[Silent()], epochs=2)
    assert [pair for pair in pairs if pair[1] == 4] == [(4, 4)] * 2
