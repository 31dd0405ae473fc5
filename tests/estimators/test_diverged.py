"""A training that diverged: no number is made of NaN, or of what float32 cannot hold."""

import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import callbacks, estimators, metrics
from keras_vae.errors import UsageError
from tests.support.models import FEATURES, uniform

pytestmark = pytest.mark.usefixtures("eager_functions")

X = uniform(6, *FEATURES)
HUGE = np.random.default_rng(0).normal(size=(24, 2)) * 1e300
LABELS = [0, 1] * 12


def diverged(value):
    """A model with this value, of either sign, in all weights."""
    model = kv.VAE(*kv.nets.dense(FEATURES, 2, (5,), heads=2), seed=1)
    signs = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(value * signs.choice([-1.0, 1.0], weight.shape))
    return model


MEASURES = {
    "active_units": estimators.active_units,
    "mutual_information": estimators.mutual_information,
    "aggregate_kl": estimators.aggregate_kl,
    "total_correlation": estimators.total_correlation,
    "log_likelihood": lambda model, x: estimators.log_likelihood(model, x, samples=3),
    "elbo": lambda model, x: estimators.elbo(model, x, samples=3),
    "quadrature": lambda model, x: estimators.quadrature_log_likelihood(model, x, points=4),
    "mmd": lambda model, x: estimators.mmd(model.encode(x), np.zeros((3, 2), "float32")),
    "latent_scatter": kv.plots.latent_scatter,
}


@pytest.mark.parametrize("value", [np.nan, 1e20])
@pytest.mark.parametrize("name", MEASURES)
def test_measures_of_a_diverged_model_are_refused_with_advice(name, value):
    with np.errstate(all="ignore"), pytest.raises(UsageError, match="^Expected .*finite.*[(]"):
        MEASURES[name](diverged(value), X)


@pytest.mark.parametrize("measure", ["active_units", "kl_per_dimension", "mutual_information"])
def test_one_bad_number_in_each_code_is_enough(measure):
    model = kv.VAE(*kv.nets.dense(FEATURES, 2, (5,), heads=2), seed=1)
    bias = model.encoder.get_layer("z_mean").bias
    bias.assign(np.where(np.arange(bias.shape[0]) == 0, np.nan, 0.0))
    codes = ops.convert_to_numpy(model.encoder(X)[0])
    assert np.isnan(codes[:, 0]).all() and np.isfinite(codes[:, 1]).all()
    with pytest.raises(UsageError, match="finite"):
        getattr(estimators, measure)(model, X)


HUGE_CALLS = {
    "frechet_distance": lambda: metrics.frechet_distance(HUGE, HUGE + 1e300),
    "kernel_distance": lambda: metrics.kernel_distance(HUGE, HUGE, blocks=2),
    "density_and_coverage": lambda: metrics.density_and_coverage(HUGE, HUGE),
    "mig": lambda: metrics.mig(HUGE, np.array(LABELS)[:, None]),
    "knn_probe": lambda: metrics.knn_probe(HUGE, LABELS, HUGE, LABELS),
    "linear_probe": lambda: metrics.linear_probe(HUGE, LABELS, HUGE, LABELS),
    "factor_vae_score": lambda: metrics.factor_vae_score(lambda f: f * 1e300, (4, 5), votes=9),
    "neighbors": lambda: kv.latents.neighbors(HUGE, HUGE, 2),
    "mmd": lambda: estimators.mmd(HUGE, HUGE),
}


@pytest.mark.parametrize("name", HUGE_CALLS)
def test_metrics_of_numbers_beyond_float32_are_refused(name):
    with np.errstate(all="ignore"), pytest.raises(UsageError, match="finite|float32"):
        HUGE_CALLS[name]()


def test_mmd_is_a_loss_term_of_traced_tensors_too():
    import keras

    x, y = (np.random.default_rng(n).normal(size=(8, 2)).astype("float32") for n in (0, 1))

    class Distance(keras.layers.Layer):
        def call(self, a):
            return ops.reshape(estimators.mmd(a, y), (1,))

    layer = Distance()
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layer(inputs))
    found = model.predict(x, batch_size=8, verbose=0)
    np.testing.assert_allclose(found, [float(estimators.mmd(x, y))], rtol=1e-4)


@pytest.mark.parametrize("value", [np.nan, 1e20])
def test_a_latent_report_says_that_codes_are_not_finite(value):
    said = []
    report = callbacks.LatentReport(X, said.append)
    report.set_model(diverged(value))
    logs = {}
    for epoch in range(2):
        report.on_epoch_end(epoch, logs)
    report.on_train_end()
    assert np.isnan(logs["val_active_units"]) and report.active is None
    (text,) = said
    assert "NaN or infinite" in text and "learning rate" in text and "StopOnNonFinite" in text
