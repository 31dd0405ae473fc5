"""k-means against Lloyd's algorithm in loops, and clusters that are known."""

import numpy as np
import pytest
import scipy.stats

from keras_vae.quantization import kmeans as module
from keras_vae.quantization.kmeans import kmeans

X = np.random.default_rng(0).normal(size=(60, 3))
PLACES = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])


def lloyd(vectors, centers, rounds):
    for _ in range(rounds):
        own = [
            min(range(len(centers)), key=lambda k: np.sum((v - centers[k]) ** 2)) for v in vectors
        ]
        centers = np.array(
            [
                vectors[np.equal(own, k)].mean(axis=0) if k in own else centers[k]
                for k in range(len(centers))
            ]
        )
    own = [min(range(len(centers)), key=lambda k: np.sum((v - centers[k]) ** 2)) for v in vectors]
    return centers, np.bincount(own, minlength=len(centers))


@pytest.mark.parametrize("rounds", [0, 1, 5])
@pytest.mark.parametrize("chunk", [7, 4096])
def test_rounds_are_those_of_lloyd_from_the_same_start(rounds, chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    start, _ = kmeans(X, 6, seed=3, rounds=0)
    assert {tuple(v) for v in start} <= {tuple(v) for v in X}
    found, sizes = kmeans(X, 6, seed=3, rounds=rounds)
    expected, expected_sizes = lloyd(X, start, rounds)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_array_equal(sizes, expected_sizes)


def test_by_default_there_are_twenty_rounds():
    x = np.random.default_rng(1).normal(size=(3000, 2))
    found, twenty, more = (kmeans(x, 40, 3, **r)[0] for r in ({}, {"rounds": 20}, {"rounds": 21}))
    np.testing.assert_array_equal(found, twenty)
    assert not np.array_equal(found, more)


@pytest.mark.parametrize("seed", range(5))
def test_clusters_far_apart_are_found_from_any_seed(seed):
    x = np.repeat(PLACES, [5, 7, 3], axis=0) + np.tile(
        [[-0.5, 0.0], [0.0, 0.5], [0.5, -0.5]], (5, 1)
    )
    found, sizes = kmeans(x, 3, seed)
    order = np.lexsort(found.T)
    expected, expected_sizes = lloyd(x, PLACES, 1)
    by_place = np.lexsort(expected.T)
    np.testing.assert_allclose(found[order], expected[by_place], atol=1e-9)
    np.testing.assert_array_equal(sizes[order], expected_sizes[by_place])


def test_centers_are_chosen_by_the_squared_distance_to_the_nearest_one_before():
    x, draws = np.array([[0.0], [1.0], [3.0]]), 4000
    pairs = [tuple(kmeans(x, 2, seed, rounds=0)[0][:, 0]) for seed in range(draws)]
    chances = {(0, 1): 1 / 10, (0, 3): 9 / 10, (1, 0): 1 / 5, (1, 3): 4 / 5, (3, 0): 9 / 13}
    chances[3, 1] = 4 / 13
    counts = [pairs.count(pair) for pair in chances]
    expected = np.array(list(chances.values())) * draws / 3
    assert scipy.stats.chisquare(counts, expected * sum(counts) / expected.sum()).pvalue > 1e-3
    assert sum(counts) == draws


def test_vectors_that_are_all_alike_have_centers_and_the_first_has_them_all():
    found, sizes = kmeans(np.ones((4, 2)), 3, seed=0)
    assert found.tolist() == np.ones((3, 2)).tolist()
    assert sizes.tolist() == [4, 0, 0]


def test_there_may_be_as_many_clusters_as_vectors_but_no_more():
    found, sizes = kmeans(X[:4], 4, seed=0)
    assert sorted(map(tuple, found)) == sorted(map(tuple, X[:4])) and sizes.tolist() == 4 * [1]
    with pytest.raises(ValueError, match="at least 5 vectors for 5 codes. Received: 4"):
        kmeans(X[:4], 5)
