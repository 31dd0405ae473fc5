"""Tables whose numbers mask themselves (not-MIWAE): integrals, bound, known means, and files."""

import keras
import numpy as np
import pytest
from scipy import integrate, special, stats

from keras_vae.distributions import Mixed
from keras_vae.tables import Column, Schema, TabularVAE
from keras_vae.tables.conditional import antithetic_noise, draw_rows, expected_rows
from keras_vae.tables.self_masked import SelfMasked
from tests.support.models import FAST, array
from tests.support.objectives import loss_and_gradients, terms
from tests.tables import test_miwae as miwae

SCHEMA = Schema(
    (
        Column("place", "categorical", ("Bern", "Oslo", "Rome")),
        Column("age", "numeric", mean=40.0, scale=10.0),
        Column("visits", "count", mean=3.0, scale=2.0),
        Column("income", "positive", mean=50.0, scale=20.0),
    )
)
AGE, INCOME = 1, 3
SLOPES, OFFSETS = {AGE: 2.5, INCOME: -1.5}, {AGE: -0.4, INCOME: 0.7}
NAN = np.nan
ROWS = np.array(
    [[0, 35, 2, 61], [NAN, NAN, 1, 48], [2, 51, NAN, NAN], [NAN, NAN, NAN, 44]], "float32"
)
OUTPUTS = np.random.default_rng(0).normal(size=(4, Mixed.of(SCHEMA).width)).astype("float32")


def density(rows=4, copies=1):
    """p of some rows, with the mechanism above and the outputs of any decoder."""
    family = SelfMasked.of(SCHEMA)
    pairs = [np.float32(part[i]) for i in family.numbers for part in (SLOPES, OFFSETS)]
    return family(np.repeat(OUTPUTS[:rows], copies, axis=0), *pairs)


def in_units(p, position, row):
    """Mean and deviation of a number in the units of the networks, from p(x | z) itself."""
    (found,) = [
        d for d, group in zip(p.densities, p.groups, strict=True) if position in group.positions
    ]
    if position == AGE:
        normal, shift, scale = found.density, 0.0, 1.0
    else:
        normal, (shift, scale) = found.logarithm, SCHEMA.columns[INCOME].units
    deviation = np.exp(0.5 * array(normal.log_var)[row, 0])
    return (array(normal.mean)[row, 0] - shift) / scale, deviation / scale


def value(position, u):
    shift, scale = SCHEMA.columns[position].units
    return shift + scale * u if position == AGE else np.exp(shift + scale * u)


def integral(p, position, row, function=lambda u: 1.0):
    """Of p(u | z) p(missing | u) f(u), by adaptive quadrature."""
    mean, deviation = in_units(p, position, row)

    def height(u):
        chance = special.expit(SLOPES[position] * u + OFFSETS[position])
        return stats.norm.pdf(u, mean, deviation) * chance * function(u)

    return integrate.quad(height, mean - 9 * deviation, mean + 9 * deviation)[0]


def test_the_chance_of_a_hole_is_an_integral_and_holes_of_other_kinds_tell_nothing():
    p = density()
    holes = array(p.element_log_prob(np.full((4, 4), NAN, "float32")))
    wanted = [[np.log(integral(p, i, row)) for i in (AGE, INCOME)] for row in range(4)]
    np.testing.assert_allclose(holes[:, [AGE, INCOME]], wanted, atol=1e-4)
    assert not holes[:, [0, 2]].any()


def test_a_known_number_has_its_density_and_the_chance_of_being_known():
    p = density()
    plain = Mixed.of(SCHEMA)(OUTPUTS)
    found = array(p.element_log_prob(ROWS)) - array(plain.element_log_prob(ROWS))
    for position, row in ((AGE, 0), (INCOME, 1)):
        shift, scale = SCHEMA.columns[position].units
        x = float(ROWS[row, position])
        u = ((x if position == AGE else np.log(x)) - shift) / scale
        wanted = np.log1p(-special.expit(SLOPES[position] * u + OFFSETS[position]))
        np.testing.assert_allclose(found[row, position], wanted, rtol=1e-4)


