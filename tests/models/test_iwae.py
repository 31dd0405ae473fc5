"""IWAE on a Gaussian whose marginal likelihood is known: p(z) = N(0, 1), p(x | z) = N(z, 1)."""

import keras
import numpy as np
import pytest

from keras_vae import nets
from keras_vae.models.iwae import IWAE
from keras_vae.models.vae import VAE
from tests.support.differentiation import gradient
from tests.support.objectives import as_numpy, loss_and_gradients, terms

LOG_MARGINAL_AT_0 = -1.2655121  # N(0; 0, 2)


def gaussian(slope, variance, kind=IWAE, **kwargs):
    """q(z | x) = N(slope * x, variance), p(x | z) = N(z, 1)."""
    x, z = keras.Input((1,)), keras.Input((1,))
    encoder = keras.Model(x, [slope * x, 0.0 * x + np.log(variance).astype("float32")])
    return kind(encoder, keras.Model(z, 1.0 * z), likelihood="normal", seed=5, **kwargs)


@pytest.mark.parametrize(
    ("samples", "bound"), [(1, -1.4189385), (2, -1.3173039), (5, -1.28263), (50, -1.26713)]
)
def test_the_bound_has_its_known_value_for_each_number_of_samples(samples, bound):
    """Anchor row 8: the prior as posterior, x = 0."""
    x = np.zeros((100_000 // samples, 1), "float32")
    found = -terms(gaussian(0.0, 1.0, samples=samples), x)["iwae"]
    assert abs(found.mean() - bound) < 4 * found.std() / np.sqrt(len(x)) + 6e-5
    assert bound < LOG_MARGINAL_AT_0


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_groups_give_the_mean_of_their_bounds_and_a_share_of_the_elbo(share):
    """The bounds of 2 samples and of 1 above, whatever the number of groups."""
    model = gaussian(0.0, 1.0, samples=2, groups=5, elbo_share=share)
    found = -terms(model, np.zeros((10_000, 1), "float32"))["iwae"]
    bound = (1 - share) * -1.3173039 + share * -1.4189385
    assert abs(found.mean() - bound) < 4 * found.std() / 100
    assert found.std() < 0.3


@pytest.mark.parametrize("gradient", ["iwae", "dreg"])
def test_with_the_true_posterior_every_bound_is_the_marginal_without_variance(gradient):
    """Anchor row 8: q = N(x / 2, 1 / 2)."""
    x = np.linspace(-2, 2, 9, dtype="float32")[:, None]
    expected = -0.5 * np.log(4 * np.pi) - x[:, 0] ** 2 / 4
    for samples in (1, 2, 7):
        found = terms(gaussian(0.5, 0.5, samples=samples, gradient=gradient), x)
        np.testing.assert_allclose(-found["iwae"], expected, atol=1e-5)


def test_one_sample_makes_it_a_vae():
    """The same noise gives the same reconstruction; the KL term is estimated from it."""
    x = np.linspace(-2, 2, 50, dtype="float32")[:, None]
    one, vae = gaussian(0.9, 0.2, samples=1), gaussian(0.9, 0.2, VAE)
    found, expected = terms(one, x), terms(vae, x)
    np.testing.assert_allclose(found["reconstruction"], expected["reconstruction"], rtol=1e-5)
    bound = found["reconstruction"] + found["kl"]
    np.testing.assert_allclose(found["iwae"], bound, rtol=1e-4, atol=1e-4)


def test_the_bound_never_lies_below_the_elbo_of_the_same_samples():
    found = terms(gaussian(1.5, 3.0, samples=8), np.ones((200, 1), "float32"))
    assert np.all(found["iwae"] <= found["reconstruction"] + found["kl"] + 1e-5)


# Gradients of the encoder. Its mean is its input here, so that each row is a draw of the gradient.


def encoder_gradients(kind, samples, rows=40_000, variance=0.8, groups=1):
    model = gaussian(1.0, variance, samples=samples, gradient=kind, groups=groups)
    y = np.full((rows, 1), 1.2, "float32")
    means = np.full((rows, 1), 0.1, "float32")
    return gradient(lambda x: model.loss_terms(x, y, True)["iwae"], means)[0][:, 0]


@pytest.mark.slow
def test_the_signal_to_noise_ratio_falls_with_samples_for_iwae_and_rises_for_dreg():
    """Anchor row 9: as k^-1/2 (Rainforth et al. 2018) and as k^+1/2 (Tucker et al. 2019)."""
    samples = np.array([8, 32, 128])
    for kind, exponent in (("iwae", -0.5), ("dreg", 0.5)):
        draws = [encoder_gradients(kind, k) for k in samples]
        ratios = [abs(d.mean()) / d.std() for d in draws]
        slope = np.polyfit(np.log(samples), np.log(ratios), 1)[0]
        assert slope == pytest.approx(exponent, abs=0.1)


@pytest.mark.parametrize("samples", [2, 6])
def test_the_doubly_reparameterized_gradient_has_the_mean_of_the_plain_one(samples):
    """Anchor row 9."""
    plain, dreg = (encoder_gradients(kind, samples) for kind in ("iwae", "dreg"))
    error = np.hypot(plain.std(), dreg.std()) / np.sqrt(len(plain))
    assert abs(plain.mean() - dreg.mean()) < 3 * error
    assert abs(plain.mean()) > 10 * error


def test_at_the_true_posterior_the_doubly_reparameterized_gradient_is_exactly_0():
    """Anchor row 9: with one sample it is the "sticking the landing" gradient, 0 as well."""
    y = np.full((50, 1), 1.2, "float32")
    for samples in (1, 4):
        model = gaussian(1.0, 0.5, samples=samples, gradient="dreg")
        (found,) = gradient(lambda x, m=model: m.loss_terms(x, y, True)["iwae"], y / 2)
        np.testing.assert_allclose(found, 0.0, atol=1e-6)
        model = gaussian(1.0, 0.5, samples=samples)
        (found,) = gradient(lambda x, m=model: m.loss_terms(x, y, True)["iwae"], y / 2)
        assert np.abs(found).max() > 0.1


def test_dreg_changes_the_gradient_of_the_encoder_alone():
    keras.utils.set_random_seed(0)
    x = (np.random.default_rng(0).random((16, 5)) > 0.5).astype("float32")
    e, z = keras.Input((5,)), keras.Input((2, 3))
    heads = [keras.layers.Reshape((2, 3))(keras.layers.Dense(6)(e)) for _ in range(2)]
    encoder = keras.Model(e, heads)
    decoder = keras.Model(z, keras.layers.Dense(5)(keras.layers.Flatten()(z)))
    losses = [
        loss_and_gradients(IWAE(encoder, decoder, samples=3, gradient=kind, seed=1), x)
        for kind in ("iwae", "dreg")
    ]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-6)
    for plain, dreg in zip(losses[0][1][-2:], losses[1][1][-2:], strict=True):
        np.testing.assert_allclose(plain, dreg, rtol=1e-4, atol=1e-6)
    assert np.abs(losses[0][1][0] - losses[1][1][0]).max() > 1e-3


def two_layers():
    keras.utils.set_random_seed(0)
    e, z = keras.Input((5,)), keras.Input((3,))
    encoder = keras.Model(e, [keras.layers.Dense(3)(e) for _ in range(2)])
    return encoder, keras.Model(z, keras.layers.Dense(5)(z))


def test_piwae_trains_the_decoder_on_all_samples_and_the_encoder_on_groups():
    """The same noise in all: gradients of the parts are those of the plain bounds."""
    x = (np.random.default_rng(0).random((16, 5)) > 0.5).astype("float32")
    networks = two_layers()
    of_all, of_groups, both = (
        loss_and_gradients(IWAE(*networks, seed=1, **options), x)
        for options in (
            {"samples": 12},
            {"samples": 3, "groups": 4},
            {"samples": 3, "groups": 4, "gradient": "piwae"},
        )
    )
    assert both[0] == pytest.approx(of_all[0], rel=1e-6)
    for part, wanted, other in ((slice(4), of_groups, of_all), (slice(4, 6), of_all, of_groups)):
        for found, expected, unlike in zip(
            both[1][part], wanted[1][part], other[1][part], strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
            assert np.abs(found - unlike).max() > 1e-4


def test_the_doubly_reparameterized_gradient_of_groups_has_the_mean_of_the_plain_one():
    found = [encoder_gradients(kind, 3, 20_000, groups=2) for kind in ("iwae", "dreg")]
    error = np.hypot(*(each.std() for each in found)) / np.sqrt(20_000)
    assert abs(found[0].mean() - found[1].mean()) < 3 * error
    assert found[1].std() < found[0].std()


def test_only_the_importance_weighted_bound_is_minimized():
    model = gaussian(0.7, 0.4, samples=3)
    model.compile()
    x = np.ones((8, 1), "float32")
    logs = model.evaluate(x, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["iwae"], rel=1e-6)
    assert logs["elbo"] == pytest.approx(-logs["reconstruction"] - logs["kl"], rel=1e-6)
    assert tuple(as_numpy(model.score(x)).shape) == (8,)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"samples": 0}, "samples of at least 1. Received: samples=0"),
        ({"gradient": "reinforce"}, "'dreg' or 'piwae'. Received: gradient='reinforce'"),
        ({"groups": 0}, "groups of at least 1. Received: groups=0"),
        ({"elbo_share": 1.5}, "Received: elbo_share=1.5"),
        ({"elbo_share": 0.5, "gradient": "dreg"}, "no elbo_share with gradient='dreg'"),
        ({"gradient": "piwae"}, "at least 2 groups .* Received: groups=1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        gaussian(0.5, 0.5, **bad)


def test_the_bound_has_no_weight_of_the_kl():
    with pytest.raises(TypeError, match=r"Expected no beta.*Received: beta=2.0"):
        IWAE(*nets.dense((6,), 2, (3,), heads=2), beta=2.0)
