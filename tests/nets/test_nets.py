"""Builders of networks: shapes for any size, numbers of weights, other people's backbones."""

import keras
import numpy as np
import pytest

import keras_vae as kv

SIZES = [(28, 28, 1), (30, 30, 3), (31, 17, 1), (8, 8, 3), (1, 5, 2)]
# Series and volumes.
SIZES += [(13, 2), (1, 3), (5, 6, 3, 1), (1, 7, 2, 3)]


def shapes(outputs):
    return [tuple(t.shape) for t in keras.tree.flatten(outputs)]


def weights(*networks):
    return sum(network.count_params() for network in networks)


def images(shape, count=4):
    return np.random.default_rng(0).uniform(size=(count, *shape)).astype("float32")


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("filters", [(4,), (4, 8), (4, 4, 8)])
def test_conv_networks_go_from_any_image_to_a_code_and_back(shape, filters):
    encoder, decoder = kv.nets.conv(shape, 5, filters, hidden=6, heads=2, decoder_heads=2)
    assert shapes(encoder.output) == [(None, 5)] * 2
    assert shapes(decoder.output) == [(None, *shape)] * 2


def test_with_context_each_place_of_a_map_depends_on_every_pixel():
    """And without it on those near it alone."""
    corner = np.zeros((1, 32, 32, 1), "float32")
    corner[0, 0, 0, 0] = 1.0
    for context, everywhere in ((0, False), (6, True)):
        keras.utils.set_random_seed(1)
        encoder, decoder = kv.nets.conv_map((32, 32, 1), 5, (4, 8), kernel=4, context=context)
        far = np.abs(np.asarray(encoder(corner)) - np.asarray(encoder(0.0 * corner)))[0, -1, -1]
        assert (far.max() > 0) == everywhere
        near = np.zeros((1, 8, 8, 5), "float32")
        near[0, 0, 0] = 1.0
        far = np.abs(np.asarray(decoder(near)) - np.asarray(decoder(0.0 * near)))[0, -1, -1]
        assert (far.max() > 0) == everywhere


@pytest.mark.parametrize("shape", SIZES)
def test_conv_map_with_context_keeps_the_shapes(shape):
    encoder, decoder = kv.nets.conv_map(shape, 5, (4, 8), decoder_heads=3, kernel=4, context=6)
    assert shapes(encoder.output)[0] == shapes(decoder.input)[0]
    assert shapes(decoder.output) == [(None, *shape)] * 3


