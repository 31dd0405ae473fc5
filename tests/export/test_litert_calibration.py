"""What endpoints are fed with to calibrate int8 and to compare a file with its model."""

import keras
import numpy as np
import pytest

import keras_vae
from keras_vae.export.calibration import (
    CALIBRATING,
    EXAMPLES,
    LATENT_RANGE,
    endpoint_rows,
    generate_examples,
    take_examples,
)
from tests.support.litert_files import MODELS, digits

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model():
    return MODELS["ConvVAE"]()


def sources(x):
    import tensorflow as tf

    y = np.arange(len(x))
    weight = np.ones(len(x))
    return {
        "array": x,
        "tensor": tf.constant(x),
        "data set": tf.data.Dataset.from_tensor_slices(x).batch(30),
        "data set of pairs": tf.data.Dataset.from_tensor_slices((x, y, weight)).batch(30),
        "generator": (x[start : start + 30] for start in range(0, len(x), 30)),
        "list of batches": [x[:30], x[30:]],
    }


def test_every_source_gives_the_same_examples(model):
    x = digits(50)
    for name, source in sources(x).items():
        (given,) = take_examples(model, source)
        np.testing.assert_array_equal(given, x, err_msg=name)


def test_of_many_examples_in_an_array_some_from_beginning_to_end_are_taken(model):
    x = digits(EXAMPLES + 300)
    (given,) = take_examples(model, x)
    assert given.shape == (EXAMPLES, 8, 8, 1)
    np.testing.assert_array_equal(given[[0, -1]], x[[0, -1]])


def test_of_many_batches_the_first_are_taken_and_no_more_are_read(model):
    def endless():
        while True:
            yield digits(100)

    (given,) = take_examples(model, endless())
    np.testing.assert_array_equal(given[:200], np.tile(digits(100), (2, 1, 1, 1)))
    assert len(given) == EXAMPLES


def test_the_rows_that_calibrate_are_a_part_of_the_examples(model):
    rows = endpoint_rows(model, model.endpoints(), [digits(EXAMPLES)])
    assert len(rows["encode"]["x"]) == CALIBRATING
    assert len(rows["decode"]["z"]) == 2 * CALIBRATING


def test_conditions_go_with_their_examples():
    import tensorflow as tf

    networks = keras_vae.nets.conditional(keras_vae.nets.dense, (6,), 3, 2, hidden=(5,))
    model = keras_vae.ConditionalVAE(*networks, seed=0)
    random = np.random.default_rng(0)
    x, condition = (random.random((40, n)).astype("float32") for n in (6, 2))
    batches = tf.data.Dataset.from_tensor_slices(((x, condition),)).batch(7)
    for source in ((x, condition), batches):
        for given, wanted in zip(take_examples(model, source), (x, condition), strict=True):
            np.testing.assert_array_equal(given, wanted)
    rows = endpoint_rows(model, model.endpoints(), [x, condition])
    assert {k: set(v) for k, v in rows.items()}["decode"] == {"z", "condition"}
    z = np.asarray(model.encode((x, condition)))
    np.testing.assert_allclose(rows["decode"]["z"][:40], z, atol=1e-6)
    for repeated in (rows["decode"]["condition"][40:80], rows["sample"]["condition"][120:]):
        np.testing.assert_array_equal(repeated, condition)


def test_codes_are_those_of_the_examples_and_others_all_over_the_sliders(model):
    x = digits(100)
    z = endpoint_rows(model, model.endpoints(), [x])["decode"]["z"]
    np.testing.assert_allclose(z[:100], model.encode(x), atol=1e-6)
    assert z.shape == (200, 4)
    np.testing.assert_allclose(z[100:].min(axis=0), -LATENT_RANGE, atol=0.3)
    np.testing.assert_allclose(z[100:].max(axis=0), LATENT_RANGE, atol=0.3)


def test_codes_of_a_plain_autoencoder_stay_where_its_codes_are():
    model = MODELS["SparseAutoencoder, kl"]()
    x = np.random.default_rng(0).standard_normal((50, 6)).astype("float32")
    z = endpoint_rows(model, model.endpoints(), [x])["decode"]["z"]
    codes = np.asarray(model.encode(x))
    assert (z >= codes.min(axis=0)).all() and (z <= codes.max(axis=0)).all()


def test_rows_have_the_names_and_types_of_the_inputs(model):
    rows = endpoint_rows(model, model.endpoints(), generate_examples(model))
    assert {k: set(v) for k, v in rows.items()} == {
        "reconstruct": {"x"},
        "encode": {"x"},
        "decode": {"z"},
        "score": {"x"},
        "sample": {"seed"},
    }
    assert rows["sample"]["seed"].dtype == np.int32
    assert rows["score"]["x"].dtype == rows["decode"]["z"].dtype == np.float32


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_generated_examples_lie_in_the_support_of_the_likelihood(likelihood):
    networks = keras_vae.nets.dense((6,), latent_dim=3)
    model = keras_vae.Autoencoder(*networks, likelihood=likelihood)
    (x,) = generate_examples(model)
    low, high = model.family.support
    assert (x >= low).all() and (x <= high).all()
    assert x.shape[1:] == (6,) and np.unique(x).size == x.size


@pytest.mark.parametrize("scale", [None, 0.01, -0.01])
@pytest.mark.parametrize("likelihood", ["gamma", "log_normal", "von_mises"])
def test_generated_examples_are_data_that_fit_would_take(likelihood, scale):
    heads = keras_vae.distributions.get(likelihood).heads
    networks = keras_vae.nets.dense((6,), latent_dim=3, decoder_heads=heads)
    steps = None if scale is None else keras.layers.Rescaling(scale)
    model = keras_vae.Autoencoder(*networks, likelihood=likelihood, preprocess=steps)
    (x,) = generate_examples(model)
    model.check_event("x", x)
    assert np.isfinite(np.asarray(model.encode(x))).all()


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial", "beta_binomial_16"])
def test_generated_counts_are_whole_and_not_below_zero(likelihood):
    heads = keras_vae.distributions.get(likelihood).heads
    networks = keras_vae.nets.dense((6,), latent_dim=3, decoder_heads=heads)
    model = keras_vae.Autoencoder(*networks, likelihood=likelihood)
    (x,) = generate_examples(model)
    model.check_event("x", x)
    assert np.unique(x).size > 1


def test_generated_rows_of_a_table_are_of_the_kinds_of_its_columns():
    columns = [
        keras_vae.tables.Column("city", "categorical", ("a", "b", "c")),
        keras_vae.tables.Column("rent", "positive", mean=1700.0, scale=700.0),
        keras_vae.tables.Column("rooms", "count", mean=4.0, scale=2.0),
        keras_vae.tables.Column("heat", "numeric", mean=20.0, scale=3.0),
    ]
    model = keras_vae.tables.TabularVAE(keras_vae.tables.Schema(columns), 2, (4,), seed=0)
    (x,) = generate_examples(model)
    assert np.isnan(x).any()
    model.family.check_columns("x", x)
    known = np.nan_to_num(x)
    assert set(known[:, 0]) == {0, 1, 2} and np.median(known[:, 1]) > 300


def test_examples_of_a_functional_model_in_half_precision_are_float32():
    default = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = MODELS["Autoencoder"]()
    finally:
        keras.config.set_dtype_policy(default)
    rows = endpoint_rows(model, model.endpoints(), generate_examples(model))
    assert rows["decode"]["z"].dtype == np.float32
