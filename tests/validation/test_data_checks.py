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
        (-3.0, r"values from -3 to 0\.5\.$"),
    ],
)
def test_what_is_outside_is_printed_with_all_its_digits_and_the_remedy(value, message):
    with pytest.raises(ValueError, match=message):
        kv.validation.value_checks.check_values(
            "x", np.array([0.5, value]), (0.0, 1.0), "the 'bernoulli' likelihood"
        )
