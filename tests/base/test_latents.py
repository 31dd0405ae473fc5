"""Walks between codes, against closed forms and SciPy; no network is needed for that."""

import numpy as np
import pytest
import scipy.integrate
import scipy.spatial
import scipy.stats

from keras_vae import latents
from keras_vae.distributions import Normal
from keras_vae.estimators.codes import count_active
from keras_vae.metrics import neighbors as nearest

GENERATOR = np.random.default_rng(0)


class LinearModel:
    """Codes are the first two pixels; images are codes times a known matrix."""

    event_shape = (3,)
    latent_shape = (2,)
    matrix = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]], "float32")

    def __init__(self):
        self.decoded = []

    def encode(self, x):
        return np.asarray(x, "float32")[:, :2]

    def decode(self, z):
        self.decoded.append(np.asarray(z))
        return np.asarray(z) @ self.matrix


def test_a_straight_line_is_linspace():
    start, end = GENERATOR.normal(size=(2, 3, 5))
    path = latents.lerp(start, end, 7)
    assert path.shape == (3, 7, 5)
    np.testing.assert_allclose(path, np.linspace(start, end, 7, axis=1), rtol=1e-5, atol=1e-6)


def test_an_arc_between_unit_vectors_turns_at_constant_speed():
    angle = 2.0
    start, end = np.array([[1.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]])
    turned = np.linspace(0.0, angle, 9)
    expected = np.stack([np.cos(turned), np.sin(turned)], axis=1)
    np.testing.assert_allclose(latents.slerp(start, end, 9)[0], expected, atol=1e-6)


def test_an_arc_of_codes_of_two_lengths_passes_through_the_known_middle():
    # Between e1 and 3 e2 both weights are sin(45 degrees) / sin(90 degrees).
    middle = latents.slerp(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]]), 3)[0, 1]
    np.testing.assert_allclose(middle, np.sqrt(0.5) * np.array([1.0, 3.0]), rtol=1e-6)


def test_an_arc_keeps_the_length_that_a_line_loses():
    start, end = GENERATOR.normal(size=(2, 4, 64))
    start *= 8.0 / np.linalg.norm(start, axis=1, keepdims=True)
    end *= 8.0 / np.linalg.norm(end, axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.linalg.norm(latents.slerp(start, end, 9), axis=-1), 8.0, rtol=1e-6
    )
    assert np.linalg.norm(latents.lerp(start, end, 9)[:, 4], axis=-1).max() < 7.0


@pytest.mark.parametrize("walk", [latents.lerp, latents.slerp])
def test_the_ends_of_a_walk_are_exact(walk):
    start, end = GENERATOR.normal(size=(2, 5, 3, 3, 2)).astype("float32")
    path = walk(start, end, 6)
    np.testing.assert_array_equal(path[:, 0], start)
    np.testing.assert_array_equal(path[:, -1], end)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0], ids="same parallel opposite zero".split())
def test_where_there_is_no_arc_the_walk_is_straight(factor):
    start = GENERATOR.normal(size=(2, 4))
    path = latents.slerp(start, factor * start, 5)
    np.testing.assert_allclose(path, latents.lerp(start, factor * start, 5), atol=1e-6)


@pytest.mark.parametrize(
    ("start", "end", "steps"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), 3),
        (np.zeros(3), np.zeros(3), 3),
        (*np.zeros((2, 1, 3)), 1),
        (*np.zeros((2, 1, 3)), 2.5),
    ],
    ids=["shapes differ", "no batch", "one step", "half a step"],
)
def test_a_walk_that_cannot_be_is_refused(start, end, steps):
    with pytest.raises((ValueError, TypeError), match="Expected (start and end of one sh|steps)"):
        latents.slerp(start, end, steps)


