"""Several codebooks in a row, against loops in NumPy and a planted sum of codebooks."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.quantization import ResidualVectorQuantizer
from tests.support.differentiation import gradient
from tests.support.models import FAST, array

RANDOM = np.random.default_rng(0)
BOOKS = RANDOM.normal(size=(3, 4, 2)).astype("float32") * np.array([2.0, 1.0, 0.5])[:, None, None]
Z = RANDOM.normal(size=(9, 2)).astype("float32")
WEIGHTS = np.linspace(0.0, 2.0, 9).astype("float32")


def quantizer(**options):
    made = ResidualVectorQuantizer(**{"depth": 3, "size": 4, "restart": 0.0, "seed": 0, **options})
    made.build((None, 2))
    for level, book in zip(made.levels, BOOKS, strict=False):
        level.codebook.assign(book)
    return made


def by_hand(z):
    """The integers of each level, and the sums of vectors after each."""
    residual, total, codes, sums = z, 0.0, [], []
    for book in BOOKS:
        codes.append(np.square(residual[:, None] - book).sum(axis=-1).argmin(axis=1))
        residual, total = residual - book[codes[-1]], total + book[codes[-1]]
        sums.append(total)
    return np.stack(codes, axis=1), sums


@pytest.mark.parametrize("shape", [(9,), (3, 3)])
def test_each_codebook_quantizes_what_the_ones_before_have_left(shape):
    q, (codes, sums) = quantizer(), by_hand(Z)
    found = q.codes(keras.ops.convert_to_tensor(Z.reshape(*shape, 2)))
    assert array(found).dtype == "int32" and q.code_shape == (3,) and q.size == 4
    np.testing.assert_array_equal(array(found).reshape(9, 3), codes)
    for depth in (1, 2, 3):
        vectors = array(q.lookup(found[..., :depth])).reshape(9, 2)
        np.testing.assert_allclose(vectors, sums[depth - 1], atol=1e-6)


def test_the_commitment_is_that_of_lee_and_the_gradient_goes_straight_through():
    q, (_, sums) = quantizer(), by_hand(Z)
    z = keras.ops.convert_to_tensor(Z)
    vectors, terms = q.approximate(z, q.codes(z))
    np.testing.assert_allclose(array(vectors), sums[-1], atol=1e-6)
    expected = sum(np.square(Z - total).sum(axis=1) for total in sums)
    np.testing.assert_allclose(array(terms["commitment"]), expected, rtol=1e-5)

    weights = keras.ops.convert_to_tensor(WEIGHTS[:, None])

    def loss(z):
        vectors, terms = q.approximate(z, q.codes(z))
        return keras.ops.sum(vectors * weights) + keras.ops.sum(terms["commitment"])

    slopes = WEIGHTS[:, None] + sum(2 * (Z - total) for total in sums)
    np.testing.assert_allclose(gradient(loss, Z)[0], slopes, rtol=1e-4, atol=1e-5)


def test_each_codebook_becomes_the_running_mean_of_its_residuals():
    q, (codes, sums) = quantizer(decay=0.0), by_hand(Z)
    z = keras.ops.convert_to_tensor(Z)
    q.learn(z, q.codes(z), keras.ops.convert_to_tensor(WEIGHTS), 0)
    for i, residual in enumerate((Z, Z - sums[0], Z - sums[1])):
        expected = BOOKS[i].copy()
        for k in range(4):
            own = codes[:, i] == k
            if WEIGHTS[own].sum():
                expected[k] = np.average(residual[own], axis=0, weights=WEIGHTS[own])
        np.testing.assert_allclose(array(q.levels[i].codebook), expected, rtol=1e-4, atol=1e-5)


def test_dropout_keeps_each_number_of_levels_equally_often_in_its_fraction_of_examples():
    """Of 3 levels and a half of the examples: a sixth with one, a sixth with two, the rest all."""
    q, count = quantizer(dropout=0.5), 6000
    z = keras.ops.convert_to_tensor(np.tile(Z[:1], (count, 1)))
    vectors, terms = q.approximate(z, q.codes(z), keras.random.SeedGenerator(1))
    sums = [total[0] for total in by_hand(Z[:1])[1]]
    distances = np.cumsum([np.square(Z[0] - total).sum() for total in sums])
    shares = []
    for total, distance in zip(sums, distances, strict=True):
        chosen = np.abs(array(vectors) - total).max(axis=1) < 1e-5
        shares.append(chosen.mean())
        np.testing.assert_allclose(array(terms["commitment"])[chosen], distance, rtol=1e-5)
    np.testing.assert_allclose(shares, [1 / 6, 1 / 6, 2 / 3], atol=0.02)
    whole, _ = q.approximate(z, q.codes(z))
    np.testing.assert_allclose(array(whole), np.tile(sums[-1], (count, 1)), atol=1e-5)


def planted(count):
    """Sums of a vector of a wide codebook and one of a narrow one, with their places."""
    wide = np.array([[-9.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    narrow = np.array([[1.0, 1.0], [-1.0, 0.5], [0.0, -1.5]])  # Their mean is 0.
    # Each pair equally often, so that the means of the first level are those of the wide one.
    places = np.stack(np.divmod(np.arange(count) % 9, 3), axis=1)
    return (wide[places[:, 0]] + narrow[places[:, 1]]).astype("float32"), wide, narrow


def test_a_planted_sum_of_codebooks_is_recovered():
    x, wide, narrow = planted(90)
    encoder, decoder = kv.nets.dense((2,), 2, hidden=())
    for network in (encoder, decoder):
        network.set_weights([np.eye(2), np.zeros(2)])
    model = kv.VQVAE(
        encoder, decoder, quantizer=ResidualVectorQuantizer(2, 3, decay=0.5, seed=0), seed=0
    )
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    model.adapt(x)
    logs = model.fit(x, batch_size=90, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(array(model(x)), x, atol=1e-3)
    assert logs["perplexity"][-1] == pytest.approx(3.0, rel=1e-4)
    for level, book in zip(model.quantizer.levels, (wide, narrow), strict=True):
        found = array(level.codebook)
        order = np.square(book[:, None] - found).sum(axis=-1).argmin(axis=1)
        assert sorted(order) == [0, 1, 2]
        np.testing.assert_allclose(found[order], book, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"depth": 0}, ValueError, "depth of at least 1"),
        ({"depth": 1.5}, TypeError, "depth"),
        ({"size": 0}, ValueError, "codebook of at least 1"),
        ({"dropout": 1.5}, ValueError, "dropout"),
        ({"decay": 1.0}, ValueError, r"decay and restart in \[0, 1\)"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_settings_outside_their_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        quantizer(**options)


def test_codebooks_begin_apart_and_a_seed_gives_the_same_ones():
    one, other = (ResidualVectorQuantizer(2, 3, seed=5) for _ in range(2))
    for made in (one, other):
        made.build((None, 2))
    books = [array(level.codebook) for level in one.levels]
    assert np.abs(books[0] - books[1]).max() > 0.01
    np.testing.assert_array_equal(books[1], array(other.levels[1].codebook))
