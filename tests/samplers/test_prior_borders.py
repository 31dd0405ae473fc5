"""Priors refuse codes, classes, and checkpoints that are not theirs."""

import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import IMAGES, array, vq_vae

SMALL = {"width": 8, "blocks": 1, "heads": 2, "verbose": 0}
LABELS = np.arange(len(IMAGES)) % 2
LEARNED = {}


def learned_prior():
    """A VQVAE with an autoregressive prior of two classes, and codes of its images."""
    if not LEARNED:
        model = vq_vae()
        model.fit_prior(IMAGES, LABELS, "autoregressive", epochs=1, **SMALL)
        LEARNED["pair"] = model, array(model.encode(IMAGES))
    return LEARNED["pair"]


WRONG_CODES = {
    "images": (lambda c: IMAGES, {}, "numbers for each example, as model.encode"),
    "one code": (lambda c: c[0], {}, "numbers for each example"),
    "floats": (lambda c: c + 0.5, {}, "Expected integers, as encode gives. Received: float"),
    "too large": (lambda c: c + 100, {}, "Expected integers from 0 to"),
    "a negative class": (lambda c: c, {"labels": np.full(len(IMAGES), -1)}, "labels from 0 to"),
    "floats as classes": (lambda c: c, {"labels": np.full(len(IMAGES), 0.9)}, "an integer from 0"),
    "too few classes": (lambda c: c, {"labels": [0, 1]}, "or one for each of"),
}


@pytest.mark.parametrize("name", WRONG_CODES)
def test_codes_that_no_model_draws_have_no_probability(name):
    change, more, message = WRONG_CODES[name]
    model, codes = learned_prior()
    with pytest.raises((ValueError, TypeError), match=message):
        model.sampler.log_prob(change(codes), **more)


@pytest.mark.slow
def test_classes_in_a_column_are_those_of_a_row():
    first, second = vq_vae(), vq_vae()
    second.set_weights(first.get_weights())
    for model, labels in ((first, LABELS), (second, LABELS[:, None])):
        model.fit_prior(IMAGES, labels, "autoregressive", epochs=1, **SMALL)
    for name, part in first.sampler.weights.items():
        np.testing.assert_array_equal(part, second.sampler.weights[name])


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"seed": 9}, {"labels": np.roll(LABELS, 1)}])
def test_an_interrupted_fit_goes_on_with_its_own_seed_and_classes_alone(tmp_path, given):
    model = vq_vae()
    own = {"labels": LABELS, "prior": "autoregressive", "seed": 0, **SMALL}
    resume = [kv.callbacks.ExactResume(tmp_path, say=lambda text: None)]
    model.fit_prior(IMAGES, epochs=1, callbacks=resume, **own)
    resume = [kv.callbacks.ExactResume(tmp_path, say=lambda text: None)]
    with pytest.raises(ValueError, match="options of the interrupted training"):
        model.fit_prior(IMAGES, epochs=3, callbacks=resume, **{**own, **given})


def test_a_name_is_no_sampler():
    model = vq_vae()
    model.sampler = "masked"
    with pytest.raises(TypeError, match=r"Received: 'masked'. .model.fit_prior"):
        model.sample(2)
