"""The vector-quantized autoencoder against NumPy, k-means and the model that it becomes."""

import warnings

import keras
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

import keras_vae as kv
from keras_vae.quantization import FiniteScalarQuantizer, Quantizer, VectorQuantizer
from tests.support.linear import batches
from tests.support.models import FAST, array
from tests.support.objectives import loss_and_gradients

FEATURES, DIMENSIONS, ROWS = 5, 2, 13
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype("float32")
WEIGHTS = np.linspace(0.0, 2.0, ROWS).astype("float32")


def linear(**kwargs):
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((FEATURES,), DIMENSIONS, hidden=())
    model = kv.VQVAE(*networks, **{"codebook_size": 4, "restart": 0.0, "seed": 1, **kwargs})
    codebook = np.random.default_rng(1).normal(size=(model.codebook_size, DIMENSIONS))
    model.quantizer.codebook.assign(codebook)
    return model


def given(quantizer, dimensions=DIMENSIONS, **kwargs):
    """A model with this quantizer in place of the usual codebook."""
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((FEATURES,), dimensions, hidden=())
    return kv.VQVAE(*networks, quantizer=quantizer, seed=1, **kwargs)


def identity(features, **kwargs):
    """What is encoded is x; there is nothing to learn but the codebook."""
    networks = kv.nets.dense((features,), features, hidden=())
    for network in networks:
        network.set_weights([np.eye(features), np.zeros(features)])
    model = kv.VQVAE(*networks, seed=0, **kwargs)
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    return model


def nearest(z, codebook):
    return np.square(z[:, None] - codebook).sum(axis=-1).argmin(axis=1)


@pytest.mark.parametrize("commitment", [0.0, 0.25])
def test_the_gradient_of_the_decoder_goes_straight_to_the_encoder(commitment):
    """Anchor row 20: dL/dz_e = dL/dz_q, and 2 beta (z_e - z_q) of the commitment."""
    model = linear(commitment=commitment)
    a, a_bias, b, b_bias = (array(v).astype("float64") for v in model.trainable_variables)
    book = array(model.quantizer.codebook)
    _, gradients = loss_and_gradients(model, X)
    z = X @ a + a_bias
    e = book[nearest(z, book)]
    error = (e @ b + b_bias - X) / ROWS
    of_z = error @ b.T + commitment * 2.0 * (z - e) / ROWS
    wanted = [X.T @ of_z, of_z.sum(0), e.T @ error, error.sum(0)]
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_code_for_each_example_makes_it_a_plain_autoencoder():
    model = linear(codebook_size=ROWS)
    plain = kv.Autoencoder(*kv.nets.dense((FEATURES,), DIMENSIONS, hidden=()))
    plain.encoder.set_weights(model.encoder.get_weights())
    plain.decoder.set_weights(model.decoder.get_weights())
    model.quantizer.codebook.assign(plain.encode(X))
    np.testing.assert_array_equal(array(model.encode(X)), np.arange(ROWS))
    found, gradients = loss_and_gradients(model, X)
    wanted, slopes = loss_and_gradients(plain, X)
    assert found == pytest.approx(wanted, rel=1e-5)
    for one, other in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2] if keras.backend.backend() != "torch" else [1])
def test_codes_are_running_means_of_their_vectors_and_logs_means_over_examples(steps):
    """With sample weights, one of them 0, a ragged last batch, and several steps a call."""
    model = linear(decay=0.8)
    model.compile(keras.optimizers.SGD(0.0), steps_per_execution=steps)
    book = array(model.quantizer.codebook).astype("float64")
    counts, sums = np.zeros(4), np.zeros((4, DIMENSIONS))
    z_of = array(model.encoder_outputs(X)[0])
    distances, codes = [], []
    for z, w in (pair for _ in range(2) for pair in batches(z_of, WEIGHTS)):
        chosen = nearest(z, book)
        codes.append(chosen)
        distances.append(w * np.square(z - book[chosen]).sum(axis=1))
        hot = np.eye(4)[chosen] * w[:, None]
        counts = 0.8 * counts + 0.2 * hot.sum(axis=0)
        sums = 0.8 * sums + 0.2 * hot.T @ z
        book = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1e-9)[:, None], book)
    fitted = model.fit(
        X, X, sample_weight=WEIGHTS, batch_size=5, epochs=2, shuffle=False, verbose=0
    )
    np.testing.assert_allclose(array(model.quantizer.codebook), book, atol=1e-4)
    np.testing.assert_allclose(array(model.quantizer.counts), counts, rtol=1e-5)
    commitment = np.concatenate(distances[3:]).sum() / WEIGHTS.sum()
    assert fitted.history["commitment"][1] == pytest.approx(commitment, rel=1e-4)
    shares = np.bincount(np.concatenate(codes[3:]), WEIGHTS, minlength=4) / WEIGHTS.sum()
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    assert fitted.history["perplexity"][1] == pytest.approx(np.exp(entropy), rel=1e-5)