def test_interpolation_decodes_all_images_in_one_call_between_the_reconstructions():
    model = LinearModel()
    start, end = GENERATOR.normal(size=(2, 4, 3)).astype("float32")
    images = latents.interpolate(model, start, end, steps=5, method="lerp")
    assert [codes.shape for codes in model.decoded] == [(20, 2)]
    assert images.shape == (4, 5, 3)
    np.testing.assert_allclose(images[:, 0], start[:, :2] @ model.matrix, rtol=1e-6)
    np.testing.assert_allclose(images[:, -1], end[:, :2] @ model.matrix, rtol=1e-6)


@pytest.mark.parametrize("x", [np.zeros(3), np.zeros((4, 2))], ids=["no batch", "codes"])
def test_what_is_no_batch_of_examples_is_refused(x):
    with pytest.raises(ValueError, match=r"Expected start of shape \('batch', 3\). Received"):
        latents.interpolate(LinearModel(), x, x)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'lerp' or 'slerp'. Received: method='cubic'"):
        latents.interpolate(LinearModel(), np.zeros((1, 3)), np.ones((1, 3)), method="cubic")


def test_a_traversal_changes_one_latent_at_a_time_in_one_call():
    model = LinearModel()
    images = latents.traverse(model, np.array([5.0, 7.0, 0.0]), [1, 0], [-1.0, 0.0, 2.0])
    expected = [[[5, -1], [5, 0], [5, 2]], [[-1, 7], [0, 7], [2, 7]]]
    np.testing.assert_allclose(images, np.array(expected) @ model.matrix)
    assert len(model.decoded) == 1


@pytest.mark.parametrize(("dimensions", "values"), [([2], [0.0]), ([0], []), ([], [0.0])])
def test_a_traversal_of_latents_that_are_not_there_is_refused(dimensions, values):
    with pytest.raises(ValueError, match="Expected dimensions among 0 to 1"):
        latents.traverse(LinearModel(), np.zeros(3), dimensions, values)


def test_the_grid_lies_at_quantiles_of_the_normal_with_the_second_axis_up():
    grid = latents.normal_grid(4)
    quantiles = scipy.stats.norm.ppf([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(grid[2, :, 0], quantiles, rtol=1e-6)
    np.testing.assert_allclose(grid[:, 1, 1], quantiles[::-1], rtol=1e-6)


def test_an_attribute_vector_leads_from_those_without_to_those_with():
    codes = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 4.0], [7.0, 4.0]])
    np.testing.assert_allclose(latents.attribute_vector(codes, [0, 0, 1, 1]), [5.0, 4.0])
    with pytest.raises(ValueError, match="both True and False"):
        latents.attribute_vector(codes, [1, 1, 1, 1])


def test_kl_per_dimension_is_the_integral_it_stands_for():
    means, log_vars = np.array([[0.5, -2.0]], "float32"), np.array([[-1.0, 0.3]], "float32")

    class Posterior:
        def posterior(self, x):
            return Normal(means, log_vars)

    def divergence(mean, deviation):
        q, p = scipy.stats.norm(mean, deviation), scipy.stats.norm()
        integrand = lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z))  # noqa: E731
        return scipy.integrate.quad(integrand, -12, 12)[0]

    expected = [divergence(m, np.exp(0.5 * v)) for m, v in zip(means[0], log_vars[0], strict=True)]
    np.testing.assert_allclose(
        latents.kl_per_dimension(Posterior(), np.zeros((1, 3))), expected, rtol=1e-6
    )


def test_a_unit_is_active_above_a_variance_of_a_hundredth():
    deviations = np.array([0.0, 0.099, 0.101, 1.0])
    codes = np.array([[-1.0], [1.0]]) * deviations  # Variance: deviations squared.
    assert count_active(codes) == 2


class Gaussian(LinearModel):
    """The second dimension says more than the first."""

    def posterior(self, x):
        return Normal(np.tile(np.array([0.5, -2.0], "float32"), (len(x), 1)))


