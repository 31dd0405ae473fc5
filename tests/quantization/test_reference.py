"""Quantizers against vector-quantize-pytorch, with the same codebooks, vectors and slopes.

Where a convention differs, a test maps one to the other and says so. Their losses are means over
all elements, ours sums over the elements of an example.
"""

import keras
import numpy as np
import pytest

from keras_vae import quantization as q
from tests.support.differentiation import gradient
from tests.support.models import array

pytestmark = [pytest.mark.extra(name="references"), pytest.mark.slow]
RANDOM = np.random.default_rng(0)
LENGTH, PART, SIZE, DEPTH, GROUPS, PLACES = 6, 3, 8, 3, 2, 5
Z, SLOPES = RANDOM.normal(size=(2, 2, PLACES, LENGTH)).astype("float32")
BOOKS = RANDOM.normal(size=(GROUPS * DEPTH, SIZE, PART)).astype("float32")
BOOK, MAP = (RANDOM.normal(size=(n, LENGTH)).astype("float32") for n in (SIZE, LENGTH))
LEVELS = {"num_quantizers": DEPTH, "codebook_size": SIZE}


@pytest.fixture(scope="module")
def reference():
    return pytest.importorskip("vector_quantize_pytorch")  # It imports PyTorch.


def fill(layers, books):
    for layer, book in zip(layers, books, strict=True):
        layer.codebook = layer.codebook.new_tensor(book)


def run(module, z, training=False, **options):
    """All that the reference returns, and in training the gradient of <SLOPES, vectors> to `z`."""
    import torch

    with torch.enable_grad():
        z = torch.tensor(z, requires_grad=training)
        found = module.train(training)(z, **options)
        found = [part for one in found for part in (one if isinstance(one, tuple) else [one])]
        if training:
            (found[0] * torch.tensor(SLOPES[..., : z.shape[-1]])).sum().backward()
            found.append(z.grad)
    return [part.detach().numpy() for part in found]


def ours(quantizer, z=Z, **weights):
    """Codes, their vectors, the mean terms of a step, and the gradient of `run`."""
    quantizer.build((None, z.shape[-1]))
    parts = getattr(quantizer, "parts", [quantizer])
    layers = [layer for part in parts for layer in getattr(part, "levels", [part])]
    for name, values in weights.items():
        for layer, value in zip(layers, values, strict=True):
            getattr(layer, name).assign(value)
    z, slopes = map(keras.ops.convert_to_tensor, (z, SLOPES[..., : z.shape[-1]]))
    codes = quantizer.codes(z)
    slope = gradient(lambda z: quantizer.approximate(z, codes)[0] * slopes, array(z))[0]
    terms = {n: array(v).mean() for n, v in quantizer.approximate(z, codes)[1].items()}
    return array(codes), array(quantizer.lookup(codes)), terms, slope


def assert_same(found, wanted, rtol=1e-5, atol=1e-6):
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol, atol)


@pytest.mark.parametrize("kind", ["straight_through", "rotation"])
def test_the_nearest_vector_of_a_codebook_with_both_gradients(reference, kind):
    theirs = reference.VectorQuantize(LENGTH, SIZE, rotation_trick=kind == "rotation")
    fill([theirs], [BOOK])
    codes, vectors, terms, slope = ours(q.VectorQuantizer(SIZE, gradient=kind), codebook=[BOOK])
    found, indices, _ = run(theirs, Z)
    assert_same(indices, codes, 0, 0)
    assert_same(found, vectors, 0, 0)
    _, _, loss, found = run(theirs, Z, training=True, freeze_codebook=True)
    assert_same(found, slope)
    assert terms["commitment"] == pytest.approx(loss.item() * Z[0].size, rel=1e-5)


