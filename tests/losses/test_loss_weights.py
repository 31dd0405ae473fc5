"""Weights of loss terms: what is minimized changes with them, what is measured does not."""

import keras
import numpy as np
import pytest

from tests.support import linear
from tests.support.linear import BATCH, X
from tests.support.models import FAST, array, assert_equal, flat, values

SAME = np.tile(X[:BATCH], (3, 1))  # Three equal batches, so that each step measures the same KL.


def weights_used(history):
    """The weight of the KL term in each epoch, from the logs."""
    loss, reconstruction, kl = (np.array(history[n]) for n in ("loss", "reconstruction", "kl"))
    return (loss - reconstruction) / kl


def still(model, **kwargs):
    model.compile(keras.optimizers.SGD(0.0), **kwargs)
    return model


def test_a_weight_scales_the_gradient_of_its_term():
    plain, weighted = linear.vae(beta=0.0), linear.vae(beta=3.0)
    expected = linear.train_vae_by_hand(weighted, rate=0.1, beta=3.0, weights=np.ones(len(X)))
    for model in (plain, weighted):
        model.compile(keras.optimizers.SGD(0.1), **FAST)
        model.fit(X, linear.Y, batch_size=BATCH, shuffle=False, verbose=0)
    assert_equal(values(weighted.trainable_variables), expected, rtol=1e-4, atol=1e-6)
    difference = flat(values(plain.trainable_variables)) - flat(expected)
    assert np.abs(difference).max() > 1e-2


def test_the_bound_and_the_terms_do_not_depend_on_the_weights():
    logs = [
        still(linear.vae(beta=beta), **FAST).evaluate(X, return_dict=True, verbose=0)
        for beta in (1.0, 5.0)
    ]
    for name in ("elbo", "reconstruction", "kl"):
        assert logs[1][name] == pytest.approx(logs[0][name], rel=1e-6)
    assert logs[1]["loss"] == pytest.approx(logs[0]["loss"] + 4 * logs[0]["kl"], rel=1e-5)


def test_a_weight_of_any_term_can_be_given_by_name():
    model = linear.vae(loss_weights={"reconstruction": 2.0, "kl": 0.5})
    logs = still(model, **FAST).evaluate(X, return_dict=True, verbose=0)
    expected = 2 * logs["reconstruction"] + 0.5 * logs["kl"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_schedule_moves_with_the_steps_of_a_compiled_fit_and_stands_still_in_evaluation():
    steps = keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [1.0, 4.0, 7.0])
    model = still(linear.vae(beta=steps))
    history = model.fit(SAME, epochs=3, batch_size=BATCH, shuffle=False, verbose=0).history
    # Steps 0 to 2, 3 to 5 and 6 to 8.
    np.testing.assert_allclose(weights_used(history), [1, (4 + 4 + 7) / 3, 7], rtol=1e-4)
    found = [model.evaluate(SAME, return_dict=True, verbose=0) for _ in range(2)]
    logs = {name: [one[name] for one in found] for name in found[0]}
    np.testing.assert_allclose(weights_used(logs), [7, 7], rtol=1e-4)
    assert int(array(model.steps)) == 9


def test_schedules_and_weights_continue_after_loading(tmp_path):
    steps = keras.optimizers.schedules.PiecewiseConstantDecay([2], [1.0, 4.0])
    model = still(linear.vae(beta=steps, loss_weights={"reconstruction": 1.0}), **FAST)
    model.fit(SAME, batch_size=BATCH, verbose=0)
    model.loss_weights["reconstruction"].assign(1.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    logs = loaded.train_on_batch(SAME[:BATCH], return_dict=True)
    expected = 1.5 * logs["reconstruction"] + 4 * logs["kl"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_numbers_are_variables_that_are_not_trained():
    model = linear.vae(beta=0.3)
    assert float(array(model.loss_weights["kl"])) == pytest.approx(0.3)
    assert model.loss_weights["kl"] in model.non_trainable_variables