def moment(p, position, row, power=1):
    """Mean of powers of a number, given that it is missing."""
    total = integral(p, position, row, lambda u: value(position, u) ** power)
    return total / integral(p, position, row)


def test_means_and_draws_of_holes_are_those_of_missing_values():
    p = density()
    weights = np.array([[0.3, 0.7], [0.9, 0.1]], "float32")
    found = array(p.mean_of_mixtures(keras.ops.convert_to_tensor(weights)))
    many = density(1, copies=4000)
    missing, known = array(many.sample_missing(7)), array(many.sample(7))
    for position in (AGE, INCOME):
        means = [moment(p, position, row) for row in range(4)]
        wanted = np.sum(weights * np.reshape(means, (2, 2)), axis=1)
        np.testing.assert_allclose(found[:, position], wanted, rtol=2e-4)
        mean = means[0]
        error = 4 * np.sqrt((moment(p, position, 0, 2) - mean**2) / 4000)
        assert abs(missing[:, position].mean() - mean) < error
        assert abs(known[:, position].mean() - mean) > error


def without_slopes(**changed):
    """A model whose first weights are those of any other of the same sizes."""
    keras.utils.set_random_seed(0)
    return TabularVAE(SCHEMA, 2, (4,), seed=3, **changed)


def assign_mechanism(model, values):
    for weight, number in zip(model.shared_parameters, values, strict=True):
        weight.assign(number)


@pytest.mark.parametrize(("samples", "term"), [(1, "reconstruction"), (5, "iwae")])
def test_without_a_slope_the_bound_is_that_of_before_and_a_constant(samples, term):
    plain = terms(without_slopes(samples=samples), ROWS)[term]
    for offsets in ((0.0, 0.0), (1.5, -0.5)):
        model = without_slopes(samples=samples, missing="self_masking")
        assign_mechanism(model, (0.0, offsets[0], 0.0, offsets[1]))
        sign = np.where(np.isnan(ROWS[:, [AGE, INCOME]]), 1.0, -1.0)
        wanted = plain - special.log_expit(sign * offsets).sum(axis=1)
        np.testing.assert_allclose(terms(model, ROWS)[term], wanted, rtol=1e-5)
    _, gradients = loss_and_gradients(model, ROWS)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.tensorflow  # JAX takes most of a minute for it.
def test_the_bound_and_the_mean_are_those_of_a_jointly_normal_table():
    """The first value is missing, and the more so the larger it is; the others say who they are."""
    row, slope, offset = miwae.ROWS[1], 3.0, -1.0
    loadings = miwae.LOADINGS * miwae.SCALE
    covariance = loadings.T @ loadings + np.diag(miwae.VARIANCE * miwae.SCALE**2)
    mean = miwae.MEAN + miwae.OFFSET * miwae.SCALE
    gain = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    center = mean[0] + gain @ (row[1:] - mean[1:])
    deviation = np.sqrt(covariance[0, 0] - gain @ covariance[1:, 0])

    def moment(power):
        def height(x):
            chance = special.expit(slope * (x - miwae.MEAN[0]) / miwae.SCALE[0] + offset)
            return stats.norm.pdf(x, center, deviation) * chance * x**power

        return integrate.quad(height, center - 9 * deviation, center + 9 * deviation)[0]

    model = miwae.factor_analysis(500, missing="self_masking")
    assign_mechanism(model, (slope, offset) + (0.0, -30.0) * 3)  # The others are never missing.
    found = -terms(model, np.repeat(row[None], 20, axis=0))["iwae"].mean()
    np.testing.assert_allclose(found, miwae.log_likelihood(row) + np.log(moment(0)), atol=0.02)
    wanted = moment(1) / moment(0)
    noise = antithetic_noise(4000, 2, seed=0)
    mean = array(expected_rows(model, row[None], noise))[0, 0]
    drawn = draw_rows(model, np.repeat(row[None], 400, axis=0), 100, keras.random.SeedGenerator(0))
    np.testing.assert_allclose([mean, drawn[:, 0].mean()], wanted, atol=0.15 * deviation)
    plain = array(expected_rows(miwae.factor_analysis(1), row[None], noise))[0, 0]
    assert wanted > plain + 0.5 * deviation


