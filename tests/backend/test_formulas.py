"""The faster softplus: the numbers of NumPy, and in its own thread alone."""

import threading

import keras
import numpy as np
import pytest

from keras_vae.backend.formulas import formulas

tf = pytest.importorskip("tensorflow", reason="tests ops of TensorFlow")
kernels = pytest.importorskip("keras_vae.backend.tensorflow_kernels", reason="needs TensorFlow")

pytestmark = pytest.mark.tensorflow


def test_softplus_and_two_derivatives_are_those_of_its_formula():
    values = np.array([-np.inf, -200.0, -20.0, -1.5, 0.0, 1e-3, 3.0, 90.0, np.inf])
    x = tf.constant(values, "float32")
    with tf.GradientTape() as outer, tf.GradientTape() as tape:
        outer.watch(x), tape.watch(x)
        y = kernels.elementwise.softplus(x)
        first = tape.gradient(y, x)
    odds = 1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0)))
    expected = np.logaddexp(0.0, values), odds, odds * (1.0 - odds)
    for found, exact in zip((y, first, outer.gradient(first, x)), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-38)
    assert np.isnan(kernels.elementwise.softplus(tf.constant(np.nan)))


def test_the_softplus_of_a_step_is_faster_in_its_thread_alone():
    plain, others = formulas.softplus(-30.0), []
    with kernels.use_in_calls(keras.layers.Dense(1)):
        assert formulas.softplus is kernels.elementwise.softplus
        other = threading.Thread(target=lambda: others.append(vars(formulas)))
        other.start(), other.join()
    assert formulas.softplus(-30.0) == plain
    assert others == [{}]
