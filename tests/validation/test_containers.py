"""Numbers that something else than a plain array holds are refused with the way to an array."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.validation import value_checks
from tests.support import linear
from tests.support.models import array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype("float32")
LABELS = np.arange(50) % 2
FEATURES = linear.X.shape[1]
CALLS = {
    "suggest": kv.distributions.suggest,
    "neighbors": lambda x: kv.latents.neighbors(x, x[:2], k=2),
    "linear_probe": lambda x: kv.metrics.linear_probe(x, LABELS, x, LABELS),
    "score": lambda x: linear.vae().score(x[:, :FEATURES]),
}


@pytest.mark.parametrize("name", CALLS)
def test_sparse_and_structured_arrays_are_named_with_the_cure(name):
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(X)
    with pytest.raises(TypeError, match=r"csr_matrix\. \(Make it dense: \w+\.toarray\(\)"):
        CALLS[name](sparse)
    if name != "score":
        records = np.rec.fromarrays(X.T, names="a,b,c,d,e,f")
        with pytest.raises(TypeError, match=r"structured array of a, b, c, d\. .*structured_to_"):
            CALLS[name](records)


@pytest.mark.parametrize("name", CALLS)
def test_the_mask_of_an_array_is_never_dropped(name):
    with pytest.raises(ValueError, match="a masked array with 1 masked values"):
        CALLS[name](np.ma.masked_equal(np.where(X == X[3, 2], -999.0, X), -999.0))


@pytest.mark.parametrize("kind", ["imputer", "transformer"])
def test_estimators_do_not_drop_masks_either(kind):
    pytest.importorskip("sklearn")
    kinds = {
        "imputer": lambda: kv.tables.VAEImputer(epochs=1),
        "transformer": lambda: kv.dimension_reduction.AutoencoderTransformer(2, epochs=1),
    }
    masked = np.ma.masked_equal(np.where(X == X[3, 2], -999.0, X), -999.0)
    with pytest.raises(ValueError, match="a masked array with 1 masked values"):
        kinds[kind]().fit(masked)


def test_a_list_of_rows_is_told_how_to_become_one_array():
    with pytest.raises(ValueError, match=r"Received: 50\. \(For one array.*numpy\.stack\(x\)"):
        linear.vae().score([*X[:, :FEATURES]])


PATHS = {
    "neighbors": lambda codes: kv.latents.neighbors(codes, codes, k=1),
    "lerp": lambda codes: kv.latents.lerp(codes, codes, 3),
    "slerp": lambda codes: kv.latents.slerp(codes, codes, 3),
    "attribute_vector": lambda codes: kv.latents.attribute_vector(codes, np.arange(4) < 2),
}


@pytest.mark.parametrize("name", PATHS)
def test_indices_of_a_codebook_are_no_vectors(name):
    with pytest.raises(TypeError, match=r"int32, as indices of a codebook .*quantizer\.lookup"):
        PATHS[name](np.arange(12, dtype="int32").reshape(4, 3))


def test_the_discrepancy_of_integers_is_that_of_the_same_floats():
    x = RNG.integers(0, 9, (40, 5))
    found, wanted = (array(kv.estimators.mmd(a, a[::-1] + 5)) for a in (x, x.astype("float32")))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert found > 0.0


def test_fewer_different_codes_than_components_are_counted():
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match="components=10 and 3 different code"):
        kv.samplers.fit_mixture(np.repeat(X[:3], 10, axis=0), components=10)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (np.arange(6) % 3, r"to_categorical\(labels, 3\)"),
        (np.arange(6)[:, None] % 3, r"to_categorical\(labels\[:, 0\], 3\)"),
        (np.linspace(0.1, 0.9, 6), r"\(Give each row its 3 numbers\.\)"),
        (np.array(list("abcabc")), r"numpy\.unique\(labels, return_inverse=True\)\[1\], 3\)"),
    ],
    ids=["integers", "a column", "reals", "text"],
)
def test_labels_are_told_how_to_become_conditions(labels, advice):
    networks = kv.nets.conditional(kv.nets.dense, (6,), 2, 3)
    model = kv.ConditionalVAE(*networks, likelihood="normal")
    model.compile("sgd")
    with pytest.raises(ValueError, match=advice):
        model.fit((X[:6], labels), verbose=0)


@pytest.mark.parametrize("values", [np.linspace(0.1, 0.9, 6), np.ones(6)])
def test_one_number_for_each_row_is_told_to_have_an_axis(values):
    networks = kv.nets.conditional(kv.nets.dense, (6,), 2, 1)
    model = kv.ConditionalVAE(*networks, likelihood="normal")
    for call in (model.score, model.encode):
        with pytest.raises(ValueError, match=r"\(Add an axis: condition\[:, None\]\.\)"):
            call((X[:6], values.astype("float32")))
    with pytest.raises(ValueError, match=r"\(Add an axis: condition\[:, None\]\.\)"):
        model.sample(6, condition=values)
    assert np.shape(model.score((X[:6], values.astype("float32")[:, None]))) == (6,)


def test_advice_on_a_support_fits_the_values():
    with pytest.raises(ValueError, match=r"Scale it to \[0, 1\], or choose likelihood='normal'"):
        value_checks.check_values("x", X, (0.0, 1.0), "the 'bernoulli' likelihood")
    with pytest.raises(ValueError, match="Counts are not scaled.*'bernoulli'"):
        value_checks.check_whole("x", np.array([0.0, 0.25, 1.0]), "the 'poisson' likelihood")
    with pytest.raises(ValueError, match="Give raw counts"):
        value_checks.check_whole("x", np.array([0.0, 0.25, 7.0]), "the 'poisson' likelihood")
