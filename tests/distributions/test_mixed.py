"""Rows of tables: each column against SciPy, missing values, draws, and refusals."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

import keras_vae as kv
from keras_vae import distributions as d
from keras_vae.distributions.columns import Column
from tests.support.differentiation import gradient

COLUMNS = (
    Column("color", "categorical", ("blue", "green", "red")),
    Column("height", "numeric", mean=170.0, scale=10.0),
    Column("grade", "ordinal", (1, 2, 3, 4)),
    Column("income", "positive", mean=3000.0, scale=1500.0),
    Column("visits", "count", mean=4.0, scale=3.0),
    Column("smoker", "boolean", (False, True)),
    Column("width", "numeric", mean=-1.0, scale=0.01),
    Column("passed", "ordinal", ("no", "yes")),
)
FAMILY = d.Mixed.of(COLUMNS)
ROWS = 40
GENERATOR = np.random.default_rng(0)
OUTPUTS = GENERATOR.normal(size=(ROWS, FAMILY.width)).astype("float32")
X = np.stack(
    [
        GENERATOR.integers(3, size=ROWS),
        GENERATOR.normal(170, 10, ROWS),
        GENERATOR.integers(4, size=ROWS),
        GENERATOR.lognormal(8, 0.5, ROWS),
        GENERATOR.integers(9, size=ROWS),
        GENERATOR.integers(2, size=ROWS),
        GENERATOR.normal(-1, 0.01, ROWS),
        GENERATOR.integers(2, size=ROWS),
    ],
    axis=1,
).astype("float32")


def numbers(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def choose(log_chances, x):
    return np.take_along_axis(log_chances, x.astype(int)[:, None], axis=1)[:, 0]


def units(mean, scale):
    """Moments of the logarithm of a log-normal number with this mean and deviation."""
    variance = np.log(1 + (scale / mean) ** 2)
    return np.log(mean) - variance / 2, np.sqrt(variance)


def expected():
    """Log probabilities by SciPy: columns of one kind and number of classes stand together."""
    o, x = OUTPUTS.astype("float64"), X.astype("float64")
    deviation = {i: np.sqrt(np.exp(o[:, i]) + 1e-4) for i in (4, 6, 11)}
    found = np.empty_like(x)
    found[:, 0] = choose(scipy.special.log_softmax(o[:, :3], axis=1), x[:, 0])
    found[:, 1] = scipy.stats.norm.logpdf(x[:, 1], 170 + 10 * o[:, 3], 10 * deviation[4])
    found[:, 6] = scipy.stats.norm.logpdf(x[:, 6], -1 + 0.01 * o[:, 5], 0.01 * deviation[6])
    cuts = np.cumsum(np.stack([o[:, 7], *np.logaddexp(0, o[:, 8:10].T) + 1e-3]), axis=0).T
    below = np.pad(scipy.special.expit(cuts), ((0, 0), (1, 1)), constant_values=(0, 1))
    found[:, 2] = choose(np.log(np.diff(below, axis=1)), x[:, 2])
    center, scale = units(3000, 1500)
    scipy_scale = np.exp(center + scale * o[:, 10])
    found[:, 3] = scipy.stats.lognorm.logpdf(x[:, 3], scale * deviation[11], scale=scipy_scale)
    center, scale = units(4 + 1, 3)
    mean, size = np.exp(center + scale * o[:, 12]), np.exp(-o[:, 13])
    found[:, 4] = scipy.stats.nbinom.logpmf(x[:, 4], size, size / (size + mean))
    found[:, 5] = choose(scipy.special.log_softmax(o[:, 14:16], axis=1), x[:, 5])
    found[:, 7] = np.log(scipy.special.expit(np.where(x[:, 7] == 0, o[:, 16], -o[:, 16])))
    return found


def test_each_column_has_the_log_probability_of_scipy():
    found = numbers(FAMILY(OUTPUTS).element_log_prob(X))
    np.testing.assert_allclose(found, expected(), rtol=3e-4, atol=3e-4)
    total = numbers(FAMILY(OUTPUTS).log_prob(X))
    np.testing.assert_allclose(total, expected().sum(axis=1), rtol=3e-4, atol=1e-3)


def test_a_total_in_closed_form():
    family = d.Mixed.of([COLUMNS[0], COLUMNS[5], COLUMNS[1]])
    p = family(np.zeros((1, family.width)))
    at_mean = -0.5 * np.log(2 * np.pi * 100 * 1.0001)
    found = numbers(p.log_prob(np.array([[2.0, 1.0, 170.0]])))
    np.testing.assert_allclose(found, [np.log(1 / 3) + np.log(1 / 2) + at_mean], rtol=1e-5)


def test_nats_are_those_of_the_unit_of_the_table():
    """In cm, the density of a height in m is 100 times smaller."""
    meters = d.Mixed.of([Column("height", "numeric", mean=1.7, scale=0.1)])
    centimeters = d.Mixed.of([COLUMNS[1]])
    outputs = OUTPUTS[:, :2]
    change = numbers(meters(outputs).log_prob(X[:, 1:2] / 100)) - numbers(
        centimeters(outputs).log_prob(X[:, 1:2])
    )
    np.testing.assert_allclose(change, np.log(100), atol=1e-4)


HOLES = np.where(GENERATOR.random(X.shape) < 0.4, np.nan, X).astype("float32")


def test_what_is_missing_counts_nothing():
    found = numbers(FAMILY(OUTPUTS).element_log_prob(HOLES))
    wanted = np.where(np.isnan(HOLES), 0.0, expected())
    np.testing.assert_allclose(found, wanted, rtol=3e-4, atol=3e-4)
    np.testing.assert_array_equal(found[np.isnan(HOLES)], 0.0)


def test_and_gradients_are_finite_and_zero_for_missing_columns():
    def loss(outputs):
        return keras.ops.sum(FAMILY(outputs).log_prob(HOLES))

    (found,) = gradient(loss, OUTPUTS)
    assert np.isfinite(found).all() and np.abs(found).max() > 0.1
    np.testing.assert_array_equal(found[np.isnan(HOLES[:, 0]), :3], 0.0)
    np.testing.assert_array_equal(found[np.isnan(HOLES[:, 3]), 10:12], 0.0)


def test_probabilities_of_ordered_classes_sum_to_one_also_at_extremes():
    family = d.Mixed.of([COLUMNS[2]])
    outputs = np.array([[0, 0, 0], [50, -90, 3], [-50, 90, -90], [3, -9, 30]], "float32")
    grades = np.arange(4.0)[:, None]
    rows = [family(np.repeat(row[None], 4, axis=0)).log_prob(grades) for row in outputs]
    chances = np.exp([numbers(row) for row in rows])
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-5)


def test_the_mean_has_expected_numbers_and_most_probable_classes():
    mean = numbers(FAMILY(OUTPUTS).mean)
    np.testing.assert_array_equal(mean[:, 0], OUTPUTS[:, :3].argmax(axis=1))
    np.testing.assert_allclose(mean[:, 1], 170 + 10 * OUTPUTS[:, 3], rtol=1e-5)
    center, scale = units(4 + 1, 3)
    np.testing.assert_allclose(mean[:, 4], np.exp(center + scale * OUTPUTS[:, 12]), rtol=1e-4)
    np.testing.assert_array_equal(mean[:, 7], OUTPUTS[:, 16] < 0)


def test_means_of_mixtures_weigh_numbers_and_chances_of_classes():
    """Two components of 20 rows; the class is not the one that most components have."""
    weights = GENERATOR.dirichlet([1.0, 1.0], size=ROWS // 2)
    found = numbers(FAMILY(OUTPUTS).mean_of_mixtures(weights.astype("float32")))
    each = numbers(FAMILY(OUTPUTS).mean).reshape(-1, 2, len(COLUMNS))
    wanted = (each * weights[..., None]).sum(axis=1)
    np.testing.assert_allclose(found[:, [1, 3, 4, 6]], wanted[:, [1, 3, 4, 6]], rtol=1e-4)
    chances = scipy.special.softmax(OUTPUTS[:, :3], axis=1).reshape(-1, 2, 3)
    np.testing.assert_array_equal(
        found[:, 0], (chances * weights[..., None]).sum(axis=1).argmax(axis=1)
    )


def test_draws_have_the_moments_and_frequencies_of_the_distribution():
    count = 20_000
    outputs = np.repeat(OUTPUTS[:1], count, axis=0)
    outputs[:, 13] = -3.0
    p = FAMILY(outputs)
    x = numbers(p.sample(seed=3))
    mean = numbers(p.mean)[0]
    for i in (1, 3, 4, 6):
        assert abs(x[:, i].mean() - mean[i]) < 5 * x[:, i].std() / np.sqrt(count)
    for i, classes in ((0, 3), (2, 4), (5, 2), (7, 2)):
        rows = np.tile(X[:1], (classes, 1))
        rows[:, i] = np.arange(classes)
        chances = np.exp(numbers(FAMILY(outputs[:classes]).element_log_prob(rows))[:, i])
        counts = np.bincount(x[:, i].astype(int), minlength=classes)
        np.testing.assert_allclose(counts / count, chances, atol=0.02)
    assert abs(np.corrcoef(x[:, 1], x[:, 6])[0, 1]) < 0.03  # Columns are independent.
    np.testing.assert_array_equal(x, numbers(p.sample(seed=3)))


def test_a_class_beyond_the_categories_is_as_good_as_impossible():
    """Served files get rows that nothing has checked, and their scores must be numbers."""
    family = d.Mixed.of(COLUMNS[:1])
    found = numbers(family(np.zeros((2, 3))).log_prob(np.array([[3.0], [-1.0]])))
    np.testing.assert_allclose(found, np.log(np.finfo("float32").tiny), rtol=1e-6)


def test_a_name_gives_the_same_class():
    again = d.get(FAMILY.__name__)
    assert again.columns == COLUMNS and again.width == FAMILY.width


def networks(width=FAMILY.width):
    encoder = kv.nets.dense_encoder((len(COLUMNS),), 2, (4,), heads=2)
    return encoder, kv.nets.dense_decoder((width,), 2, (4,))


def test_a_vae_of_networks_of_your_own_takes_it_and_refuses_values_by_column(tmp_path):
    model = kv.VAE(*networks(), likelihood=FAMILY, preprocess=kv.layers.FillGaps(0.0))
    assert np.isfinite(numbers(model.score(HOLES))).all()
    for column, value, message in (
        (0, 3.0, "Expected a category, 0 to 2, or NaN for missing, in column 'color' of x. Rece"),
        (2, 0.5, "a category, 0 to 3.*'grade'.*Received: 0.5 in row 4"),
        (3, 0.0, "Expected a number above 0.*'income'"),
        (4, -1.0, "Expected a count.*'visits'"),
    ):
        wrong = X.copy()
        wrong[4, column] = value
        with pytest.raises(ValueError, match=message):
            model.score(wrong)
    model.save(tmp_path / "model.keras")
    again = kv.load(tmp_path / "model.keras")
    np.testing.assert_allclose(numbers(again.score(HOLES)), numbers(model.score(HOLES)), rtol=1e-5)


def test_preprocessing_that_scales_is_refused():
    with pytest.raises(ValueError, match="no preprocess that scales with a likelihood of columns"):
        kv.VAE(*networks(), likelihood=FAMILY, preprocess=keras.layers.Rescaling(0.1))


def test_networks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape of the likelihood \(None, 17\).*\(None, 16\)"):
        kv.VAE(*networks(16), likelihood=FAMILY)
    with pytest.raises(ValueError, match="Expected rows of the 1 columns.*shape .8,"):
        kv.VAE(*networks(), likelihood=d.Mixed.of(COLUMNS[:1]))


BAD = {
    "kind": (("a", "number"), "Expected kind.*'number'"),
    "one category": (("a", "categorical", ("b",)), "Expected at least 2 different categories"),
    "twice": (("a", "ordinal", ("b", "c", "b")), "at least 2 different categories"),
    "three booleans": (("a", "boolean", (0, 1, 2)), "Expected 2 categories for column 'a'"),
    "categories of numbers": (("a", "numeric", ("b", "c")), "Expected 0 categories"),
    "no scale": (("a", "numeric", (), 0.0, 0.0), "Expected a scale above 0.*scale=0.0"),
    "mean": (("a", "positive", (), 0.0, 1.0), "mean of positive numbers.*mean=0.0"),
}


@pytest.mark.parametrize("name", BAD)
def test_columns_that_cannot_be_are_refused(name):
    arguments, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        Column(*arguments)


def test_a_table_without_columns_is_refused():
    with pytest.raises(ValueError, match="Expected at least one column. Received: none"):
        d.Mixed.of([])