def test_residual_codebooks_and_their_first_levels(reference):
    theirs = reference.ResidualVQ(dim=PART, rotation_trick=False, **LEVELS)
    fill(theirs.layers, BOOKS[:DEPTH])
    layer, z = q.ResidualVectorQuantizer(DEPTH, SIZE), Z[..., :PART]
    codes, vectors, terms, slope = ours(layer, z, codebook=BOOKS[:DEPTH])
    found, indices, _, levels = run(theirs, z, return_all_codes=True)
    assert_same(indices, codes, 0, 0)
    assert_same(found, vectors)
    for n in range(1, DEPTH + 1):
        assert_same(levels[:n].sum(axis=0), array(layer.lookup(codes[..., :n])))
    _, _, losses, found = run(theirs, z, training=True, freeze_codebook=True)
    assert terms["commitment"] == pytest.approx(losses.sum() * z[0].size, rel=1e-5)
    # Straight through each of their levels, so DEPTH times; ours is straight through the sum.
    assert_same(found, DEPTH * slope)


def test_groups_of_residual_codebooks(reference):
    theirs = reference.GroupedResidualVQ(dim=LENGTH, groups=GROUPS, **LEVELS)
    fill([layer for part in theirs.rvqs for layer in part.layers], BOOKS)
    layer = q.GroupedResidualVectorQuantizer(GROUPS, DEPTH, SIZE)
    codes, vectors, _, _ = ours(layer, codebook=BOOKS)
    found, indices, _ = run(theirs, Z)
    assert_same(np.moveaxis(indices, 0, -2), codes, 0, 0)  # Groups are their first axis.
    assert_same(found, vectors)


def test_levels_of_finite_scalar_quantization_with_their_gradient(reference):
    levels = (8, 5, 3, 4, 6, 7)
    layer, theirs = q.FiniteScalarQuantizer(levels), reference.FSQ(levels)
    codes, vectors, _, slope = ours(layer)
    found, indices, at = run(theirs, Z, training=True)
    assert_same(indices, codes, 0, 0)
    assert_same(found, vectors)
    assert_same(at, slope)
    assert_same(theirs.implicit_codebook.numpy(), array(layer.lookup(np.arange(layer.size))))


@pytest.mark.parametrize("kind", [q.LookupFreeQuantizer, q.BinarySphericalQuantizer])
def test_signs_with_their_entropies(reference, kind):
    spherical = kind is q.BinarySphericalQuantizer
    theirs = reference.LFQ(dim=LENGTH, spherical=spherical, commitment_loss_weight=1.0)
    codes, vectors, terms, slope = ours(kind(LENGTH, temperature=2.0))
    # The first element is their highest bit, and our lowest: they get elements in reverse order.
    found, indices, _ = run(theirs, Z[..., ::-1].copy())
    assert_same(indices, codes, 0, 0)
    assert_same(found[..., ::-1], vectors)
    # A temperature of ours is of vectors of signs, also on the sphere.
    options = {"inv_temperature": (LENGTH if spherical else 1) / 2.0, "return_loss_breakdown": True}
    *_, entropy, together, commitment, found = run(theirs, Z, training=True, **options)
    assert_same(found, slope)
    # They cut probabilities at 1e-5 before the logarithm.
    assert terms["entropy"] == pytest.approx(entropy.item() * PLACES, rel=1e-3)
    assert terms["diversity"] == pytest.approx(-together.item() * PLACES, rel=1e-3)
    if not spherical:
        assert terms["commitment"] == pytest.approx(commitment.item() * Z[0].size, rel=1e-5)


def test_a_frozen_codebook_behind_a_map(reference):
    theirs = reference.SimVQ(LENGTH, SIZE)
    new = theirs.frozen_codebook.new_tensor
    # Their map multiplies from the left, ours from the right.
    theirs.load_state_dict({"frozen_codebook": new(BOOK), "code_transform.weight": new(MAP.T)})
    layer = q.SimVectorQuantizer(SIZE, gradient="rotation")
    codes, vectors, terms, slope = ours(layer, codebook=[BOOK], map=[MAP])
    found, indices, loss, at = run(theirs, Z, training=True)
    assert_same(indices, codes, 0, 0)
    assert_same(found, vectors)
    assert_same(at, slope)
    total = sum(layer.term_weights[name] * value for name, value in terms.items())
    assert total == pytest.approx(loss.item() * Z[0].size, rel=1e-5)