@pytest.mark.slow
@pytest.mark.tensorflow  # JAX takes most of a minute for it.
def test_a_mean_is_that_of_values_of_which_the_large_ones_are_missing():
    """Values above the mean are missing, and the other column is correlated with them."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(2, 600))
    full, other = 10.0 + 2.0 * normal[0], 0.8 * normal[0] + 0.6 * normal[1]
    frame = {"income": np.where(full > 10.0, NAN, full), "size": other}
    schema = Schema.infer(frame).replace("income", "numeric")
    errors = {}
    for missing in ("at_random", "self_masking"):
        keras.utils.set_random_seed(0)
        model = TabularVAE(schema, 1, (), samples=3, missing=missing, seed=0)
        model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
        model.fit(schema.to_array(frame), epochs=60, batch_size=200, verbose=0)
        tables = model.impute(frame), *model.impute(frame, draws=1, seed=0)
        errors[missing] = [np.mean(table["income"]) - full.mean() for table in tables]
    assert max(errors["at_random"]) < -0.8
    assert np.abs(errors["self_masking"]).max() < 0.3
    mechanism = model.missing_mechanism()
    assert mechanism["income"]["slope"] > 2.0 and abs(mechanism["size"]["slope"]) < 0.5


@pytest.mark.tensorflow  # JAX takes most of a minute for it.
def test_it_is_saved_and_its_next_step_is_the_same(tmp_path):
    model = without_slopes(samples=2, missing="self_masking")
    model.compile(keras.optimizers.Adam(0.05), **FAST)
    for _ in range(2):
        model.train_on_batch(ROWS)
    model.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    assert again.missing == "self_masking"
    assert again.missing_mechanism() == model.missing_mechanism()
    assert model.missing_mechanism()["age"]["slope"] != 0.0
    frame = SCHEMA.to_frame(ROWS)
    assert again.impute(frame) == model.impute(frame)
    for one in (model, again):
        one.train_on_batch(ROWS)
    for mine, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(array(mine), array(theirs))


@pytest.mark.tensorflow
def test_served_tables_are_filled_as_in_python():
    from keras_vae.export.saved_model.writer import served_endpoints

    model = without_slopes(missing="self_masking")
    frame = SCHEMA.to_frame(ROWS)
    before = model.impute(frame)
    assign_mechanism(model, (3.0, 0.5, -2.0, 0.1))
    impute = served_endpoints(model, model.endpoints())["impute_table"]
    texts = [value.encode() if value else b"" for value in frame["place"]]
    inputs = [np.array(texts, object), *ROWS.T[1:]]
    found = impute.answer(*map(keras.ops.convert_to_tensor, inputs))
    filled = model.impute(frame)
    for name in ("age", "income"):
        np.testing.assert_allclose(array(found[name]), filled[name], rtol=1e-5)
    assert filled["age"][1] > before["age"][1] + 2 and filled["income"][2] < before["income"][2] - 2


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("form", ["litert", "onnx", "tf_saved_model"])
def test_files_score_as_python_does(form, tmp_path):
    """The export compares all answers itself, and raises where they differ."""
    model = without_slopes(missing="self_masking")
    assign_mechanism(model, (3.0, 0.5, -2.0, 0.1))
    names = {"litert": "a.tflite", "onnx": "a", "tf_saved_model": "1"}
    assert model.export(tmp_path / names[form], format=form).exists()


ONLY_COUNTS = Schema(SCHEMA.columns[::2])
BAD = {
    "another word": ((SCHEMA, "never"), "Expected missing to be .*'at_random'.*'never'"),
    "no number": ((ONLY_COUNTS, "self_masking"), "Expected a column of kind numeric.*count"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_mask_itself_is_refused(name):
    (schema, missing), message = BAD[name]
    with pytest.raises(ValueError, match=message):
        TabularVAE(schema, 2, (4,), missing=missing)


def test_at_random_has_no_mechanism():
    assert without_slopes().missing_mechanism() == {}
