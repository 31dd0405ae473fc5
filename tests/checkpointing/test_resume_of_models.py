"""Each model resumes exactly: an interrupted training ends with the bits of one that is not."""

import keras
import numpy as np

from keras_vae.callbacks import ExactResume
from keras_vae.checkpointing import state
from tests.support.interruption import Stop, StopAt
from tests.support.models import BATCH, CASES, FAST, each

# One with an adversary, whose networks share an optimizer.
QUICK = ("adversarial",)


def train(case, folder, *stop):
    """The state after two epochs, or None if training was stopped."""
    model = case.make()
    model.compile(keras.optimizers.Adam(0.01), **FAST)
    resume = ExactResume(
        folder, callbacks=[StopAt(*stop)], steps=1, minutes=None, say=lambda text: None
    )
    try:
        model.fit(case.x, batch_size=BATCH, epochs=2, callbacks=[resume], verbose=0)
    except Stop:
        return None
    return state.capture(model)


@each(CASES, QUICK)
def test_each_model_ends_with_the_same_bits(case, tmp_path):
    whole = train(case, tmp_path / "whole")
    assert train(case, tmp_path / "parts", "on_train_batch_end", 1) is None
    parts = train(case, tmp_path / "parts")
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(one, other)
