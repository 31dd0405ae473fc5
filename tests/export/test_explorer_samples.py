"""The explorer page of models with a prior: it draws what the model draws, in a real Chromium."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.export.explorer.page import describe
from tests.export import test_explorer
from tests.export.test_explorer import browser, data, explorer, wait_until  # noqa: F401

pytestmark = pytest.mark.tensorflow
SIZES = {"width": 8, "blocks": 1, "verbose": 0, "epochs": 30, "batch_size": 8}
OWN = {"autoregressive": {"heads": 2}, "masked": {"heads": 2, "rounds": 4}, "flow": {"heads": 2}}


@pytest.fixture(scope="module", params=["autoregressive", "masked", "flow", "maf", "two_stage"])
def model(request, data):  # noqa: F811
    keras.utils.set_random_seed(0)
    x = data.test / np.float32(255)
    if request.param in ("autoregressive", "masked"):
        networks = kv.nets.conv_map((12, 12, 1), 2, (4,))
        made = kv.VQVAE(*networks, 8, likelihood="bernoulli", seed=0)
    else:
        made = kv.ConvVAE((12, 12, 1), latent_dim=3, filters=(4, 8), hidden=16, seed=0)
    made.fit_prior(x, data.test_labels, request.param, **SIZES, **OWN.get(request.param, {}))
    return made


page = test_explorer.page


def drawn(model, seeds, label):
    labels = None if label is None else np.full(len(seeds), label, "int32")
    return np.asarray(model.sample_codes_from_seeds(np.array(seeds, "int32"), labels=labels))


def test_a_seed_and_a_class_are_drawn_as_in_python(explorer, model):  # noqa: F811
    # A seed of which the class changes what is drawn.
    of_class, of_any = drawn(model, range(99), 1), drawn(model, range(99), None)
    seed = int(np.argmax(np.any((of_class != of_any).reshape(99, -1), axis=1)))
    for label, choice in ((1, "1"), (None, "3")):
        explorer.execute_script(
            f"document.getElementById('seed').value = {seed};"
            f"document.getElementById('class').value = '{choice}';"
            "delete document.body.dataset.drawn"
        )
        explorer.find_element("id", "random").click()
        wait_until(
            lambda: explorer.execute_script("return document.body.dataset.drawn") == str(seed)
        )
        wanted = drawn(model, [seed], label)
        np.testing.assert_allclose(test_explorer.code(explorer), np.ravel(wanted), atol=1e-3)
        expected = np.asarray(model.decode(wanted))[0, ..., 0] * 255
        assert np.abs(test_explorer.pixels(explorer) - expected).max() <= 1.0
    assert explorer.find_element("id", "seed").get_attribute("value") == str(seed + 1)


def test_classes_have_names_and_sliders_are_there_only_for_numbers(explorer, model):  # noqa: F811
    names = [o.text for o in explorer.find_elements("css selector", "#class option")]
    assert names == ["cat", "dog", "newt", "any"]
    is_flat = model.latent_dtype == "float32"
    assert explorer.find_element("id", "codes").is_displayed() == is_flat
    assert explorer.find_element("id", "picture").is_displayed()
    severe = [e["message"] for e in explorer.get_log("browser") if e["level"] == "SEVERE"]
    assert [line for line in severe if not any(t in line for t in test_explorer.HARMLESS)] == []


def test_a_model_without_sliders_and_without_a_prior_is_refused(data):  # noqa: F811
    networks = kv.nets.conv_map((12, 12, 1), 2, (4,))
    with pytest.raises(ValueError, match="fit-prior fits a prior"):
        describe(kv.VQVAE(*networks, 8, seed=0), data, 10)
