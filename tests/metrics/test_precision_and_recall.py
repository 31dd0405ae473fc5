"""Precision and recall of samples against their definition and planted mistakes."""

import numpy as np
import pytest
import scipy.spatial

from keras_vae import metrics
from keras_vae.metrics import distances

CENTERS = np.array([[0.0, 0.0], [40.0, 0.0], [0.0, 40.0], [40.0, 40.0]])


def modes(count, chosen=(0, 1, 2, 3), seed=0):
    """Vectors around the centers, as many around each."""
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.normal(CENTERS[k], 1.0, (count, 2)) for k in chosen])


def by_definition(real, generated, k):
    """Equations 1 and 2 of the paper, one vector at a time, with distances of SciPy."""

    def share(vectors, others):
        radii = np.sort(scipy.spatial.distance.cdist(others, others), axis=1)[:, k]
        to_others = scipy.spatial.distance.cdist(vectors, others)
        return np.mean([any(row <= radii) for row in to_others])

    return share(generated, real), share(real, generated)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("at_once", [1, 700, 10**7])
def test_they_are_those_of_the_definition_however_many_at_a_time(k, at_once, monkeypatch):
    monkeypatch.setattr(distances, "DISTANCES_AT_ONCE", at_once)
    generator = np.random.default_rng(1)
    real, generated = generator.normal(size=(60, 3)), generator.normal(1.0, 1.5, (45, 3))
    exact = by_definition(real, generated, k)
    assert 0.1 < min(exact) and max(exact) < 1
    assert metrics.precision_and_recall(real, generated, k) == pytest.approx(exact)


@pytest.mark.parametrize("place", [0.0, 0.1, 1e8])
def test_the_edge_of_a_ball_belongs_to_it(place):
    """On a grid, most distances are radii too; rounding must not decide."""
    generator = np.random.default_rng(2)
    real, generated = generator.integers(0, 12, (2, 40, 2)).astype(float)
    exact = by_definition(real, generated, 1)
    assert metrics.precision_and_recall(real + place, generated + place, 1) == exact


def test_vectors_on_a_line_by_hand():
    real, generated = [[0.0], [1.0], [3.0]], [[0.5], [-1.0], [5.5], [10.0]]
    # Balls of 0, 1 and 3 reach 1, 1 and 2 far: -1 is on an edge, 5.5 and 10 are outside.
    # Balls of 0.5, -1, 5.5 and 10 reach 1.5, 1.5, 4.5 and 4.5 far: they hold all.
    assert metrics.precision_and_recall(real, generated, neighbors=1) == (0.5, 1.0)


def test_dropped_modes_lower_recall_only():
    precision, recall = metrics.precision_and_recall(modes(100), modes(200, (0, 1), seed=1))
    assert precision > 0.95
    assert recall == pytest.approx(0.5, abs=0.04)


def test_invented_modes_lower_precision_only():
    precision, recall = metrics.precision_and_recall(modes(200, (0, 1), seed=1), modes(100))
    assert precision == pytest.approx(0.5, abs=0.04)
    assert recall > 0.95


def test_copies_of_one_vector_are_precise_and_recall_that_one():
    real = modes(25)
    copies = np.repeat(real[:1], 50, axis=0)
    assert metrics.precision_and_recall(real, copies) == (1.0, 1 / 100)


def test_three_neighbors_are_the_default():
    real, generated = modes(20), modes(20, seed=1)
    found = [metrics.precision_and_recall(real, generated, k) for k in (2, 3, 4)]
    assert len(set(found)) == 3
    assert metrics.precision_and_recall(real, generated) == found[1]
