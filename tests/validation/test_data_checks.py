"""Values are checked and printed in the precision that models compute with."""

import numpy as np
import pytest

import keras_vae as kv

JUST_ABOVE = float(np.nextafter(1.0, 2.0))  # 1.0000000000000002, which MinMaxScaler gives.
ABOVE_IN_FLOAT32 = float(np.nextafter(np.float32(1), np.float32(2)))


def test_rounding_errors_of_float64_are_no_values_outside_the_range():
    x = np.random.default_rng(0).random((8, 6))
    x[0, 0], x[1, 1] = JUST_ABOVE, -1e-60
    model = kv.VAE(*kv.nets.dense((6,), 2, heads=2), seed=0)
    model.compile("sgd", run_eagerly=True)
    model.fit(x, verbose=0)
    assert np.isfinite(np.asarray(model.score(x))).all()
    kv.AnomalyDetector(model).fit_threshold(x, quantile=0.5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (ABOVE_IN_FLOAT32, r"to 1\.0000001\. \(Clip the rounding errors: numpy.clip\(x, 0, 1\)"),
        (-1e-7, r"values from -1e-07 .*Clip the rounding errors"),
        (255.0, r"to 255\. \(Divide 8-bit pixels by 255"),
        (1e39, r"values in x that float32 can hold.* Received: 1e\+39\. \(Scale them"),
        (-np.inf, "Expected finite values in x.*Received: NaN or infinity"),
        (np.nan, "Expected finite values in x"),
        (
            -3.0,
            r"values from -3 to 0\.5\. \(Scale it to \[0, 1\], or choose likelihood=.normal.\.\)$",
        ),
    ],
)
def test_what_is_outside_is_printed_with_all_its_digits_and_the_remedy(value, message):
    with pytest.raises(ValueError, match=message):
        kv.validation.value_checks.check_values(
            "x", np.array([0.5, value]), (0.0, 1.0), "the 'bernoulli' likelihood"
        )


@pytest.mark.tensorflow
@pytest.mark.parametrize("method", ["fit", "evaluate", "score", "encode"])
def test_sparse_and_ragged_tensors_are_refused_with_the_way_to_a_dense_one(method):
    import tensorflow as tf

    model = kv.VAE(*kv.nets.dense((6,), 2, heads=2), seed=0)
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(TypeError, match=r"dense arrays.*Sparse.*tf\.sparse\.to_dense\(x\)"):
        getattr(model, method)(tf.sparse.from_dense(np.ones((2, 6), "float32")))
    with pytest.raises(TypeError, match=r"dense arrays.*Ragged.*x\.to_tensor\(\)"):
        getattr(model, method)(tf.ragged.constant([[0.0] * 6, [0.0] * 3]))


def test_numbers_that_float32_cannot_tell_apart_are_refused():
    """As by `standardize`: the clock in seconds since 1970, whose float32 has steps of 128."""
    x = np.random.default_rng(0).random((64, 3))
    model = kv.VAE(*kv.nets.dense((3,), 2, heads=2), likelihood="normal", seed=0)
    model.compile("sgd", run_eagerly=True)
    clock = x + [0.0, 1.7e9, 0.0] + np.arange(64)[:, None]
    with pytest.raises(ValueError, match=r"channel\(s\) \[1\] that vary less .* steps of 128"):
        model.fit(clock, verbose=0)
    with pytest.raises(ValueError, match=r"channel\(s\) \[1\]"):
        model.evaluate(clock.round().astype("int64"), verbose=0)
    model.evaluate(x + [0.0, 1000.0, 0.0], verbose=0)
    model.evaluate(x + [0.0, 1.7e9, 0.0] * (np.arange(64) == 0)[:, None], verbose=0)


def test_zeros_among_amounts_are_told_apart_from_rounding():
    networks = kv.nets.dense((6,), 2, (3,), heads=2, decoder_heads=2)
    model = kv.VAE(*networks, likelihood="gamma", seed=0)
    x = np.ones((3, 6), "float32")
    x[1, 2] = 0.0
    with pytest.raises(ValueError, match="Of counts, choose likelihood 'poisson'") as caught:
        model.score(x)
    advised = str(caught.value).split("without: ")[1].removesuffix(".)")
    assert advised == "x[(x > 0).all(axis=1)]" and x[(x > 0).all(axis=1)].shape == (2, 6)