def test_by_default_a_traversal_has_all_dimensions_the_greatest_kl_first():
    images = latents.traverse(Gaussian(), np.array([5.0, 7.0, 0.0]))
    wanted = latents.traverse(Gaussian(), np.array([5.0, 7.0, 0.0]), [1, 0], range(-3, 4))
    np.testing.assert_array_equal(images, wanted)
    assert images.shape == (2, 7, 3)


def test_the_kl_that_orders_is_the_mean_over_the_examples_given():
    class Input(LinearModel):
        def posterior(self, x):
            return Normal(np.asarray(x)[:, :2])

    x, others = np.array([5.0, 7.0, 0.0], "float32"), np.array([[9.0, 0.0, 0.0]], "float32")
    assert latents.ordered_by_kl(Input(), x[None]) == [1, 0]
    wanted = latents.traverse(Input(), x, [0, 1], [1.0])
    np.testing.assert_array_equal(latents.traverse(Input(), x, None, [1.0], others), wanted)


def test_a_model_without_a_posterior_needs_dimensions():
    with pytest.raises(ValueError, match="a model with a posterior.*LinearModel.*Give dimensions"):
        latents.traverse(LinearModel(), np.zeros(3))


@pytest.mark.parametrize("pairs", [10, 10**6], ids=["a query at a time", "at once"])
def test_neighbors_are_those_of_a_tree(pairs, monkeypatch):
    monkeypatch.setattr(nearest, "DISTANCES_AT_ONCE", pairs)
    codes, queries = GENERATOR.normal(size=(200, 3, 2)), GENERATOR.normal(size=(17, 3, 2))
    places, distances = latents.neighbors(codes, queries, 4)
    tree = scipy.spatial.KDTree(codes.reshape(200, -1))
    wanted = tree.query(queries.reshape(17, -1), 4)
    np.testing.assert_array_equal(places, wanted[1])
    np.testing.assert_allclose(distances, wanted[0], rtol=1e-12)


def test_far_from_the_origin_a_code_finds_itself_first_at_no_distance():
    codes = 1e4 + GENERATOR.normal(size=(50, 3))
    places, distances = latents.neighbors(codes, codes, 2)
    assert places[:, 0].tolist() == list(range(50)) and not distances[:, 0].any()
    assert (distances[:, 1] > 0).all()


@pytest.mark.parametrize(
    ("codes", "queries", "k"),
    [
        (np.zeros((3, 2)), np.zeros((3, 3)), 1),
        (np.zeros(3), np.zeros(3), 1),
        (np.zeros((3, 2)), np.zeros((1, 2)), 4),
        (np.zeros((3, 2)), np.zeros((1, 2)), 0),
        (np.full((3, 2), np.nan), np.zeros((1, 2)), 1),
    ],
    ids=["sizes", "no rows", "too few", "none", "NaN"],
)
def test_neighbors_that_cannot_be_are_refused(codes, queries, k):
    with pytest.raises(ValueError, match="Expected (k|.*codes).* Received"):
        latents.neighbors(codes, queries, k)


@pytest.mark.parametrize("has", [[False] * 3, [True] * 3, [True, False]])
def test_without_examples_on_both_sides_there_is_no_attribute_vector(has):
    with pytest.raises(ValueError, match=rf"both True and False.*{sum(has)} True for 3 codes"):
        latents.attribute_vector(np.ones((3, 2)), has)


def test_class_labels_are_no_attribute():
    with pytest.raises(ValueError, match=r"booleans, or 0 and 1. Received: \[0 1 2\]"):
        latents.attribute_vector(np.ones((3, 2)), [0, 1, 2])


def test_an_example_to_traverse_has_no_batch_axis():
    with pytest.raises(ValueError, match=r"shape \(3,\), without a batch.*shape \(1, 3\)"):
        latents.traverse(LinearModel(), np.zeros((1, 3)), [0])


def test_of_no_codes_there_is_no_attribute_vector():
    with pytest.raises(ValueError, match="0 True for 0 codes"):
        latents.attribute_vector(np.zeros((0, 2)), [])
