"""Samplers that read a code as one vector: draws by seed and class, and what they refuse."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.samplers import MAFSampler, TwoStageSampler
from tests.support.models import IMAGES, array, compressive, uniform, vae, vq_vae

SEEDS = kv.random.row_seeds(5, 1)
LABELS = np.array([0, 1, 2, 0, 1], "int32")
KINDS = [MAFSampler, TwoStageSampler]
SMALL = {"width": 8, "blocks": 1, "epochs": 1, "verbose": 0}


def vector_sampler(kind, elements=6, classes=0, **settings):
    """A sampler whose weights are random, its outputs too."""
    size = kind.size_for((elements,), None, classes, width=9, blocks=2)
    random = np.random.default_rng(3)
    weights = {
        name: (part + random.normal(0.0, 0.2, part.shape)).astype("float32")
        for name, part in kind.initial_weights(size, 0).items()
    }
    return kind(size, weights, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_depends_on_its_seed_and_its_class_alone(kind):
    one = vector_sampler(kind, classes=2)
    whole = array(one.draw(SEEDS, (2, 3), 1.0, LABELS))
    assert whole.shape == (5, 2, 3) and np.ptp(whole, axis=0).min() > 0
    for i in range(5):
        alone = array(one.draw(SEEDS[i : i + 1], (2, 3), 1.0, LABELS[i : i + 1]))
        np.testing.assert_allclose(alone[0], whole[i], atol=1e-5)
    of_any = array(one.draw(SEEDS, (2, 3)))
    np.testing.assert_allclose(of_any[2], whole[2], atol=1e-5)
    assert np.abs(of_any - whole)[LABELS < 2].max(axis=(1, 2)).min() > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_temperature_0_draws_the_same_code_for_all_seeds(kind):
    one = vector_sampler(kind)
    cold, warm = (array(one.draw(SEEDS, (6,), temperature)) for temperature in (0.0, 1.0))
    assert np.ptp(cold, axis=0).max() < 1e-6
    assert np.ptp(warm, axis=0).min() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_guidance_and_top_k_are_refused_where_they_are_asked_for(kind):
    one, name = vector_sampler(kind, elements=2, classes=2), kind.__name__
    np.testing.assert_array_equal(
        array(one.draw(SEEDS, (2,), 1.0, LABELS, 1.0)), array(one.draw(SEEDS, (2,), 1.0, LABELS))
    )
    with pytest.raises(TypeError, match=f"no guidance: {name}.*Received: guidance=2.0"):
        one.draw(SEEDS, (2,), 1.0, LABELS, 2.0)
    model = vae()()
    model.sampler = vector_sampler(kind, int(np.prod(model.latent_shape)), 2)
    for made in (model, kv.Compiled(model)):
        with pytest.raises(TypeError, match="no guidance"):
            made.sample(2, seed=0, condition=1, guidance=1.5)
        with pytest.raises(TypeError, match=f"no top_k: codes of this {name} are real"):
            made.sample(2, seed=0, top_k=3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_fitted_and_draws_by_class(kind):
    model, x = vae()(), uniform(13, 6)
    model.fit_prior(x, np.arange(13) % 2, prior=kind.name, **SMALL)
    first, again = (array(model.sample(3, seed=0, condition=1)) for _ in range(2))
    assert first.shape == (3, 6) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    codes = kv.samplers.sample_posterior(model, x, 0)
    np.testing.assert_allclose(model.sampler.mean[0], codes.mean(0), atol=1e-5)
    np.testing.assert_allclose(model.sampler.scale[0], codes.std(0), atol=1e-5)
    endpoint = model.endpoints()["sample"]
    found = endpoint.answer(kv.random.row_seeds(3, 0), np.ones(3, "int32"))
    np.testing.assert_allclose(array(found["reconstruction"]), first, atol=1e-6)


REFUSED = {
    "integers": (vq_vae, {}, "Expected codes of real numbers for prior='{}'"),
    "integers without limits": (compressive, {}, "no largest one"),
    "guidance": (vae(), {"guidance": 2.0}, "width, blocks for this prior. Received: guidance"),
    "rounds": (vae(), {"rounds": 2}, "Received: rounds"),
    "heads": (vae(), {"heads": 2}, "Received: heads"),
    "no blocks": (vae(), {"blocks": 0}, "blocks of at least 1"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_training(kind, case):
    make, given, match = case
    model = make()
    x = IMAGES if len(model.event_shape) == 3 else uniform(13, 6)
    with pytest.raises((ValueError, TypeError), match=match.format(kind.name)):
        model.fit_prior(x, prior=kind.name, **given)
    assert model.sampler is None


@pytest.mark.parametrize(("kind", "largest"), [(MAFSampler, 128), (TwoStageSampler, 4096)])
def test_codes_of_too_many_elements_are_refused(kind, largest):
    assert kind.size_for((largest // 4, 4), None, 0, **kind.defaults).elements == largest
    with pytest.raises(ValueError, match=f"at most {largest} elements.*prior='flow'"):
        kind.size_for((largest // 4 + 1, 4), None, 0, **kind.defaults)
