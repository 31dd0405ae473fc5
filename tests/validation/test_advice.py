"""Errors name the cause and the fix of this package, not those of another one."""

import keras
import numpy as np
import pytest
from keras_vae.controllers import Geco
from keras_vae.schedules import CyclicalWarmUp, SigmoidWarmUp

import keras_vae as kv
from keras_vae import latents
from keras_vae.losses.adversary import ConvDiscriminator
from tests.support import linear
from tests.support.models import FAST, array, dense, uniform

SHAPE = (8, 8, 1)


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


NETWORKS = {
    "conv": lambda: kv.nets.conv(SHAPE, 2, filters=(2,), hidden=3),
    "conv_map": lambda: kv.nets.conv_map(SHAPE, 2, filters=(2,)),
    "patches": lambda: kv.nets.patches(SHAPE, 4, 2, 8, 1, 1, 2),
    "conv_ladder": lambda: kv.nets.conv_ladder(SHAPE),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_images_are_the_same_where_keras_is_set_to_channels_first(name, channels_first):
    found = NETWORKS[name]()
    keras.config.set_image_data_format("channels_last")
    for one, other in zip(found, NETWORKS[name](), strict=True):
        assert [w.shape for w in one.weights] == [w.shape for w in other.weights]


def test_a_shape_with_the_channels_first_is_refused_where_keras_is_set_so(channels_first):
    with pytest.raises(ValueError, match=r"channels last.*moveaxis\(images, 1, -1\)"):
        kv.nets.conv((1, 28, 28), 2)


FLAT = {
    "dense": lambda: kv.nets.dense((8, 8, 3), 2, (3,))[0],
    "conv": lambda: kv.nets.conv((8, 8, 3), 2, filters=(2,), hidden=3)[0],
    "context": lambda: kv.nets.conv_map((8, 8, 3), 2, filters=(2,), context=2)[0],
    "gated": lambda: kv.nets.gated_dense((8, 8, 3), 2, (3,))[0],
    "a discriminator": ConvDiscriminator,
    "patches": lambda: kv.nets.patch_discriminator((8, 8, 3), (2,)),
}


@pytest.mark.parametrize("name", FLAT)
def test_weights_mean_the_same_where_keras_is_set_to_channels_first(name, channels_first):
    one = FLAT[name]()
    one.build((None, 8, 8, 3))
    keras.config.set_image_data_format("channels_last")
    other = FLAT[name]()
    other.build((None, 8, 8, 3))
    other.set_weights(one.get_weights())
    x = uniform(2, 8, 8, 3)
    for found, wanted in zip(*(keras.tree.flatten(m(x)) for m in (one, other)), strict=True):
        np.testing.assert_allclose(array(found), array(wanted), atol=1e-6)


def test_outlines_read_the_channels_last_where_keras_is_set_to_channels_first(channels_first):
    x = uniform(2, 8, 8, 3)
    found = array(kv.layers.Outlines()(x))
    keras.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(found, array(kv.layers.Outlines()(x)))


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ((0, 65535), "x / 65535"),
        ((-1, 1), "(x + 1) / 2"),
        ((0, 255), "x / 255"),
    ],
)
def test_the_scale_of_images_is_recognized(values, hint):
    model = kv.VAE(*dense(2), likelihood="bernoulli")
    x = np.linspace(*values, 12).reshape(2, 6)
    with pytest.raises(ValueError) as caught:
        model.score(x)
    assert hint in str(caught.value)


def test_angles_in_degrees_are_told_to_be_in_radians():
    encoder, decoder = kv.nets.dense((6,), 2, (), heads=2, decoder_heads=2)
    model = kv.VAE(encoder, decoder, likelihood="von_mises")
    with pytest.raises(ValueError, match=r"Of degrees: numpy\.radians\(x\)"):
        model.score(np.linspace(0.0, 359.0, 12).reshape(2, 6))


def test_integer_labels_of_a_conditional_model_are_told_to_be_one_hot():
    model = kv.ConditionalVAE(*kv.nets.conditional(kv.nets.dense, (6,), 2, 10, heads=2))
    for call in (model.fit, model.encode):
        with pytest.raises(ValueError, match=r"keras\.utils\.to_categorical\(labels, 10\)"):
            call([uniform(4, 6), np.arange(4)])
    with pytest.raises(ValueError, match="to_categorical"):
        model.decode([uniform(4, 2), np.arange(4)])


def test_a_file_with_a_lambda_gets_advice_that_applies(tmp_path):
    x, z = keras.Input((4,)), keras.Input((2,))
    code = keras.layers.Lambda(lambda t: 2 * t)(keras.layers.Dense(2)(x))
    model = kv.Autoencoder(keras.Model(x, code), keras.Model(z, keras.layers.Dense(4)(z)))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"Lambda.*subclass of keras\.layers\.Layer") as caught:
        kv.load(tmp_path / "model.keras")
    assert "enable_unsafe" not in str(caught.value)


