"""Each model resumes exactly: an interrupted training ends with the bits of one that is not."""

import keras
import numpy as np

from keras_vae.callbacks import ExactResume
from keras_vae.checkpointing import files, state
from tests.support.models import BATCH, CASES, FAST, each

# One with an adversary, whose networks share an optimizer.
QUICK = ("adversarial",)


def train(case, folder, messages):
    """The state after two epochs; each step has a checkpoint."""
    model = case.make()
    model.compile(keras.optimizers.Adam(0.01), **FAST)
    resume = ExactResume(folder, steps=1, minutes=None, keep=100, say=messages.append)
    model.fit(case.x, batch_size=BATCH, epochs=2, callbacks=[resume], verbose=0)
    return state.capture(model)


@each(CASES, QUICK)
def test_each_model_ends_with_the_same_bits(case, tmp_path):
    messages: list[str] = []
    whole = train(case, tmp_path, messages)
    assert not messages
    # As if the power had been cut after the first step, of a process that had seen the rest.
    later = sorted(tmp_path.iterdir())
    place = later.index(files.path_of(tmp_path, 0, 1))
    assert len(later) > place + 1
    for path in later[place + 1 :]:
        path.unlink()
    parts = train(case, tmp_path, messages)
    assert len(messages) == 1 and messages[0].startswith("Resumed after 0 epochs and 1 steps")
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(one, other)