@pytest.mark.parametrize("shape", SIZES)
def test_conv_map_keeps_a_map_that_is_halved_at_each_stage(shape):
    encoder, decoder = kv.nets.conv_map(shape, 5, (4, 8), decoder_heads=3)
    assert shapes(encoder.output) == [(None, *(-(-n // 4) for n in shape[:-1]), 5)]
    assert shapes(decoder.output) == [(None, *shape)] * 3


@pytest.mark.parametrize("build", [kv.nets.dense, kv.nets.gated_dense])
@pytest.mark.parametrize("shape", [(64,), (7, 3), (5, 4, 3)])
def test_dense_networks_go_from_any_event_to_a_code_and_back(build, shape):
    encoder, decoder = build(shape, 5, (6,), heads=1, decoder_heads=2)
    assert shapes(encoder.output) == [(None, 5)]
    assert shapes(decoder.output) == [(None, *shape)] * 2


@pytest.mark.parametrize("shape", SIZES[1:3])
@pytest.mark.parametrize(
    "levels",
    [(0, 0), *(pytest.param(n, marks=pytest.mark.slow) for n in ((1, 0), (0, 2))), (2, 1)],
)
def test_a_conv_ladder_has_a_vector_and_maps_of_codes_at_each_size_of_any_image(shape, levels):
    encoder, decoder = kv.nets.conv_ladder(shape, 5, 2, (4, 3), levels, decoder_heads=2)
    sizes = [tuple(-(-n // d) for n in shape[:2]) for d in (2, 4)]
    codes = [level.code_shape for level in decoder.levels]
    assert codes == [(5,)] + [(*sizes[1], 2)] * levels[1] + [(*sizes[0], 2)] * levels[0]
    assert [tuple(t.shape[1:]) for t in encoder.outputs] == [
        level.feature_shape for level in decoder.levels
    ]
    assert shapes(decoder(keras.KerasTensor((None, sum(decoder.sizes))))) == [(None, *shape)] * 2


@pytest.mark.parametrize("build", [kv.nets.conv, kv.nets.conv_map, kv.nets.dense])
def test_decoders_give_parameters_of_either_sign(build):
    """Logits and log variances are negative as often as not: nothing may be cut off."""
    keras.utils.set_random_seed(0)
    _, decoder = build((8, 8, 1), 3)
    z = np.random.default_rng(0).normal(size=(4, *decoder.input_shape[1:]))
    out = keras.ops.convert_to_numpy(decoder(z.astype("float32")))
    assert 0.1 < np.mean(out < 0) < 0.9


def test_the_heads_of_a_decoder_are_parts_of_the_last_axis_of_every_place():
    """Each head must see its own weights: no pixel of one may be a channel of another."""
    _, decoder = kv.nets.dense((2, 3), 1, (), decoder_heads=2)
    kernel, bias = decoder.weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.arange(12))
    first, second = (keras.ops.convert_to_numpy(h)[0] for h in decoder(np.zeros((1, 1), "f4")))
    np.testing.assert_array_equal(first, [[0, 1, 2], [6, 7, 8]])
    np.testing.assert_array_equal(second, [[3, 4, 5], [9, 10, 11]])


def test_networks_have_the_documented_numbers_of_weights():
    assert weights(*kv.nets.conv((28, 28, 1), 16, heads=2)) == 496_545
    encoder, decoder = kv.nets.dense((64,), 8, (32,), heads=2)
    assert weights(encoder) == 65 * 32 + 2 * 33 * 8
    assert weights(decoder) == 9 * 32 + 33 * 64
    assert weights(*kv.nets.dense((64,), 8, ())) == 65 * 8 + 9 * 64


def test_kernels_activations_and_dense_layers_of_conv_networks_are_the_given_ones():
    encoder, decoder = kv.nets.conv(
        (28, 28, 1), 16, (4, 8), hidden=6, kernel=5, activation="silu", decoder_hidden=(3, 2)
    )
    down = 26 * 4 + (25 * 4 + 1) * 8
    assert weights(encoder) == down + (49 * 8 + 1) * 6 + 7 * 16
    up = (25 * 8 + 1) * 4 + (25 * 4 + 1)
    assert weights(decoder) == 17 * 3 + 4 * 2 + 3 * 49 * 8 + up
    layers = [*encoder.layers, *decoder.layers]
    names = [layer.activation.__name__ for layer in layers if hasattr(layer, "activation")]
    # All but the code and the pixels, which may have either sign.
    assert sorted(names) == ["linear"] * 2 + ["silu"] * 7


def test_the_default_models_are_the_documented_ones():
    vae = kv.ConvVAE()
    assert weights(vae.encoder, vae.decoder) == 496_545
    assert vae.latent_shape == (16,)
    assert kv.ConvAutoencoder().latent_shape == (7, 7, 128)


def test_networks_without_hidden_layers_are_linear():
    encoder, decoder = kv.nets.dense((6,), 3, ())
    x, y = images((6,), 2), images((6,), 2) ** 2
    zero = np.zeros_like(x)
    f = lambda x: keras.ops.convert_to_numpy(decoder(encoder(x)))  # noqa: E731
    np.testing.assert_allclose(f(x + 2 * y) - f(zero), f(x) + 2 * f(y) - 3 * f(zero), atol=1e-5)


def test_networks_and_their_heads_come_back_from_a_file(tmp_path):
    _, decoder = kv.nets.conv((9, 7, 2), 3, (4, 4), 5, heads=2, decoder_heads=3)
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    z = images((3,))
    for mine, theirs in zip(decoder(z), loaded(z), strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (mine, theirs)))


# Likelihoods with several parameters for each element.


@pytest.mark.parametrize("name", sorted(kv.distributions.FAMILIES))
def test_conv_models_make_the_decoder_that_a_likelihood_takes(name):
    model = kv.ConvVAE((8, 8, 3), 2, (4,), 4, likelihood=name, seed=0)
    assert shapes(model.decode(np.zeros((2, 2), "float32"))) == [(2, 8, 8, 3)]


def test_the_number_of_decoder_heads_is_the_number_of_mixture_components():
    model = kv.VAE(
        *kv.nets.dense((6,), 2, (), heads=2, decoder_heads=21),
        likelihood="discretized_logistic_mixture",
    )
    p = model.observation(np.zeros((3, 2), "float32"))
    assert shapes(p.location) == [(3, 6, 7)]


# Networks of other people.


def backbone():
    """Not a trained one; its normalization layers have statistics that training updates."""
    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV3Small(
        input_shape=(64, 64, 3), weights=None, include_top=False, include_preprocessing=False
    )


@pytest.mark.long
@pytest.mark.only_on("tensorflow", "torch")  # JAX takes minutes to compile it.
def test_a_vae_with_mobilenet_as_encoder_trains_and_comes_back_from_a_file(tmp_path):
    encoder = kv.nets.with_heads(backbone(), latent_dim=4)
    decoder = kv.nets.conv_decoder((64, 64, 3), 4, (4, 8, 8))
    model = kv.VAE(encoder, decoder, seed=0)
    model.compile(keras.optimizers.SGD(1e-4), jit_compile=False)
    x = images((64, 64, 3))
    moving = [w for w in encoder.non_trainable_weights if "moving_mean" in w.path][0]
    before = keras.ops.convert_to_numpy(moving).copy()
    logs = model.fit(x, batch_size=4, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    assert np.any(before != keras.ops.convert_to_numpy(moving))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(loaded(x)), expected, atol=1e-6)


def test_with_heads_makes_one_code_or_a_mean_and_a_log_variance():
    x = keras.Input((8, 8, 3))
    network = keras.Model(x, keras.layers.Conv2D(4, 3)(x), name="backbone")
    assert shapes(kv.nets.with_heads(network, 5, heads=1).output) == [(None, 5)]
    assert shapes(kv.nets.with_heads(network, 5).output) == [(None, 5)] * 2
    assert kv.nets.with_heads(network, 5).name == "backbone_encoder"


# Mistakes.


def two_outputs():
    x = keras.Input((4,))
    return keras.Model(x, [x, x])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kv.nets.conv((28,), 4), r"\(height, width, channels\).*\(28,\)"),
        (lambda: kv.nets.conv((28, 0, 1), 4), r"positive integers.*\(28, 0, 1\)"),
        (lambda: kv.nets.conv((28, 28, 1), 4, filters=()), "filters of at least one"),
        (lambda: kv.nets.conv((28, 28, 1), 4, kernel=0), "kernel of at least 1"),
        (lambda: kv.nets.conv_map((28, 28, 1), 4, context=-1), "context of at least 0"),
        (lambda: kv.nets.conv((28, 28, 1), 4, decoder_hidden=(0,)), "hidden"),
        (lambda: kv.nets.conv_ladder((28, 28, 1), levels=(1,)), r"each of the filters.*\(1,\)"),
        (lambda: kv.nets.dense(64, 4), r"such as \(64,\).*64"),
        (lambda: kv.nets.dense((64,), 4, heads=3), "heads to be 1.*or 2.*Received: 3"),
        (lambda: kv.nets.with_heads(two_outputs(), 4), "one output.*1 and 2"),
        (lambda: kv.nets.with_heads(keras.layers.Dense(3), 4), "functional model.*Dense"),
    ],
)
def test_what_cannot_be_built_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_large_step_at_many_inputs_makes_no_explosion():
    """With a head of z_log_var of the usual size, the second loss is above 100,000 nats."""
    x = np.full((8, 64, 64, 3), 0.5, "float32")
    for seed in range(2):
        keras.utils.set_random_seed(seed)
        model = kv.VAE(*kv.nets.dense(x.shape[1:], 16, heads=2), seed=seed)
        model.compile(keras.optimizers.Adam(2e-3), run_eagerly=True)
        means = [float(model.train_on_batch(x, return_dict=True)["loss"]) for _ in range(3)]
        assert max(means) < 3 * means[0], means


def test_a_conv_vae_has_dense_layers_in_its_decoder_as_it_is_told():
    model = kv.ConvVAE((6, 5, 1), 2, (2, 3), hidden=4, decoder_hidden=(5, 7))
    for one in (model, kv.ConvVAE.from_config(model.get_config())):
        dense = [layer.units for layer in one.decoder.layers if hasattr(layer, "units")]
        assert dense == [5, 7, 2 * 2 * 3]
