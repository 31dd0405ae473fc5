"""Filling in: what is known stays, and the rest is the fixed point that algebra gives."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import array, dense, uniform

X = uniform(5, 6)
KNOWN = np.array(
    [[1, 1, 1, 0, 1, 1], [1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1], [1] * 6, [1, 1, 0, 1, 1, 0]]
)


def projection(size=2):
    """A linear autoencoder that projects on the plane of two random directions."""
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(6, size)))[0].astype("float32")
    model = kv.Autoencoder(*kv.nets.dense((6,), size, hidden=()))
    model.encoder.layers[-1].kernel.assign(basis)
    model.decoder.layers[1].kernel.assign(basis.T)
    return model, (basis @ basis.T).astype("float64")


def test_iterating_a_projection_ends_where_least_squares_does():
    """The missing part u solves u = P_uu u + P_uk k."""
    model, p = projection()
    found = kv.inpaint(model, X, KNOWN, steps=3000)
    for row, known, filled in zip(X, KNOWN == 1, found, strict=True):
        u = ~known
        inverse = np.linalg.inv(np.eye(u.sum()) - p[np.ix_(u, u)])
        wanted = inverse @ p[np.ix_(u, known)] @ row[known]
        np.testing.assert_allclose(filled[u], wanted, rtol=1e-3, atol=1e-4)


def linear(encoder, decoder, mean):
    """The linear autoencoder r(x) = mean + (x - mean) encoder decoder."""
    model = kv.Autoencoder(*kv.nets.dense((6,), len(decoder), hidden=()))
    model.encoder.layers[-1].set_weights([encoder, -mean @ encoder])
    model.decoder.layers[1].set_weights([decoder, mean])
    return model


def test_a_linear_gaussian_model_gives_the_conditional_mean():
    """x = W z + mean + noise: E[x_u | x_k] = m_u + C_uk C_kk^-1 (x_k - m_k) (Bishop, 2.81)."""
    rng = np.random.default_rng(0)
    w, mean, variance = rng.normal(size=(2, 6)), rng.normal(size=6), 0.5
    covariance = w.T @ w + variance * np.eye(6)
    # The posterior mean of z, which is the best code.
    encoder = w.T @ np.linalg.inv(w @ w.T + variance * np.eye(2))
    x = rng.multivariate_normal(mean, covariance, size=5).astype("float32")
    found = kv.inpaint(linear(encoder, w, mean), x, KNOWN, steps=200)
    for row, known, filled in zip(x, KNOWN == 1, found, strict=True):
        u = ~known
        gain = covariance[np.ix_(u, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
        wanted = mean[u] + gain @ (row[known] - mean[known])
        np.testing.assert_allclose(filled[u], wanted, rtol=1e-3, atol=1e-3)


def test_steps_that_would_overshoot_are_damped_until_they_settle():
    """r(x) = -4 P x turns each step around; u = -4 (P_uu u + P_uk k) has one solution."""
    _, p = projection()
    model = linear(-4 * p[:, :2], np.linalg.lstsq(p[:, :2], p, rcond=None)[0], np.zeros(6))
    found = kv.inpaint(model, X, KNOWN, steps=500)
    for row, known, filled in zip(X, KNOWN == 1, found, strict=True):
        u = ~known
        inverse = np.linalg.inv(np.eye(u.sum()) + 4 * p[np.ix_(u, u)])
        wanted = inverse @ (-4 * p[np.ix_(u, known)] @ row[known])
        np.testing.assert_allclose(filled[u], wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("steps", [5, 50, 200])
def test_what_does_not_settle_stays_in_range_and_is_said(steps):
    """r(x) = 3 x: each step would make the masked region three times as large."""
    model = linear(3 * np.eye(6), np.eye(6), np.zeros(6))
    with pytest.warns(UserWarning, match=r"settle within .* steps. Received: 4 of 5 example"):
        found = kv.inpaint(model, X, KNOWN, steps=steps)
    assert np.abs(found).max() <= 3 * np.abs(X).max()
    np.testing.assert_array_equal(found[KNOWN == 1], X[KNOWN == 1])


def test_one_step_is_one_reconstruction_from_the_mean_of_what_is_known():
    model, p = projection()
    start = np.where(KNOWN, X, [[row[k == 1].mean()] for row, k in zip(X, KNOWN, strict=True)])
    wanted = np.where(KNOWN, X, start @ p)
    np.testing.assert_allclose(kv.inpaint(model, X, KNOWN, steps=1), wanted, rtol=1e-4, atol=1e-5)
    wanted = np.where(KNOWN, X, np.where(KNOWN, X, -2.0) @ p)
    found = kv.inpaint(model, X, KNOWN, steps=1, start=-2.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Expected the masked region to settle")
@pytest.mark.parametrize("batch_size", [None, 2])
def test_what_is_known_stays_and_what_is_not_has_no_say(batch_size):
    model = kv.VAE(*dense(heads=2), seed=0)
    found = kv.inpaint(model, X, KNOWN, 3, batch_size=batch_size)
    np.testing.assert_array_equal(found[KNOWN == 1], X[KNOWN == 1])
    holes = np.where(KNOWN, X, np.nan)
    np.testing.assert_allclose(kv.inpaint(model, holes, KNOWN, 3), found, rtol=1e-6)
    assert found.dtype == "float32" and 0 <= found.min() and found.max() <= 1


IMAGES = uniform(3, 4, 6, 1)


def masked():
    sizes = {"width": 8, "blocks": 1, "decoder_blocks": 1, "attention_heads": 2}
    return kv.MaskedAutoencoder((4, 6, 1), 2, latent_dim=3, mask_ratio=0.5, seed=0, **sizes)


def test_a_masked_autoencoder_looks_at_whole_patches_alone():
    model = masked()
    mask = np.ones((4, 6))
    mask[1, 2] = 0  # In patch 1 of 6; its three other pixels are known and kept.
    found = kv.inpaint(model, np.where(mask[..., None], IMAGES, np.nan), mask)
    visible = np.tile(np.array([1, 0, 1, 1, 1, 1], "float32"), (3, 1))
    decoded = array(model.decode(model.encode_visible(IMAGES, visible)))
    wanted = np.where(mask[..., None], IMAGES, decoded)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


MASK = (np.arange(24).reshape(4, 6) % 5 > 0).astype(int)


@pytest.mark.parametrize(
    "mask",
    [
        MASK,
        MASK[..., None],
        np.tile(MASK, (3, 1, 1)),
        np.tile(MASK[..., None], (3, 1, 1, 1)),
        MASK > 0,
    ],
    ids=["image", "channel", "batch", "all", "bool"],
)
def test_a_mask_may_be_of_one_image_or_of_all(mask):
    model = kv.Autoencoder(*dense(shape=(4, 6, 1)), seed=0)
    found = kv.inpaint(model, IMAGES, mask, steps=1)
    kept = np.tile(MASK[..., None], (3, 1, 1, 1)) == 1
    np.testing.assert_array_equal(found == IMAGES, kept)


@pytest.mark.filterwarnings("ignore:Expected the masked region to settle")
def test_a_condition_goes_with_the_examples():
    networks = kv.nets.conditional(kv.nets.dense, (6,), 3, 2, hidden=(5,))
    model = kv.ConditionalVAE(*networks, seed=0)
    one, other = (
        kv.inpaint(model, (X, np.tile(np.eye(2, dtype="float32")[c], (5, 1))), KNOWN, 2)
        for c in (0, 1)
    )
    assert np.abs(one - other)[KNOWN == 0].max() > 1e-5
    np.testing.assert_array_equal(one[KNOWN == 1], X[KNOWN == 1])


@pytest.mark.slow
def test_patches_that_are_covered_come_back_from_a_denoiser():
    """Images of one level each: a denoiser trained to uncover them beats the mean image."""
    levels = np.random.default_rng(0).random((256, 1, 1, 1), dtype="float32")
    x = np.broadcast_to(levels, (256, 4, 6, 1)).copy()
    keras.utils.set_random_seed(0)
    corruption = kv.layers.RectangleOcclusion(2, 3, seed=0)
    networks = kv.nets.dense((4, 6, 1), 4, hidden=(16,))
    model = kv.DenoisingAutoencoder(*networks, corruption=corruption, seed=0)
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(x, epochs=60, batch_size=32, verbose=0)
    mask = np.ones((4, 6))
    mask[:2, :3] = 0
    holes = mask == 0
    error = np.mean((kv.inpaint(model, x, mask, steps=1, start=0.0)[:, holes] - x[:, holes]) ** 2)
    assert error < 0.1 * np.var(levels)


VAE = kv.VAE(*dense(heads=2), seed=0)
BAD = {
    "another shape": ((VAE, X, KNOWN[:, :5]), r"the shape of x, \(5, 6\).*\(5, 5\)"),
    "fractions": ((VAE, X, KNOWN * 0.5), "a mask of 1.*0.5"),
    "nothing known": ((VAE, X, KNOWN * (np.arange(5) > 1)[:, None]), "2 example"),
    "NaN that is known": ((VAE, np.where(KNOWN, X, np.nan), np.ones(6)), "finite values in x"),
    "beyond the data": ((VAE, X * 300, KNOWN), r"x in \[0, 1\]"),
    "no steps": ((VAE, X, KNOWN, 0), "steps of at least 1. Received: steps=0"),
    "no model": ((VAE.encoder, X, KNOWN), "an autoencoder of keras_vae"),
    "no whole patch": (
        (masked(), IMAGES, np.tile([[1, 0], [1, 1]], (2, 3))),
        "at least one patch of 2x2 pixels.*3 example",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_filled_in_is_refused(name):
    arguments, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=f"Expected .*{message}"):
        kv.inpaint(*arguments)


def test_a_change_next_to_zeros_is_told_within_bounds():
    """Each change is infinitely large in terms of known elements of 0."""
    model = linear(3 * np.eye(6), np.eye(6), np.ones(6))
    with pytest.warns(UserWarning, match=r"still change by up to 1000\.0%"):
        kv.inpaint(model, np.zeros((1, 6), "float32"), KNOWN[:1], steps=5)


@pytest.mark.tensorflow
def test_a_second_call_runs_no_layer_from_python():
    """Nor does sample_posterior: both use the networks that verbs compiled."""
    traced = []

    class Told(keras.layers.Layer):
        def call(self, z):
            traced.append(z)
            return z

    encoder, decoder = kv.nets.dense((6,), 2, hidden=(3,))
    encoder = keras.Sequential([keras.Input((6,)), Told(), encoder])
    model = kv.Autoencoder(encoder, decoder)
    for function in (
        lambda: kv.inpaint(model, X, KNOWN, steps=1),
        lambda: kv.samplers.sample_posterior(model, X),
    ):
        first, count = function(), len(traced)
        np.testing.assert_array_equal(function(), first)
        assert len(traced) == count
