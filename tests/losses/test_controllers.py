"""Free bits, capacity and GECO: what they minimize, where they settle, that they are saved."""

import keras
import numpy as np
import pytest

import keras_vae
from keras_vae.losses.controllers import Capacity, FreeBits, Geco
from keras_vae.losses.schedules import LinearWarmUp
from tests.support.models import FAST
from tests.support.objectives import as_numpy, loss_and_gradients

X = (np.random.default_rng(0).random((32, 6)) > 0.5).astype("float32")


def vae(beta=1.0, **kwargs):
    keras.utils.set_random_seed(1)
    networks = keras_vae.nets.dense((6,), latent_dim=2, hidden=(), heads=2)
    return keras_vae.VAE(*networks, beta=beta, seed=3, **kwargs)


def logs(model, x=X):
    model.compile(**FAST)
    return model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)


def minimized(controller, term, mean=None, step=0):
    term = keras.ops.convert_to_tensor(np.asarray(term, "float32"))
    mean = keras.ops.mean(term) if mean is None else mean
    return as_numpy(controller.minimized(term, mean, step))


def test_each_controller_minimizes_a_function_of_the_mean():
    term = [1.0, 2.0, 6.0]
    assert minimized(FreeBits(2.5), term).mean() == pytest.approx(3.0)
    assert minimized(FreeBits(3.5), term).mean() == pytest.approx(3.5)
    assert minimized(Capacity(5.0, gamma=10.0), term).mean() == pytest.approx(20.0)
    assert minimized(Capacity(2.0, gamma=10.0), term).mean() == pytest.approx(10.0)
    assert minimized(Geco(2.0, start=4.0), term).mean() == pytest.approx(4.0)


def test_a_capacity_may_follow_a_schedule():
    rising = Capacity(LinearWarmUp(10, end=5.0), gamma=2.0)
    found = [minimized(rising, [3.0], step=step)[0] for step in (0, 6, 10)]
    np.testing.assert_allclose(found, [6.0, 0.0, 4.0], atol=1e-5)


def test_with_free_bits_the_loss_is_flat_below_the_threshold_and_the_elbo_is_not_touched():
    """Anchor row 24: no gradient comes from the KL term while it is below the threshold."""
    loss, found = loss_and_gradients(vae(FreeBits(50.0)), X)
    zero, wanted = loss_and_gradients(vae(0.0), X)
    assert loss == pytest.approx(zero + 50.0, rel=1e-5)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert logs(vae(FreeBits(50.0)))["elbo"] == pytest.approx(logs(vae())["elbo"], rel=1e-5)


def test_above_the_threshold_free_bits_change_nothing():
    loss, found = loss_and_gradients(vae(FreeBits(1e-3)), X)
    plain, wanted = loss_and_gradients(vae(), X)
    assert loss == pytest.approx(plain, rel=1e-6)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_sample_weights_weigh_the_mean_that_a_controller_sees():
    """Weight 0 for the half of the batch with the greater KL puts the mean below the threshold."""
    model = vae()
    kl = as_numpy(model.posterior(X).kl(model.prior(model.encode(X))))
    nats = (kl.mean() + np.sort(kl)[:16].mean()) / 2
    weights = (kl <= np.sort(kl)[15]).astype("float32")
    free = vae(FreeBits(float(nats)))
    free.compile()
    found = free.evaluate(X, X, sample_weight=weights, batch_size=32, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(found["reconstruction"] + nats, rel=1e-5)


def test_the_multiplier_rises_above_the_target_falls_below_it_and_keeps_its_bounds():
    controller = Geco(10.0, rate=0.01, smoothing=0.5, bounds=(0.5, 2.0))
    controller.update(np.float32(14.0), 0)
    assert float(as_numpy(controller.multiplier)) == pytest.approx(np.exp(0.04), rel=1e-5)
    controller.update(np.float32(2.0), 1)
    assert float(as_numpy(controller.average)) == pytest.approx(8.0)
    assert float(as_numpy(controller.multiplier)) == pytest.approx(np.exp(0.02), rel=1e-5)
    for step in range(2, 30):
        controller.update(np.float32(1000.0), step)
    assert float(as_numpy(controller.multiplier)) == pytest.approx(2.0, rel=1e-5)


@pytest.mark.slow
def test_geco_on_the_kl_term_brings_the_rate_to_its_target():
    """From an untrained rate that is well below it; beta = 1 would take the rate further down."""
    model = vae(Geco(2.0, rate=0.03, smoothing=0.5))
    assert logs(model)["kl"] < 1.5
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(np.tile(X, (250, 1)), batch_size=32, verbose=0)
    assert logs(model)["kl"] == pytest.approx(2.0, abs=0.2)


def test_evaluation_does_not_move_a_controller():
    model = vae(Geco(0.1))
    logs(model)
    assert float(as_numpy(model.loss_weights["kl"].multiplier)) == pytest.approx(1.0)


def test_a_controller_is_saved_with_its_state(tmp_path):
    model = vae(loss_weights={"reconstruction": Geco(2.0, rate=0.1)})
    model.compile("adam", **FAST)
    model.fit(X, batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    geco, loaded = (m.loss_weights["reconstruction"] for m in (model, again))
    assert float(as_numpy(loaded.multiplier)) == float(as_numpy(geco.multiplier)) != 1.0
    assert float(as_numpy(loaded.average)) == float(as_numpy(geco.average)) != 0.0
    assert loaded.get_config()["target"] == 2.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: FreeBits(-1.0),
        lambda: Geco(1.0, rate=0.0),
        lambda: Geco(1.0, smoothing=1.0),
        lambda: Geco(1.0, start=0.1, bounds=(1.0, 2.0)),
    ],
)
def test_a_controller_outside_its_range_is_refused(make):
    with pytest.raises(ValueError, match="Expected.*Received"):
        make()


def test_what_is_no_weight_is_refused():
    with pytest.raises(TypeError, match="a number, a Keras schedule or a controller.*'high'"):
        vae("high")
