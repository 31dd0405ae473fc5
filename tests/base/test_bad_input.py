"""Bad input is refused in words that say what was expected, before anything is changed."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import FAST, flat, uniform, values

IMAGE = (4, 4, 1)
X = uniform(6, *IMAGE)


def conv_vae(**kwargs):
    return kv.ConvVAE(IMAGE, latent_dim=2, filters=(2,), hidden=3, **kwargs)


@pytest.fixture(scope="module")
def model():
    """Its weights must be the same after every test."""
    model = conv_vae()
    model.compile("sgd", **FAST)
    return model


def refused(error, message, function, *args, **kwargs):
    """`function` raises `error`, in the house form, with the parts of `message` in that order."""
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    text = str(caught.value)
    position = 0
    for part in ("Expected", *message.split("...")):
        assert part in text[position:], text
        position = text.index(part, position)
    assert "Received" in text


def changed(x, value):
    x = x.copy()
    x[3, 1, 1] = value
    return x


def nothing():
    yield from ()


DATA = {
    "no channel axis": (X[..., 0], "('batch', 4, 4, 1)...(6, 4, 4)...x[..., None]"),
    "two channels": (np.tile(X, 2), "('batch', 4, 4, 1)...(6, 4, 4, 2)"),
    "another size": (uniform(6, 5, 4, 1), "('batch', 4, 4, 1)...(6, 5, 4, 1)"),
    "no batch axis": (X[0], "('batch', 4, 4, 1)...(4, 4, 1)...x[None]"),
    "a number": (np.float32(1.0), "at least one example...()"),
    "8-bit pixels": ((X * 255).astype("uint8"), "[0, 1]...'bernoulli'...x / 255"),
    "float pixels to 255": (X * 255, "[0, 1]...'bernoulli'...x / 255"),
    "negative pixels": (X - 0.5, "[0, 1]...values from -0."),
    "NaN": (changed(X, np.nan), "finite values in x...NaN or infinity"),
    "infinity": (changed(X, np.inf), "finite values in x...NaN or infinity"),
    "text": (np.full((6, *IMAGE), "a"), "real numbers in x"),
    "complex numbers": (X + 1j, "real numbers in x...complex"),
    "no examples": (X[:0], "at least one example...(0, 4, 4, 1)"),
    "nothing": (None, "Received: nothing"),
    "an empty list": ([], "list without any batch"),
    "an empty generator": (nothing(), "generator without any batch"),
}


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
@pytest.mark.parametrize("name", DATA)
def test_data_are_checked_before_the_first_step(model, name, verb):
    x, message = DATA[name]
    error = TypeError if name in ("text", "complex numbers") else ValueError
    before = flat(values(model.variables))
    refused(error, message, getattr(model, verb), x, verbose=0)
    np.testing.assert_array_equal(flat(values(model.variables)), before)


@pytest.mark.parametrize("name", [name for name in DATA if isinstance(DATA[name][0], np.ndarray)])
def test_scores_are_of_data_that_the_likelihood_has(model, name):
    x, message = DATA[name]
    refused(TypeError if x.dtype.kind in "Uc" else ValueError, message, model.score, x)


@pytest.mark.parametrize("name", ["no channel axis", "8-bit pixels", "NaN", "no examples"])
def test_targets_and_validation_data_are_checked_like_inputs(model, name):
    bad, message = DATA[name]
    of_y = "y with 6 rows...(0, 4" if name == "no examples" else message.replace("x", "y")
    refused(ValueError, of_y, model.fit, X, bad, verbose=0)
    refused(ValueError, message, model.fit, X, validation_data=(bad,), verbose=0)
    refused(ValueError, message, model.fit, X, validation_data=bad, verbose=0)


def test_labels_are_no_targets(model):
    message = "y of shape ('batch', 4, 4, 1)...(6,)...leave labels out"
    refused(ValueError, message, model.fit, X, np.arange(6))


def test_inputs_may_be_anything_where_targets_are_given(model):
    """A Bernoulli likelihood bounds what is reconstructed, not what is encoded."""
    model.evaluate(X - 0.5, X, verbose=0)
    refused(ValueError, "finite values in x", model.fit, changed(X, np.nan), X, verbose=0)


WEIGHTS = {
    "one a pixel": (np.ones_like(X), "sample_weight of shape (batch,)...(6, 4, 4, 1)"),
    "too few": (np.ones(5), "sample_weight with 6 rows...(5,)"),
    "NaN": (np.full(6, np.nan), "finite values in sample_weight"),
    "negative": (np.full(6, -1.0), "sample_weight in [0, inf]"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_sample_weights_are_checked(model, name):
    weights, message = WEIGHTS[name]
    before = flat(values(model.trainable_variables))
    refused(ValueError, message, model.fit, X, X, sample_weight=weights, verbose=0)
    np.testing.assert_array_equal(flat(values(model.trainable_variables)), before)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["no channel axis", "8-bit pixels", "NaN"])
def test_the_first_batch_of_a_data_set_is_checked(model, name):
    import tensorflow as tf

    x, message = DATA[name]
    before = flat(values(model.variables))
    refused(ValueError, message, model.fit, tf.data.Dataset.from_tensors(x), verbose=0)
    refused(ValueError, "without any batch", model.fit, tf.data.Dataset.range(0), verbose=0)
    single = tf.data.Dataset.from_tensor_slices(np.zeros((5, *model.event_shape), "float32"))
    refused(ValueError, "dataset.batch(128)", model.fit, single, verbose=0)
    np.testing.assert_array_equal(flat(values(model.variables)), before)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score", "predict", "__call__"])
@pytest.mark.parametrize("name", ["no channel axis", "another size", "no batch axis"])
def test_verbs_name_the_shape_they_take(model, name, verb):
    x, message = DATA[name]
    refused(ValueError, message, getattr(model, verb), x)


def test_decode_names_the_shape_of_codes(model):
    refused(ValueError, "z of shape ('batch', 2)...(6, 3)", model.decode, uniform(6, 3))
    refused(ValueError, "('batch', 2)...(2,)...z[None]", model.decode, uniform(2))


def test_batches_of_the_wrong_shape_are_refused_by_single_steps_too(model):
    for step in (model.train_on_batch, model.test_on_batch):
        refused(ValueError, "('batch', 4, 4, 1)...(6, 4, 4, 2)", step, np.tile(X, 2))


# Networks.


def vae(encoder=None, decoder=None, **kwargs):
    nets = kv.nets.dense((6,), 3, hidden=(), heads=2)
    return kv.VAE(encoder or nets[0], decoder or nets[1], **kwargs)


def with_two_outputs():
    return kv.nets.dense_encoder((6,), 3, (), heads=2)


def uneven():
    x = keras.Input((6,))
    return keras.Model(x, [keras.layers.Dense(3)(x), keras.layers.Dense(2)(x)])


ENCODER, DECODER = kv.nets.dense((6,), 3, hidden=())

NETWORKS = {
    "codes do not meet": (
        lambda: kv.Autoencoder(ENCODER, kv.nets.dense_decoder((6,), 4)),
        "(None, 3)...(None, 4)",
    ),
    "outputs do not meet": (
        lambda: kv.Autoencoder(ENCODER, kv.nets.dense_decoder((5,), 3)),
        "(None, 6)...(None, 5)",
    ),
    "a VAE with one head": (lambda: vae(encoder=ENCODER), "two outputs...1 of shapes...heads=2"),
    "a VAE with uneven heads": (lambda: vae(encoder=uneven()), "one shape...(None, 3), (None, 2)"),
    "an autoencoder with two heads": (
        lambda: kv.Autoencoder(with_two_outputs(), DECODER),
        "one output...2 outputs...heads=1",
    ),
    "too few outputs for the likelihood": (
        lambda: vae(likelihood="normal_per_element"),
        "2 output(s)...'normal_per_element'...1...decoder_heads",
    ),
    "too many outputs for the likelihood": (
        lambda: vae(decoder=kv.nets.dense_decoder((6,), 3, heads=2)),
        "1 output(s)...'bernoulli'...2",
    ),
    "no network": (lambda: kv.Autoencoder("dense", DECODER), "encoder to be a Keras...'dense'"),
    "a function": (lambda: kv.Autoencoder(ENCODER, np.tanh), "decoder to be a Keras...tanh"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_do_not_fit_are_refused_by_the_constructor(name):
    construct, message = NETWORKS[name]
    refused(TypeError if name in ("no network", "a function") else ValueError, message, construct)


# Arguments.


ARGUMENTS = {
    "unknown likelihood": (lambda: conv_vae(likelihood="bernouli"), "Did you mean 'bernoulli'"),
    "likelihood of the wrong type": (lambda: conv_vae(likelihood=3), "name of a distribution...3"),
    "unknown loss weight": (lambda: vae(loss_weights={"kll": 1.0}), "'kl'...Received: 'kll'"),
    "weight of the wrong type": (lambda: vae(beta="large"), "'kl' to be a number...'large'"),
    "truth as a weight": (lambda: vae(beta=True), "'kl' to be a number...True"),
    "no samples": (lambda: conv_vae().sample(0), "count of at least 1...count=0"),
    "negative temperature": (
        lambda: conv_vae().sample(1, temperature=-1.0),
        "temperature of at least 0...temperature=-1.0",
    ),
    "masking rate": (lambda: kv.layers.MaskingNoise(1.5), "rate between 0 and 1...1.5"),
    "salt rate": (lambda: kv.layers.SaltAndPepperNoise(-0.1), "rate between 0 and 1...-0.1"),
    "sparsity penalty": (lambda: sparse(penalty="l2"), "'l1', 'kl' or 'top_k'...'l2'"),
    "sparsity target": (lambda: sparse(penalty="kl", target=0.0), "between 0 and 1...0.0"),
    "sparsity without k": (lambda: sparse(penalty="top_k"), "k of at least 1...None"),
    "image shape": (lambda: kv.ConvVAE((28,)), "(height, width, channels)...(28,)"),
    "heads": (lambda: kv.nets.dense((6,), 3, heads=3), "1, for a plain code, or 2...3"),
}


def sparse(**kwargs):
    return kv.SparseAutoencoder(ENCODER, DECODER, **kwargs)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_out_of_range_are_refused(name):
    construct, message = ARGUMENTS[name]
    types = ("weight of the wrong type", "truth as a weight", "sparsity without k")
    refused(TypeError if name in types else ValueError, message, construct)


@pytest.mark.parametrize("name", ["loss", "metrics", "weighted_metrics", "loss_weights"])
def test_compile_refuses_an_objective_and_says_where_it_is(name):
    value = {"loss_weights": [1.0]}.get(name, "mse")
    message = f"no {name} in compile()...{value!r}...loss_terms"
    refused(ValueError, message, compiled, **{name: value})


def compiled(**kwargs):
    conv_vae().compile("adam", **kwargs)


def test_compile_refuses_an_objective_by_position_too():
    refused(ValueError, "no loss in compile()...'mse'", conv_vae().compile, "adam", "mse")


def test_an_occlusion_larger_than_the_image_is_refused():
    layer = kv.layers.RectangleOcclusion(5, 2)
    refused(ValueError, "no larger than the image...5 of 4", layer, X, training=True)


def test_objectives_must_return_what_they_promise():
    class Wrong(kv.Autoencoder):
        def loss_terms(self, x, y, training=False):
            terms = super().loss_terms(x, y, training)
            return {"rebuilt": terms["reconstruction"]}

    class Mean(kv.Autoencoder):
        def loss_terms(self, x, y, training=False):
            return {"reconstruction": keras.ops.mean(x - y)}

    for cls, message in ((Wrong, "('reconstruction',)...'rebuilt'"), (Mean, "(batch,)...: ()")):
        model = cls(ENCODER, DECODER)
        model.compile("sgd", **FAST)
        refused(ValueError, message, model.fit, uniform(4, 6), verbose=0)


@pytest.mark.tensorflow
def test_what_is_not_built_cannot_be_exported(tmp_path):
    lazy = keras.Sequential([keras.layers.Dense(3)])
    model = kv.Autoencoder(lazy, DECODER)
    refused(ValueError, "a built model...not seen data", model.export, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_pair_is_refused_by_a_model_that_takes_one_array(model):
    for verb in (model.fit, model.evaluate, model.encode, model.score):
        refused(ValueError, "x of 1 array(s)...2...masked=True", verb, (X, X))
    model.fit(X, verbose=0)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score", "score_terms", "posterior"])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_8_bit_pixels_are_refused_where_values_are_from_0_to_1(verb, dtype):
    made = conv_vae(likelihood="bernoulli")
    pixels = np.full((2, *IMAGE), 200, dtype)
    refused(ValueError, "in [0, 1]...Divide 8-bit pixels by 255", getattr(made, verb), pixels)
    if hasattr(kv.Compiled, verb):
        refused(ValueError, "in [0, 1]...by 255", getattr(kv.Compiled(made), verb), pixels)
    # Black and white in whole numbers is what it says, and other likelihoods take any number.
    assert np.isfinite(flat(made.encode(np.ones((2, *IMAGE), dtype)))).all()
    assert np.isfinite(flat(conv_vae(likelihood="normal").encode(pixels))).all()


def test_8_bit_pixels_of_a_conditional_model_are_refused():
    networks = kv.nets.conditional(kv.nets.dense, IMAGE, 2, 3, hidden=(4,))
    made = kv.ConditionalVAE(*networks, likelihood="bernoulli")
    x = (np.full((2, *IMAGE), 200, "uint8"), np.eye(3, dtype="float32")[:2])
    refused(ValueError, "in [0, 1]...Divide 8-bit pixels by 255", made.encode, x)
