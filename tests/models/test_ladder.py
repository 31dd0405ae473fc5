"""The hierarchical VAE against the VAE, and against Gaussians whose likelihood is known exactly."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae
from keras_vae import LadderVAE, estimators, nets
from keras_vae.models.vae import VAE
from tests.support.objectives import as_numpy, loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def gated(latent_dims, **kwargs):
    keras.utils.set_random_seed(3)
    return LadderVAE(*nets.gated_ladder((6,), latent_dims, 5), seed=4, **kwargs)


def as_vae(ladder):
    """The VAE of a ladder of one level, on the same layers."""
    level, x = ladder.decoder.levels[0], ladder.encoder.input
    z = keras.Input(level.code_shape)
    encoder = keras.Model(x, level.posterior(ladder.encoder(x)[0]))
    return VAE(encoder, keras.Model(z, ladder.decoder.head(level.merge(z))), seed=4)


# One level is the VAE.


def test_with_one_level_it_is_the_vae():
    """Anchor row 24: terms, gradients, codes, scores and samples."""
    ladder, same_layers = gated((3,)), gated((3,))
    vae = as_vae(same_layers)
    found, wanted = terms(ladder, X), terms(vae, X)
    for name in ("reconstruction", "kl"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6)
    loss, gradients = loss_and_gradients(ladder, X)
    expected, wanted = loss_and_gradients(vae, X)
    assert loss == pytest.approx(expected, rel=1e-6)
    place = {id(variable): i for i, variable in enumerate(vae.trainable_variables)}
    for variable, gradient in zip(same_layers.trainable_variables, gradients, strict=True):
        np.testing.assert_allclose(gradient, wanted[place[id(variable)]], atol=1e-6)
    for verb in ("encode", "score", "reconstruct"):
        one, other = (as_numpy(getattr(model, verb)(X)) for model in (ladder, vae))
        np.testing.assert_allclose(one, other, rtol=1e-5)
    one, other = (as_numpy(model.sample(3, seed=0)) for model in (ladder, vae))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_one_gated_level_is_the_gated_dense_network():
    count = sum(network.count_params() for network in nets.gated_ladder((6,), (3,), 5))
    assert count == sum(n.count_params() for n in nets.gated_dense((6,), 3, (5, 5)))


# A level that says nothing costs nothing.


def silence(level):
    """Make q(z | x, above) the prior."""
    for variable in level.posterior.trainable_variables[-4:]:
        variable.assign(np.zeros(variable.shape))


def test_levels_whose_posterior_is_the_prior_have_no_kl():
    """Anchor row 24: all upper ones here; the lowest alone pays."""
    model = gated((2, 3, 2))
    assert np.all(as_numpy(model.kl_of_levels(X)) > 0)
    for level in model.decoder.levels[:-1]:
        silence(level)
    kl = as_numpy(model.kl_of_levels(X))
    np.testing.assert_array_equal(kl[:, :-1], 0.0)
    assert np.all(kl[:, -1] > 0)
    found = terms(model, np.repeat(X[:1], 5000, 0))["kl"]
    many = as_numpy(model.kl_of_levels(np.repeat(X[:1], 5000, 0), seed=9))
    error = np.hypot(found.std(), many[:, -1].std()) / np.sqrt(5000)
    assert abs(found.mean() - many[:, -1].mean()) < 4 * error


@pytest.mark.slow
def test_free_bits_leave_levels_below_the_threshold_alone_and_the_others_as_they_are():
    """Anchor row 24: the loss is flat below the threshold, and beta times the KL above it."""
    loss, gradients = loss_and_gradients(gated((2, 3), free_bits=50.0), X)
    expected, wanted = loss_and_gradients(gated((2, 3), beta=0.0), X)
    assert loss == pytest.approx(expected + 2 * 50.0, rel=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    loss, gradients = loss_and_gradients(gated((2, 3), free_bits=1e-6), X)
    expected, wanted = loss_and_gradients(gated((2, 3)), X)
    assert loss == pytest.approx(expected, rel=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


# A linear Gaussian hierarchy has an exact likelihood.

A, B = (np.random.default_rng(5).normal(size=shape) * 0.7 for shape in ((2, 3), (3, 4)))
SIGMA = np.array([0.5, 0.8, 1.2])


def dense(inputs, kernel, bias=0.0):
    layer = keras.layers.Dense(np.shape(kernel)[1])
    output = layer(inputs)
    layer.set_weights([np.asarray(kernel), np.zeros(np.shape(kernel)[1]) + bias])
    return output


def linear_ladder():
    """v2 ~ N(0, I), v1 ~ N(v2 A + 0.3, SIGMA^2), x ~ N(v1 B - 0.2, I), with a rough posterior."""
    keras.utils.set_random_seed(1)
    x, z2, z1, state, features = (keras.Input((n,)) for n in (4, 2, 3, 2, 4))
    top = nets.Level(
        keras.Model(
            features, [dense(features, 0.1 * B.T @ A.T), dense(features, np.zeros((4, 2)))]
        ),
        keras.Model(z2, keras.layers.Activation("linear")(z2)),
    )
    joint = keras.layers.Concatenate()([features, state])
    q = [dense(joint, 0.1 * np.ones((6, 3))), dense(joint, np.zeros((6, 3)), -0.5)]
    p = [dense(state, A, 0.3), dense(state, np.zeros((2, 3)), 2 * np.log(SIGMA))]
    bottom = nets.Level(
        keras.Model([features, state], q),
        keras.Model([state, z1], dense(z1, B, -0.2)),
        keras.Model(state, p),
    )
    same = keras.Model(x, [keras.layers.Activation("linear")(x) for _ in range(2)])
    mean = keras.Input((4,))
    head = keras.Model(mean, keras.layers.Activation("linear")(mean))
    return LadderVAE(same, nets.TopDown([top, bottom], head), likelihood="normal", seed=0)


def exact_log_likelihood(x):
    covariance = B.T @ (A.T @ A + np.diag(SIGMA**2)) @ B + np.eye(4)
    return scipy.stats.multivariate_normal(0.3 * B.sum(0) - 0.2, covariance).logpdf(x)


def test_the_likelihood_of_a_linear_gaussian_hierarchy_is_the_exact_one():
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    model, exact = linear_ladder(), exact_log_likelihood(x)
    found, error = estimators.log_likelihood(model, x, 1000, return_standard_error=True)
    assert np.all(error < 0.2)
    assert np.all(np.abs(found - exact) < 4 * error + 1e-4)
    bound = estimators.elbo(model, x, 500)
    assert np.all(bound < exact)


def test_samples_of_a_linear_gaussian_hierarchy_have_its_mean_and_covariance():
    means = as_numpy(linear_ladder().sample(20_000, seed=3))
    np.testing.assert_allclose(means.mean(0), 0.3 * B.sum(0) - 0.2, atol=0.06)
    wanted = B.T @ (A.T @ A + np.diag(SIGMA**2)) @ B
    np.testing.assert_allclose(np.cov(means.T), wanted, atol=0.05 * wanted.max())


@pytest.mark.slow
def test_importance_weights_agree_with_quadrature():
    """A hierarchy that is not linear, of one latent a level."""
    model = gated((1, 1))
    exact = estimators.quadrature_log_likelihood(model, X[:4])
    found, error = estimators.log_likelihood(model, X[:4], 1000, return_standard_error=True)
    assert np.all(np.abs(found - exact) < 4 * error + 1e-3)


# Densities.


def test_the_density_of_a_draw_is_that_of_its_code():
    """Two ways: in the same descent, and from the flat code alone."""
    q = gated((2, 3)).posterior(X)
    z, log_q = q.from_noise_with_log_prob(q.noise(1))
    np.testing.assert_allclose(as_numpy(q.log_prob(z)), as_numpy(log_q), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(as_numpy(q.sample(1)), as_numpy(z), rtol=1e-5, atol=1e-6)


def test_the_density_of_the_posterior_integrates_to_one():
    q = gated((1, 1)).posterior(X[:1])
    edge = np.linspace(-8, 8, 161, dtype="float32")
    grid = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
    features = [keras.ops.repeat(f, len(grid), axis=0) for f in q.features]
    all_of_x = type(q)(q.decoder, features)
    density = np.exp(as_numpy(all_of_x.log_prob(grid)).astype("float64"))
    assert density.sum() * 0.1**2 == pytest.approx(1.0, abs=1e-3)


# Mistakes.


def level(code=2, state=None, features=5, gives=5):
    """A level of dense layers of any shapes."""
    f, z = keras.Input((features,)), keras.Input((code,))
    s = [keras.Input((state,))] if state else []

    def heads(inputs):
        joint = keras.layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
        return keras.Model(
            inputs if len(inputs) > 1 else inputs[0],
            [keras.layers.Dense(code)(joint) for _ in range(2)],
        )

    joint = keras.layers.Concatenate()([*s, z]) if s else z
    merge = keras.Model([*s, z] if s else z, keras.layers.Dense(gives)(joint))
    return nets.Level(heads([f, *s]), merge, heads(s) if s else None)


def head(size=5):
    state = keras.Input((size,))
    return keras.Model(state, keras.layers.Dense(6)(state))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nets.TopDown([level(gives=5), level(state=7)], head()),
            r"states taken by level 1 from the top to have the shapes \[\(5,\)\].*\[\(7,\)\]",
        ),
        (
            lambda: nets.TopDown([level(state=5)], head()),
            r"level 0 from the top to have the shapes \[\].*Received: \[\(5,\)\]",
        ),
        (
            lambda: nets.TopDown([level(gives=4)], head()),
            r"inputs of the head to have the shapes \[\(4,\)\].*\[\(5,\)\]",
        ),
        (
            lambda: nets.Level(level(code=2).posterior, level(code=3).merge),
            r"outputs of the posterior .* \[\(3,\), \(3,\)\].*\[\(2,\), \(2,\)\]",
        ),
        (
            lambda: nets.Level(level().posterior, level().merge, level(state=5).prior),
            r"states taken by the prior .* \[\].*\[\(5,\)\]",
        ),
        (
            lambda: LadderVAE(nets.gated_ladder((6,), (2,), 4)[0], nets.TopDown([level()], head())),
            r"features that the levels take, .* \[\(5,\)\].*\[\(4,\)\]",
        ),
        (lambda: gated(()), "latent_dims of at least one"),
        (lambda: gated((2,), free_bits=-1.0), "free_bits of at least 0. Received: free_bits=-1"),
    ],
)
def test_levels_that_do_not_meet_are_refused_with_both_shapes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_decoder_without_levels_is_refused():
    with pytest.raises(TypeError, match="keras_vae.nets.TopDown, .*Received: <Functional"):
        LadderVAE(*nets.gated_dense((6,), 2))
    with pytest.raises(TypeError, match="at least one level"):
        nets.TopDown([], head())
    with pytest.raises(TypeError, match="merge to be a functional model"):
        nets.Level(level().posterior, keras.layers.Dense(3))


def test_what_needs_a_gaussian_posterior_says_so():
    model = gated((2, 2))
    with pytest.raises(TypeError, match="Received: TopDownPosterior"):
        keras_vae.estimators.mutual_information(model, X)
