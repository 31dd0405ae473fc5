"""The masked autoencoder: what is hidden has no say, and the two terms are one likelihood."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae as kv
from keras_vae.nets.patches import GridPositions
from tests.support.models import array, uniform

SHAPE, PATCH, GRID = (6, 4, 2), 2, (3, 2)
X = uniform(7, *SHAPE)
VISIBLE = np.array([[1, 0, 1, 0, 0, 0], [0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]], "float32")


def make(blocks=1, **kwargs):
    keras.utils.set_random_seed(5)
    arguments = {"mask_ratio": 0.5, "width": 8, "attention_heads": 2, "latent_dim": 3, **kwargs}
    return kv.MaskedAutoencoder(SHAPE, PATCH, blocks=blocks, decoder_blocks=blocks, **arguments)


def of_patch(number):
    """The pixels of a patch, counted in rows from the top left: booleans `(height, width)`."""
    row, column = divmod(number, GRID[1])
    found = np.zeros(SHAPE[:2], bool)
    found[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] = True
    return found


def test_no_hidden_pixel_changes_a_code():
    model = make()
    hidden = np.repeat(np.repeat(VISIBLE.reshape(3, *GRID), PATCH, 1), PATCH, 2)[..., None] == 0
    codes = array(model.encode_visible(X[:3], VISIBLE))
    other = array(model.encode_visible(np.where(hidden, 9.0, X[:3]), VISIBLE))
    np.testing.assert_allclose(other, codes, rtol=1e-5, atol=1e-6)
    token = array(model.mask_token)
    np.testing.assert_array_equal(codes[VISIBLE == 0], np.tile(token, ((VISIBLE == 0).sum(), 1)))
    assert np.abs(codes[VISIBLE > 0] - token).min() > 0


def test_codes_of_patches_on_their_own_are_those_with_the_others_looked_away_from():
    """Training computes the visible patches alone; a mask over all must give the same."""
    model = make()
    order = np.stack([np.random.default_rng(i).permutation(6) for i in range(7)])
    place = np.argsort(order, axis=1)
    alone = array(model._encode_first(X, keras.ops.convert_to_tensor(place), False))
    visible = (place < model.shown).astype("float32")
    masked = array(model.encode_visible(X, visible))
    np.testing.assert_allclose(alone, masked, rtol=1e-4, atol=1e-5)


def test_with_all_patches_visible_the_code_is_that_of_the_whole_image():
    model = make()
    found = array(model.encode_visible(X, np.ones((7, 6), "float32")))
    np.testing.assert_allclose(found, array(model.encode(X)), rtol=1e-5, atol=1e-6)


def test_of_each_image_as_many_patches_are_visible_and_each_patch_as_often():
    model = make(mask_ratio=0.7)
    visible = array(model._places(4000)) < model.shown
    assert model.shown == 2 and (visible.sum(axis=1) == 2).all()
    count = visible.sum(axis=0)
    error = np.sqrt(4000 * (1 / 3) * (2 / 3))
    assert np.abs(count - 4000 / 3).max() < 4 * error
    # All 15 pairs, so patches are not hidden in groups.
    assert len({tuple(row) for row in visible.tolist()}) == 15


def test_the_terms_are_log_densities_of_hidden_and_of_visible_pixels(monkeypatch):
    model = make(likelihood="laplace")
    place = np.stack([np.random.default_rng(i).permutation(6) for i in range(7)])
    monkeypatch.setattr(model, "_places", lambda count: keras.ops.convert_to_tensor(place))
    visible = place < 3
    p = model.observation(model.encode_visible(X, visible.astype("float32")))
    nats = -scipy.stats.laplace(array(p.mean), np.exp(array(p.log_scale))).logpdf(X)
    of_pixels = sum(visible[:, n, None, None] * of_patch(n) for n in range(6))[..., None]
    terms = {name: array(term) for name, term in model.loss_terms(X, X).items()}
    for name, where in {"visible": of_pixels, "hidden": 1 - of_pixels}.items():
        wanted = (nats * where).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(terms[name], wanted, rtol=1e-4, err_msg=name)


def test_without_weight_on_what_is_visible_it_is_the_objective_of_the_paper():
    model = make(visible_weight=0.0)
    model.compile("sgd", run_eagerly=True)
    logs = model.evaluate(X, batch_size=7, return_dict=True, verbose=0)
    assert logs["loss"] == pytest.approx(logs["hidden"], rel=1e-6) and logs["visible"] > 0


def test_without_attention_a_code_and_its_pixels_are_one_patch():
    model = make(blocks=0)
    codes, pixels = array(model.encode(X)), array(model.decode(model.encode(X)))
    for number in range(6):
        moved = X + of_patch(number)[..., None]
        changed = np.abs(array(model.encode(moved)) - codes).max(axis=(0, 2)) > 1e-6
        assert changed.tolist() == [n == number for n in range(6)]
        z = codes.copy()
        z[:, number] += 1.0
        changed = np.abs(array(model.decode(z)) - pixels).max(axis=(0, 3)) > 1e-6
        np.testing.assert_array_equal(changed, of_patch(number))
        one_hot = np.eye(6, dtype="float32")[[number]]
        np.testing.assert_array_equal(array(model.pixels(one_hot))[0] > 0, of_patch(number))


def test_positions_are_those_of_row_and_column():
    found = array(GridPositions(3, 2)(np.zeros((1, 6, 8), "float32")))[0].reshape(3, 2, 8)
    for row in range(3):
        for column in range(2):
            angles = [row, row / 100, column, column / 100]
            wanted = np.ravel([[np.sin(a), np.cos(a)] for a in angles])
            np.testing.assert_allclose(found[row, column], wanted, atol=1e-6)


@pytest.mark.long
def test_it_learns_to_fill_in_what_the_visible_patches_tell():
    """All patches of an image are of one level: what is hidden is known from any that is not."""
    levels = np.random.default_rng(0).random((256, 1, 1, 1), dtype="float32")
    x = np.broadcast_to(levels, (256, *SHAPE)).copy()
    model = make(width=16)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(x, epochs=60, batch_size=64, verbose=0)
    mask = np.zeros(SHAPE[:2])
    mask[:2] = 1
    error = np.mean((kv.inpaint(model, np.where(mask[..., None], x, 0.0), mask) - x) ** 2)
    assert error < 0.1 * np.var(levels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_ratio": 0.0}, "mask_ratio.*the 6 patches.*Received: 0.0"),
        ({"mask_ratio": 0.99}, "mask_ratio.*Received: 0.99"),
        ({"width": 6}, "multiple of 4.*width=6"),
        ({"attention_heads": 3}, "attention_heads=3"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=f"Expected .*{message}"):
        make(**arguments)


@pytest.mark.parametrize("patch", [4, 5])
def test_patches_that_do_not_fill_the_image_are_refused(patch):
    with pytest.raises(ValueError, match="divides the height and width of images, 6 and 4"):
        kv.MaskedAutoencoder(SHAPE, patch)