BAD_SAMPLES = {
    "temperature nan": {"temperature": float("nan")},
    "temperature inf": {"temperature": float("inf")},
    "temperature below 0": {"temperature": -1.0},
    "seed with a fraction": {"seed": 1.9},
    "seed of text": {"seed": "3"},
    "seed of 2^32": {"seed": 2**32},
    "negative seed": {"seed": -1},
    "count with a fraction": {"count": 2.5},
    "count of 0": {"count": 0},
    "count of truth": {"count": True},
}


@pytest.fixture(scope="module")
def samplers():
    """A model with a prior, one with a fitted sampler, and a conditional one."""
    fitted = linear.autoencoder()
    fitted.fit_sampler(linear.X, components=1)
    conditional = kv.ConditionalVAE(*kv.nets.conditional(kv.nets.dense, (4,), 2, 3, heads=2))
    return linear.vae(), fitted, conditional


@pytest.mark.parametrize("name", BAD_SAMPLES)
def test_bad_arguments_of_sample_are_refused(name, samplers):
    argument = next(iter(BAD_SAMPLES[name]))
    given = {"count": 2, **BAD_SAMPLES[name]}
    vae, fitted, conditional = samplers
    condition = np.eye(3, dtype="float32")[0]
    for call in (
        lambda: vae.sample(**given),
        lambda: vae.sample_codes(**{"seed": 0, "temperature": 1.0, **given}),
        lambda: fitted.sample(**given),
        lambda: conditional.sample(**given, condition=condition),
    ):
        with pytest.raises((ValueError, TypeError), match=f"Expected {argument}"):
            call()


def test_the_largest_seed_and_a_temperature_of_0_are_taken():
    z = array(linear.vae().sample_codes(3, seed=2**32 - 1, temperature=0.0))
    np.testing.assert_array_equal(z, np.zeros((3, 2)))


CODES = np.zeros((4, 2), "float32")
BAD_NUMBERS = {
    "row_seeds of text": lambda: kv.random.row_seeds(3, "3"),
    "row_seeds of a fraction": lambda: kv.random.row_seeds(2.5, 3),
    "steps": lambda: latents.lerp(CODES, CODES, 2.5),
    "one step": lambda: latents.slerp(CODES, CODES, 1),
    "size": lambda: latents.normal_grid(2.5),
    "k": lambda: latents.neighbors(CODES, CODES, 1.5),
    "components": lambda: linear.autoencoder().fit_sampler(linear.X, components=1.5),
    "Geco": lambda: Geco(0.0, rate=float("nan")),
    "Geco of text": lambda: Geco("3"),
    "sharpness": lambda: SigmoidWarmUp(5, sharpness=float("nan")),
    "cycles": lambda: CyclicalWarmUp(5, cycles=1.5),
    "rise": lambda: CyclicalWarmUp(5, rise=float("nan")),
    "detector": lambda: kv.AnomalyDetector(linear.vae(), samples=2.5),
    "its seed": lambda: kv.AnomalyDetector(linear.vae(), seed=1.9),
}


@pytest.mark.parametrize("name", BAD_NUMBERS)
def test_numbers_of_another_kind_are_refused(name):
    with pytest.raises((ValueError, TypeError), match="Expected.*Received"):
        BAD_NUMBERS[name]()


def test_an_own_likelihood_is_found_by_custom_objects(tmp_path):
    class Wide(kv.distributions.Normal):
        pass

    model = kv.VAE(*dense(2), likelihood=Wide)
    model.save(tmp_path / "model.keras")
    assert kv.load(tmp_path / "model.keras", custom_objects={"Wide": Wide}).family is Wide
    with pytest.raises(ValueError, match=r"Wide.*custom_objects"):
        kv.load(tmp_path / "model.keras")


@keras.saving.register_keras_serializable("tests")
class Joint(kv.VAE):
    """A VAE whose codes give the class too: y is a label."""

    terms = ("reconstruction", "kl", "label")

    def __init__(self, encoder, decoder, classes, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.head = keras.layers.Dense(classes)
        self.head.build((None, *self.encoder.output_shape[0][1:]))

    def check_target(self, y):
        """Take any labels."""

    def loss_terms(self, x, y, training=False):
        terms = super().loss_terms(x, x, training)
        logits = self.head(self.encode(x, training))
        loss = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
        return {**terms, "label": loss}


@pytest.mark.slow
def test_a_model_is_trained_on_labels_too(tmp_path):
    x = np.concatenate([np.zeros((20, 6)), np.ones((20, 6))]).astype("float32")
    labels = np.repeat([0, 2], 20)
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((6,), 2, hidden=(), heads=2)
    model = Joint(*networks, classes=3, loss_weights={"label": 20.0}, seed=0)
    model.compile(keras.optimizers.Adam(0.05), **FAST)
    logs = model.fit(x, labels, epochs=20, verbose=0, validation_data=(x, labels)).history
    assert logs["val_label"][-1] < 0.8 * logs["val_label"][0]
    logits = array(model.head(model.encode(x)))
    np.testing.assert_array_equal(logits.argmax(1), labels)
    with pytest.raises(ValueError, match="y with 40 rows"):
        model.fit(x, labels[:3], verbose=0)