@pytest.mark.slow
def test_with_identity_networks_it_is_k_means():
    """Anchor row 20: the inertia stays within 1 % of scikit-learn's, in small batches too."""
    x = load_digits().data.astype("float32") / 16.0
    wanted = KMeans(10, n_init=10, random_state=0).fit(x).inertia_
    model = identity(64, codebook_size=10, decay=0.9)
    model.adapt(x, examples=len(x))
    assert inertia(model, x) == pytest.approx(wanted, rel=0.01)
    model.fit(x, batch_size=300, epochs=10, verbose=0)
    assert inertia(model, x) == pytest.approx(wanted, rel=0.01)


def test_a_source_of_few_examples_gives_all_of_them():
    of_source, of_array = linear(), linear()
    of_source.adapt(iter([(X[:4],), (X[4:7],)]))
    of_array.adapt(X[:7])
    np.testing.assert_allclose(
        np.sort(array(of_source.quantizer.codebook), axis=0),
        np.sort(array(of_array.quantizer.codebook), axis=0),
        rtol=1e-5,
    )


def test_without_memory_and_on_the_whole_set_a_step_is_one_of_k_means():
    x = load_digits().data.astype("float32") / 16.0
    start = x[100:110]
    model = identity(64, codebook_size=10, decay=0.0, restart=0.0)
    model.quantizer.codebook.assign(start)
    model.fit(x, batch_size=len(x), epochs=8, verbose=0)
    lloyd = KMeans(10, init=start, n_init=1, max_iter=8, tol=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It has not converged.
        wanted = lloyd.fit(x)
    assert inertia(model, x) == pytest.approx(wanted.inertia_, rel=1e-4)
    np.testing.assert_allclose(array(model.quantizer.codebook), wanted.cluster_centers_, atol=1e-3)


def inertia(model, x):
    logs = model.evaluate(x, batch_size=len(x), return_dict=True, verbose=0)
    return logs["commitment"] * len(x)


def test_the_perplexity_of_uniform_use_is_the_number_of_codes():
    """Anchor row 20, over batches that each hold half of the codes; and as `metrics` has it."""
    model = identity(3, codebook_size=8)
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(8, 3)
    model.quantizer.codebook.assign(corners)
    x = corners.astype("float32")
    assert model.evaluate(x, batch_size=4, return_dict=True, verbose=0)["perplexity"] == (
        pytest.approx(8.0, rel=1e-6)
    )
    found = model.evaluate(x[[0, 0, 0, 1]], return_dict=True, verbose=0)["perplexity"]
    usage = kv.metrics.codebook_usage(array(model.encode(x[[0, 0, 0, 1]])), model.codebook_size)
    assert found == pytest.approx(usage["codebook_perplexity"], rel=1e-6)


def test_a_dead_code_is_put_on_a_vector_of_the_batch_that_counts():
    x = np.array([[1.0], [2.0], [3.0], [50.0]], "float32")
    for restart, revived in ((0.05, True), (0.0, False)):
        model = identity(1, codebook_size=2, restart=restart)
        model.quantizer.codebook.assign([[2.0], [-90.0]])
        model.fit(x, x, sample_weight=np.array([1.0, 1.0, 1.0, 0.0]), epochs=1, verbose=0)
        alive, dead = array(model.quantizer.codebook)[:, 0]
        assert alive == pytest.approx(2.0, abs=1e-3)
        places = (1.0, 2.0, 3.0) if revived else (-90.0,)
        assert min(abs(dead - place) for place in places) < 1e-3


def test_a_batch_without_weight_changes_nothing():
    model = identity(1, codebook_size=2)
    before = array(model.quantizer.codebook)
    model.fit(X[:, :1], X[:, :1], sample_weight=np.zeros(ROWS), verbose=0)
    np.testing.assert_allclose(array(model.quantizer.codebook), before, atol=1e-7)


@pytest.mark.slow
def test_a_code_without_vectors_stays_where_it_is():
    model = identity(1, codebook_size=2, restart=0.0, decay=0.5)
    model.quantizer.codebook.assign([[0.0], [9.0]])
    model.fit(np.array([[8.0]], "float32"), epochs=1, verbose=0)
    model.quantizer.codebook.assign([[0.0], [float(array(model.quantizer.codebook)[1, 0])]])
    model.fit(np.array([[1.0]], "float32"), epochs=60, verbose=0)
    np.testing.assert_allclose(array(model.quantizer.codebook), [[1.0], [8.0]], rtol=1e-3)


def test_a_map_of_vectors_has_a_map_of_codes():
    model = kv.VQVAE(*kv.nets.conv_map((6, 5, 1), 2, filters=(3,)), codebook_size=4, seed=0)
    images = np.random.default_rng(0).random((3, 6, 5, 1)).astype("float32")
    codes = array(model.encode(images))
    assert codes.shape == (3, 3, 3) and codes.dtype == "int32" and model.latent_shape == (3, 3)
    np.testing.assert_allclose(array(model.decode(codes)), array(model(images)), atol=1e-6)


def after_a_step(model):
    """The logs of a training step, then all variables but the states of generators."""
    model.compile(keras.optimizers.SGD(0.1), **FAST)
    logs = model.train_on_batch(X, return_dict=True)
    return [*map(array, logs.values()), *(array(weight) for weight in model.weights)]


def test_a_quantizer_takes_the_place_of_the_codebook():
    """The same numbers, given to the model or to its quantizer, make the same step."""
    keras.utils.set_random_seed(3)
    plain = kv.VQVAE(
        *kv.nets.dense((FEATURES,), DIMENSIONS, hidden=()), 4, 0.5, 0.7, restart=0.2, seed=1
    )
    other = given(VectorQuantizer(4, 0.7, 0.2, seed=1), commitment=0.5)
    assert other.codebook_size == 4 and other.terms == kv.VQVAE.terms
    for one, two in zip(after_a_step(plain), after_a_step(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_with_fixed_levels_it_is_the_model_of_these():
    other = given(FiniteScalarQuantizer((3, 4)))
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((FEATURES,), DIMENSIONS, hidden=())
    plain = kv.FSQ(*networks, levels=(3, 4), seed=1)
    assert other.terms == plain.terms and other.codebook_size == 12
    for one, two in zip(after_a_step(plain), after_a_step(other), strict=True):
        np.testing.assert_array_equal(one, two)


@keras.saving.register_keras_serializable("tests")
class Halves(Quantizer):
    """A quantizer of two elements: which of them are above a threshold."""

    size, code_shape = 2, (2,)

    def __init__(self, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold

    def codes(self, z):
        return keras.ops.cast(z > self.threshold, "int32")

    def lookup(self, codes):
        return keras.ops.cast(codes, "float32")


def test_a_quantizer_of_ones_own_is_saved_with_the_model(tmp_path):
    model = given(Halves(0.25))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.quantizer.threshold == 0.25 and loaded.latent_shape == (2,)
    codes = array(model.encoder(X) > 0.25)
    np.testing.assert_array_equal(array(loaded.encode(X)), codes)
    np.testing.assert_array_equal(array(loaded.decode(codes.astype(int))), array(model(X)))
    np.testing.assert_array_equal(loaded.loss_weights.setting("commitment"), 0.25)


def test_files_have_the_numbers_of_the_codebook_not_the_defaults():
    config = kv.VQVAE(*kv.nets.dense((FEATURES,), 2, hidden=()), 4).get_config()
    found = [config[name] for name in ("codebook_size", "decay", "restart", "quantizer")]
    assert found == [4, 0.99, 0.05, None]
    config = given(VectorQuantizer(4)).get_config()
    assert config["codebook_size"] is config["decay"] is config["restart"] is None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: given("fsq"), TypeError, "keras_vae.quantization.*quantizer='fsq'"),
        (lambda: given(VectorQuantizer), TypeError, "Expected quantizer to be one"),
        (lambda: given(VectorQuantizer(4), codebook_size=512), ValueError, "size.: 512.*next to"),
        (lambda: given(VectorQuantizer(4), decay=0.99), ValueError, "decay.: 0.99"),
        (lambda: given(VectorQuantizer(4), restart=0.0), ValueError, "restart.: 0.0"),
        (
            lambda: given(FiniteScalarQuantizer((3, 3)), commitment=0.25),
            ValueError,
            "no commitment",
        ),
        (lambda: given(FiniteScalarQuantizer((3, 3))).adapt(X), TypeError, "a codebook of running"),
        (
            lambda: given(given(VectorQuantizer(4)).quantizer, 3),
            ValueError,
            "Expected vectors with 2",
        ),
        (lambda: given(Halves()).decode(np.array([[0, 2]])), ValueError, "Received: 0 to 2"),
        (lambda: given(Halves()).decode(np.array([0, 1])), ValueError, "Expected z of shape"),
        (lambda: linear(codebook_size=0), ValueError, "codebook of at least 1"),
        (lambda: linear(decay=1.0), ValueError, "decay and restart in .0, 1.*decay=1.0"),
        (lambda: linear(restart=-0.1), ValueError, "restart=-0.1"),
        (lambda: linear().adapt(X[:3]), ValueError, "Expected at least 4 vectors for 4 codes"),
        (lambda: linear().adapt([X[:3]]), ValueError, "Expected at least 4 vectors for 4 codes"),
        (lambda: linear().adapt([X], examples=0), ValueError, "examples of at least 1"),
        (lambda: linear().adapt(X[:, :2]), ValueError, "Expected x of shape"),
        (lambda: linear().decode(np.zeros(2, "float32")), TypeError, "Received: float32"),
        (lambda: linear().decode(np.array([0, 4])), ValueError, "Received: 0 to 4"),
        (lambda: linear().decode(np.array([[0]])), ValueError, "Expected z of shape"),
        (lambda: linear().fit_sampler(X), TypeError, "VQVAE, whose codes are int32"),
    ],
)
def test_bad_input_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
