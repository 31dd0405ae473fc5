"""Perceptual and adversarial terms of any model of images, against NumPy."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.losses.gradient_ratio import last_kernel
from tests.support.extra_terms import ROWS, SHAPE, X, adversarial, critic, features, model_of, step
from tests.support.models import array
from tests.support.objectives import loss_and_gradients


@pytest.mark.parametrize("normalize", [True, False])
def test_the_perceptual_term_is_the_mean_distance_of_features_at_their_places(normalize):
    network, wanted = features(), 0.0
    term = kv.losses.PerceptualTerm(network, ["first", "second"], 7.0, normalize)
    model = model_of(term)
    both = [array(x).astype("float64") for x in (X, model.reconstruct(X))]
    for name in ("first", "second"):
        layer = keras.Model(network.inputs[0], network.get_layer(name).output)
        found = [array(layer(x)).astype("float64") for x in both]
        if normalize:
            found = [f / np.sqrt((f * f).sum(-1, keepdims=True) + 1e-8) for f in found]
        wanted += np.square(found[0] - found[1]).sum(-1).mean((1, 2)).mean()
    loss, logs = step(model)
    assert logs["perceptual"] == pytest.approx(wanted, rel=1e-4)
    assert loss == pytest.approx(logs["reconstruction"] + 7.0 * wanted, rel=1e-4)


def test_features_are_frozen_and_teach_the_networks():
    network = features()
    model = model_of(kv.losses.PerceptualTerm(network), loss_weights={"reconstruction": 0.0})
    _, gradients = loss_and_gradients(model, X)
    assert not {id(w) for w in network.weights} & {id(w) for w in model.trainable_variables}
    assert all(np.abs(gradient).max() > 0.0 for gradient in gradients)


def patches():
    return kv.nets.patch_discriminator(SHAPE, (2,))


@pytest.mark.parametrize("network", [critic, patches])
@pytest.mark.parametrize("loss", ["hinge", "logistic"])
def test_the_adversarial_terms_are_those_of_the_log_odds(network, loss):
    discriminator = network()
    model = model_of(adversarial(discriminator, loss=loss, weight=0.5))
    images = (X, array(model.reconstruct(X)))
    real, fake = (array(discriminator(x)).astype("float64").reshape(6, -1) for x in images)
    if loss == "hinge":
        opponent, judge = -fake, 0.5 * (np.maximum(0, 1 - real) + np.maximum(0, 1 + fake))
    else:
        opponent = np.log1p(np.exp(-fake))
        judge = 0.5 * (np.log1p(np.exp(-real)) + np.log1p(np.exp(fake)))
    total, logs = step(model)
    assert logs["adversarial"] == pytest.approx(opponent.mean(), rel=1e-4, abs=1e-6)
    assert logs["discriminator"] == pytest.approx(judge.mean(), rel=1e-4)
    parts = logs["reconstruction"] + 0.5 * opponent.mean() + judge.mean()
    assert total == pytest.approx(parts, rel=1e-5)


@pytest.mark.parametrize("name", ["adversarial", "discriminator"])
def test_each_adversarial_term_moves_its_own_part(name):
    discriminator = critic()
    model = model_of(adversarial(discriminator))
    model.loss_weights.update({term: float(term == name) for term in model.terms})
    _, gradients = loss_and_gradients(model, X)
    own = {id(variable) for variable in discriminator.trainable_variables}
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        moves = (id(variable) in own) == (name == "discriminator")
        # Hinge: the biases of true and false images cancel while both are within the margin.
        assert (np.abs(gradient).max() > 0.0) == moves or variable.shape == (1,)


def test_both_adversarial_terms_count_from_the_start_step_on():
    model, plain = model_of(adversarial(start_step=2)), model_of()
    losses = [[step(each)[0] for _ in range(3)] for each in (model, plain)]
    gaps = np.subtract(*losses)
    assert gaps[:2] == pytest.approx([0.0, 0.0], abs=1e-5) and abs(gaps[2]) > 1e-2


@pytest.mark.parametrize("rows", [None, ROWS])
def test_the_adaptive_weight_is_the_ratio_of_gradients_by_hand(rows):
    """With h before the last kernel: h^T (x' - x) of the density, and h^T (-w) of the opponent."""
    discriminator = critic()
    model = model_of(adversarial(discriminator, adaptive=True))
    kernel = last_kernel(model.decoder)
    assert kernel.shape == (5, 16)
    layers = model.decoder.layers
    before = next(one for one in layers if getattr(one, "kernel", None) is kernel).input
    hidden = array(keras.Model(model.decoder.inputs[0], before)(model.encode(X))).astype("float64")
    weights = (np.ones(6) if rows is None else rows)[:, None]
    error = (array(model.reconstruct(X)) - X).reshape(6, 16).astype("float64")
    of_density = hidden.T @ (weights * error)
    of_opponent = hidden.T @ (-weights * array(discriminator.weights[0])[:, 0].astype("float64"))
    wanted = np.linalg.norm(of_density) / (np.linalg.norm(of_opponent) + 1e-6)
    assert step(model, rows)[1]["adaptive_weight"] == pytest.approx(wanted, rel=1e-4)


def test_the_opponent_then_moves_the_last_kernel_as_much_as_the_rest_does():
    """The perceptual term is part of the rest, and `weight` multiplies the balance."""
    kept = kv.losses.PerceptualTerm(features(), weight=5.0)
    adaptive = model_of(kept, adversarial(adaptive=True, weight=0.25))
    norms = []
    for off in ({"adversarial": 0.0}, {}):
        model = adaptive
        model.loss_weights.update({"adversarial": 0.25, **off})
        place = [id(v) for v in model.trainable_variables].index(id(last_kernel(model.decoder)))
        norms.append(loss_and_gradients(model, X)[1][place].astype("float64"))
    rest, opponent = norms[0], norms[1] - norms[0]
    assert np.linalg.norm(opponent) == pytest.approx(0.25 * np.linalg.norm(rest), rel=1e-3)


def test_evaluation_uses_the_factor_of_the_last_training_step():
    model = model_of(adversarial(adaptive=True, weight=2.0))
    _, trained = step(model)
    total, logs = step(model, ROWS, training=False)
    assert logs["adaptive_weight"] == pytest.approx(trained["adaptive_weight"], rel=1e-6)
    weighted = 2.0 * logs["adaptive_weight"] * logs["adversarial"]
    parts = logs["reconstruction"] + logs["discriminator"] + weighted
    assert logs["loss"] == pytest.approx(parts, rel=1e-5) and total > 0.0


def test_labels_as_targets_leave_images_to_extra_terms():
    class Labeled(kv.Autoencoder):
        def check_target(self, y):
            pass

        def loss_terms(self, x, y, training=False):
            return super().loss_terms(x, x, training)

    model = model_of(kv.losses.PerceptualTerm(features()), cls=Labeled)
    data = [keras.ops.convert_to_tensor(part) for part in (X, np.arange(6))]
    _, logs = model.loss_and_logs(tuple(data), True)
    assert array(logs["perceptual"]) == pytest.approx(step(model)[1]["perceptual"], rel=1e-6)


@pytest.mark.parametrize("cls", [kv.VAE, kv.DIPVAE, kv.FreeBitsVAE, kv.RAE, kv.VQVAE, kv.FSQ])
def test_every_model_takes_them(cls):
    terms = [kv.losses.PerceptualTerm(features(), weight=3.0), adversarial(adaptive=True)]
    keras.utils.set_random_seed(0)
    given = {"extra_terms": terms, "likelihood": "bernoulli", "seed": 0}
    if cls in (kv.VQVAE, kv.FSQ):
        size = {"codebook_size": 4} if cls is kv.VQVAE else {"levels": (4, 4)}
        networks = kv.nets.conv_map(SHAPE, 2, (2,))
        model = cls(*networks, **size, **given)
    else:
        model = cls(*kv.nets.dense(SHAPE, 2, (5,), heads=1 if cls is kv.RAE else 2), **given)
    _, logs = step(model)
    assert {"perceptual", "adversarial", "discriminator", "adaptive_weight"} <= logs.keys()
    assert np.isfinite(list(logs.values())).all() and logs["adaptive_weight"] >= 0.0


def test_weights_are_set_as_those_of_other_terms():
    warm_up = kv.schedules.LinearWarmUp(10)
    model = model_of(kv.losses.PerceptualTerm(features(), weight=warm_up), adversarial(weight=2.0))
    assert model.loss_weights["perceptual"] is warm_up
    model.loss_weights["adversarial"] = 0.5
    again = kv.Autoencoder.from_config(model.get_config())
    assert again.loss_weights.setting("adversarial") == 0.5
    assert again.terms == model.terms and isinstance(
        again.loss_weights["perceptual"], kv.schedules.LinearWarmUp
    )
