"""`fit_prior`: what it learns, keeps, and refuses."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.samplers import AutoregressiveSampler, FlowSampler, MaskedSampler, transformer
from keras_vae.samplers.files import KINDS
from keras_vae.samplers.training import train
from tests.support.models import (
    CASES,
    IMAGES,
    array,
    compressive,
    conv_vae,
    dense,
    each,
    uniform,
    vae,
    vq_vae,
)

SMALL = {"width": 8, "blocks": 1, "heads": 2, "verbose": 0}
LABELS = np.arange(len(IMAGES)) % 2
SEEDS = kv.random.row_seeds(200, 0)


def learned(kind, codes, labels, epochs, places, inputs):
    """A sampler that was trained on codes."""
    size = transformer.Size(places, inputs, inputs, 16, 1, 2, 3, kind.is_real)
    start = kind(size, transformer.initial_weights(size, 0))
    weights = train(start, codes, labels, epochs, 32, 0, 0)
    return kind(size, weights)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [AutoregressiveSampler, MaskedSampler])
def test_planted_codes_and_their_classes_are_learned(kind):
    # All four places are equal, and their number is the class.
    labels = np.arange(256, dtype="int32") % 3
    codes = np.repeat(labels[:, None], 4, axis=1)
    one = learned(kind, codes, labels, 100, 4, 3)
    drawn = array(one.draw(SEEDS, (4,)))
    assert (drawn == drawn[:, :1]).all(axis=1).mean() > 0.9
    shares = np.bincount(drawn[:, 0], minlength=3) / 200
    np.testing.assert_allclose(shares, 1 / 3, atol=0.15)
    asked = (np.arange(200) % 3).astype("int32")
    drawn = array(one.draw(SEEDS, (4,), 1.0, asked))
    assert (drawn == asked[:, None]).mean() > 0.9
    if kind is AutoregressiveSampler:
        assert -array(one.log_prob(codes)).mean() == pytest.approx(np.log(3), abs=0.2)


@pytest.mark.long
def test_a_flow_learns_three_gaussians_and_which_class_has_which():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=384).astype("int32")
    centers = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    codes = (centers[labels] + 0.3 * random.normal(size=(384, 2))).astype("float32")
    one = learned(FlowSampler, codes, labels, 150, 1, 2)
    for label, center in enumerate(centers):
        drawn = array(one.draw(SEEDS, (2,), 1.0, np.full(200, label, "int32")))
        np.testing.assert_allclose(drawn.mean(axis=0), center, atol=0.3)
        nearest = np.square(drawn[:, None] - centers).sum(axis=-1).argmin(axis=1)
        assert (nearest == label).mean() > 0.97 and drawn.std(axis=0).min() > 0.1


FEWER = ("transformer_vae_tokens", "vq_vae")  # Of `FEW`; each takes seconds.
WITHOUT_LIMITS = "compressive"  # Integer codes of which there is no largest one.


@each([case for case in CASES if case.id != WITHOUT_LIMITS], FEWER, "long")
def test_each_model_draws_from_a_prior_of_its_codes(case):
    model = case.make()
    is_real = model.latent_dtype == "float32"
    model.fit_prior(case.x, prior="flow" if is_real else "masked", epochs=1, rounds=2, **SMALL)
    drawn = case.draw(model, 3, seed=0)
    assert drawn.shape == (3, *model.event_shape) and np.isfinite(drawn).all()
    np.testing.assert_array_equal(case.draw(model, 3, seed=0), drawn)
    assert array(model.sample_codes(3, 0, 1.0)).dtype == model.latent_dtype
    assert case.range[0] <= drawn.min() and drawn.max() <= case.range[1]


REAL = ("flow", "maf", "two_stage")


def model_with(prior):
    model = vae()() if prior in REAL else vq_vae()
    x = uniform(13, 6) if prior in REAL else IMAGES
    sizes = {k: v for k, v in SMALL.items() if k in {**KINDS[prior].defaults, "verbose": 0}}
    model.fit_prior(x, LABELS, prior, epochs=2, **sizes)
    return model


@pytest.fixture(scope="module")
def masked():
    """A model with a prior of classes, for tests that do not change it."""
    return model_with("masked")


RELOAD = """
import sys, numpy as np, keras_vae
model = keras_vae.load(sys.argv[1])
drawn = model.sample(3, seed=5, condition=1, guidance=float(sys.argv[2]))
print(keras_vae.latents.as_numpy(drawn).ravel().tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize("prior", KINDS)
def test_a_fresh_process_draws_the_same_examples(tmp_path, prior):
    model = model_with(prior)
    guidance = 2.0 if KINDS[prior].is_guided else 1.0
    wanted = array(model.sample(3, seed=5, condition=1, guidance=guidance)).ravel()
    model.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", RELOAD, str(tmp_path / "model.keras"), str(guidance)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    np.testing.assert_allclose(eval(done.stdout.splitlines()[-1]), wanted, atol=1e-6)
    # Weights alone hold it, too.
    model.save_weights(tmp_path / "model.weights.h5")
    other = vae()() if prior in REAL else vq_vae()
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(array(other.sample(3, 5, 1.0, 1, guidance)).ravel(), wanted)


@pytest.mark.slow
def test_only_samples_change_and_training_goes_on_as_before():
    plain, fitted = (vq_vae() for _ in range(2))
    for one in (plain, fitted):
        one.set_weights([np.full(w.shape, 0.1, w.dtype) for w in plain.get_weights()])
    fitted.fit_prior(IMAGES, prior="masked", epochs=1, **SMALL)
    assert len(fitted.trainable_variables) == len(plain.trainable_variables)
    for one in (plain, fitted):
        one.compile("sgd")
        one.train_on_batch(IMAGES)
    for first, second in zip(plain.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_the_same_seed_fits_the_same_prior_and_another_one_another():
    first, again, other = (fitted_weights(*seeds) for seeds in ((0, 10), (0, 11), (1, 10)))
    for name, part in first.items():
        np.testing.assert_array_equal(part, again[name])
    assert any(np.abs(part - other[name]).max() > 1e-4 for name, part in first.items())


def fitted_weights(seed, other_seed):
    keras.utils.set_random_seed(3)
    model = kv.VAE(*kv.nets.dense((6,), 2, (3,), heads=2), likelihood="normal", seed=0)
    keras.utils.set_random_seed(other_seed)  # It does not depend on this one.
    # Several batches, so that the order of the codes counts.
    sizes = {"width": 8, "blocks": 1, "epochs": 2, "batch_size": 4, "verbose": 0}
    model.fit_prior(uniform(13, 6), prior="maf", seed=seed, **sizes)
    return model.sampler.weights


def test_codes_of_several_codebooks_are_drawn_in_their_shape():
    quantizer = kv.quantization.ResidualVectorQuantizer(2, 4, seed=1)
    model = kv.VQVAE(*dense(), quantizer=quantizer, seed=1)
    model.fit_prior(uniform(13, 6), prior="autoregressive", epochs=1, **SMALL)
    codes = array(model.sample_codes(7, 0, 1.0))
    assert codes.shape == (7, 2) and codes.max() < 4
    assert array(model.sample(7, seed=0)).shape == (7, 6)


def test_a_compiled_model_draws_the_same_examples(masked):
    fast = kv.Compiled(masked)
    for given in ({}, {"condition": [0, 1, 0]}, {"condition": 1, "guidance": 0.5}):
        wanted = array(masked.sample(3, seed=2, **given))
        np.testing.assert_allclose(array(fast.sample(3, seed=2, **given)), wanted, atol=1e-6)


@pytest.mark.slow
def test_the_endpoint_takes_a_label_where_the_number_of_classes_stands_for_any():
    model = model_with("flow")
    endpoint = model.endpoints()["sample"]
    assert [spec.name for spec in endpoint.inputs] == ["seed", "label"]
    seeds = kv.random.row_seeds(3, 4)
    found = endpoint.answer(seeds, np.full(3, 2, "int32"))
    np.testing.assert_allclose(
        array(found["reconstruction"]), array(model.sample(3, seed=4)), atol=1e-6
    )
    found = endpoint.answer(seeds, np.array([1, 1, 1], "int32"))
    wanted = array(model.sample(3, seed=4, condition=1))
    np.testing.assert_allclose(array(found["reconstruction"]), wanted, atol=1e-6)


REFUSED = {
    "a prior that is unknown": (vq_vae, {"prior": "pixelcnn"}, "Expected prior"),
    "real codes": (conv_vae, {"prior": "masked"}, "prior='flow' or 'mixture'"),
    "integers": (vq_vae, {"prior": "flow"}, "prior='autoregressive' or 'masked'"),
    "a mixture of integers": (vq_vae, {"prior": "mixture"}, "real numbers"),
    "classes of a mixture": (conv_vae, {"labels": LABELS}, "neither labels nor epochs"),
    "epochs of a mixture": (conv_vae, {"epochs": 3}, "neither labels nor epochs"),
    "an unknown setting": (vq_vae, {"prior": "masked", "layers": 3}, "Received: layers"),
    "rounds of another prior": (vq_vae, {"prior": "autoregressive", "rounds": 3}, "rounds"),
    "no rounds": (vq_vae, {"prior": "masked", "rounds": 0}, "rounds of at least 1"),
    "too many rounds": (vq_vae, {"prior": "masked", "rounds": 5000}, "at most 1000"),
    "heads": (vq_vae, {"prior": "masked", "width": 8, "heads": 3}, "heads divide"),
    "no epochs": (vq_vae, {"prior": "masked", "epochs": 0}, "epochs of at least 1"),
    "fewer labels": (vq_vae, {"prior": "masked", "labels": LABELS[:5]}, "each of 13 examples"),
    "labels of text": (vq_vae, {"prior": "masked", "labels": ["a", "b"] * 6}, "return_inverse"),
    "ids as labels": (vq_vae, {"prior": "masked", "labels": LABELS + 2**31}, "numbers classes"),
    "labels from 1": (vq_vae, {"prior": "masked", "labels": LABELS + 1}, "none of 0.*without gaps"),
    "batches of labels": (vq_vae, {"prior": "masked", "labels": iter(LABELS)}, "labels"),
    "labels with names": (
        vq_vae,
        {"prior": "masked", "labels": LABELS.astype("float32")},
        "return_inverse",
    ),
    "labels below 0": (vq_vae, {"prior": "masked", "labels": LABELS - 1}, "labels from 0"),
    "integers without limits": (compressive, {"prior": "masked"}, "no largest one"),
    "guidance": (vq_vae, {"prior": "masked", "guidance": np.nan}, "guidance"),
    "guidance of no class": (vq_vae, {"prior": "masked", "guidance": 2.0}, "Expected labels with"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_training(case):
    make, given, match = case
    model = make()
    with pytest.raises((ValueError, TypeError), match=match):
        model.fit_prior(IMAGES, **given)
    assert model.sampler is None


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"condition": 2}, "labels from 0 to 1"),
        ({"condition": [0, 1]}, "one for each of 3"),
        ({"condition": [[0, 1, 1]]}, "one label for each"),
        ({"condition": 0.5}, "integer from 0 to 1"),
        ({"guidance": 2.0}, "guidance with a condition"),
        ({"condition": 1, "guidance": "much"}, "guidance"),
    ],
)
def test_classes_that_do_not_fit_are_refused(given, match, masked):
    with pytest.raises((ValueError, TypeError), match=match):
        masked.sample(3, seed=0, **given)


def test_classes_are_refused_where_nobody_learned_them():
    model = vq_vae()
    model.fit_prior(IMAGES, prior="masked", epochs=1, **SMALL)
    with pytest.raises(TypeError, match="without labels"):
        model.sample(3, condition=0)
    model = conv_vae()
    with pytest.raises(TypeError, match="no sampler that knows classes"):
        model.sample(3, condition=0)
    model.fit_prior(IMAGES, components=2)
    with pytest.raises(TypeError, match="without labels"):
        model.sample(3, condition=0)
