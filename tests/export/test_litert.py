"""`model.export(..., format="litert")`: what the file answers, against Keras."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_vae
from keras_vae.export.litert.allowed_ops import unpack
from keras_vae.export.litert.writer import read_metadata
from keras_vae.export.verification.artifacts import identify
from tests.support import models
from tests.support.artifacts import READINGS, preprocessed_vae
from tests.support.litert_files import (
    digits,
    psnr,
    run,
    signatures,
    small_conv_vae,
    trained_conv_vae,
)

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def vae():
    return trained_conv_vae()


def rows_of(spec):
    if spec.name == "seed":
        return keras_vae.random.row_seeds(5, seed=9)
    if spec.name == "mask":
        return np.tri(5, spec.shape[1], dtype="float32")
    numbers = np.random.default_rng(3).uniform(size=(5, *spec.shape[1:]))
    return (numbers * (4 if "int" in spec.dtype else 1)).astype(spec.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("score", "encode"), ("decode", "encode", "score")])
def test_the_first_endpoint_is_what_callers_without_signatures_run(vae, tmp_path, names):
    path = vae.export(tmp_path / "m.tflite", format="litert", endpoints=names)
    interpreter = Interpreter(str(path))
    assert [s.decode() for s in order_in(path)] == list(names)
    endpoint = vae.endpoints()[names[0]]
    (spec,), (takes,) = endpoint.inputs, interpreter.get_input_details()
    row = rows_of(spec)[:1]
    interpreter.allocate_tensors()
    interpreter.set_tensor(takes["index"], row)
    interpreter.invoke()
    found = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    wanted = run(path, names[0], **{spec.name: row})
    assert sorted(map(float, map(np.sum, found))) == sorted(
        map(float, map(np.sum, wanted.values()))
    )


@pytest.mark.slow
def test_a_decoder_with_a_loop_may_stand_anywhere(tmp_path):
    # The graphs of a loop are called by number.
    model = next(case for case in models.CASES if case.id == "transformer_vae_tokens").make()
    names = ("sample", "reconstruct", "encode")
    path = model.export(tmp_path / "m.tflite", format="litert", endpoints=names)
    assert [s.decode() for s in order_in(path)] == list(names)
    seed = keras_vae.random.row_seeds(3, seed=9)
    expected = model.endpoints()["sample"].function(keras.ops.convert_to_tensor(seed))
    answer = run(path, "sample", seed=seed)["reconstruction"]
    np.testing.assert_array_equal(answer, expected["reconstruction"])


def order_in(path):
    """Names of the signatures in the order of their graphs."""
    model = unpack(path.read_bytes())
    return [s.signatureKey for s in sorted(model.signatureDefs, key=lambda s: s.subgraphIndex)]


@pytest.mark.slow
def test_sample_of_a_file_draws_what_the_model_draws(tmp_path, vae):
    path = vae.export(tmp_path / "sample.tflite", format="litert", endpoints=["sample"])
    drawn = run(path, "sample", seed=keras_vae.random.row_seeds(4, seed=7))["reconstruction"]
    np.testing.assert_allclose(drawn, vae.sample(4, seed=7), atol=2e-6)


@pytest.mark.slow
def test_a_larger_batch_and_chosen_endpoints_are_what_the_file_has(tmp_path, vae):
    path = vae.export(tmp_path / "m.tflite", format="litert", endpoints=["decode"], batch_size=3)
    assert set(signatures(path)) == {"decode"}
    z = np.random.default_rng(0).standard_normal((6, 4)).astype("float32")
    answered = run(path, "decode", batch_size=3, z=z)["reconstruction"]
    np.testing.assert_allclose(answered, vae.decode(z), atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("quantize", "least"), [("float16", 80), ("dynamic", 50)])
def test_smaller_weights_are_as_good_as_promised(tmp_path, vae, quantize, least):
    x = digits(64)
    path = vae.export(tmp_path / "m.tflite", format="litert", quantize=quantize)
    assert psnr(vae.reconstruct(x), run(path, "reconstruct", x=x)["reconstruction"]) >= least
    seed = keras_vae.random.row_seeds(16, seed=1)
    sampled = run(path, "sample", seed=seed)
    assert psnr(vae.sample(16, seed=1), sampled["reconstruction"]) >= least
    # Constants of the noise are exact in float16 too.
    np.testing.assert_allclose(sampled["z"], keras_vae.random.standard_normal(seed, 4), atol=1e-5)
    score = run(path, "score", x=x)["score"]
    np.testing.assert_allclose(score, vae.score(x), rtol=0.02)


@pytest.mark.slow
def test_activations_of_16_bits_are_more_exact_than_those_of_8(tmp_path, vae):
    x = digits(96)
    z = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
    found = {}
    for quantize in ("int8", "int16x8"):
        options = {"quantize": quantize, "calibration": x, "endpoints": ["encode", "decode"]}
        path = vae.export(tmp_path / f"{quantize}.tflite", format="litert", **options)
        found[quantize] = psnr(vae.decode(z), run(path, "decode", z=z)["reconstruction"])
        assert identify(path).quantization == quantize
        assert read_metadata(path)["quantization"] == quantize
    assert found["int16x8"] >= 50 and found["int16x8"] > found["int8"] + 6
    with pytest.raises(
        ValueError, match=r"for int16x8\. Received: the ops .*RIGHT_SHIFT.*Leave out"
    ):
        vae.export(tmp_path / "s.tflite", format="litert", quantize="int16x8", calibration=x)
    with pytest.raises(ValueError, match="calibration data with quantize='int16x8'"):
        vae.export(tmp_path / "s.tflite", format="litert", quantize="int16x8")
    assert not (tmp_path / "s.tflite").exists()


@pytest.mark.slow
@pytest.mark.parametrize("io", ["float32", "int8"])
def test_int8_is_as_good_as_promised_for_every_endpoint(tmp_path, vae, io):
    import tensorflow as tf

    x = digits(160)
    batches = tf.data.Dataset.from_tensor_slices((x, np.arange(160))).batch(50)
    path = tmp_path / "m.tflite"
    vae.export(path, format="litert", quantize="int8", calibration=batches, io=io)
    takes = Interpreter(model_path=str(path)).get_signature_runner("decode").get_input_details()
    assert takes["z"]["dtype"] is (np.int8 if io == "int8" else np.float32)
    z = np.asarray(vae.encode(x))
    assert psnr(vae.decode(z), run(path, "decode", z=z)["reconstruction"]) >= 40
    assert psnr(vae.reconstruct(x), run(path, "reconstruct", x=x)["reconstruction"]) >= 40
    # The hash and the sums of a score are not quantized, whatever the networks are.
    seed = keras_vae.random.row_seeds(16, seed=1)
    sampled = run(path, "sample", seed=seed)
    assert psnr(vae.sample(16, seed=1), sampled["reconstruction"]) >= 40
    noise = np.asarray(keras_vae.random.standard_normal(seed, 4))
    # Only outputs of int8 have steps, of about 6 standard deviations / 255.
    assert np.abs(sampled["z"] - noise).mean() <= (1e-6 if io == "float32" else 0.03)
    score = run(path, "score", x=x)["score"]
    np.testing.assert_allclose(score, vae.score(x), rtol=0.05)


@pytest.mark.slow
def test_int8_fills_gaps_before_it_rounds(tmp_path):
    """Raw readings of several units, whose gaps and steps stay in float32."""
    model, x = preprocessed_vae(), READINGS
    names = ["encode", "score"]
    options = {"quantize": "int8", "calibration": x, "endpoints": names}
    path = model.export(tmp_path / "m.tflite", format="litert", **options)
    filled = model.preprocess.fill_raw(x)
    assert np.isnan(x).any() and not np.isnan(filled).any()
    found = run(path, "encode", x=x)["z_mean"]
    np.testing.assert_array_equal(found, run(path, "encode", x=filled)["z_mean"])
    assert psnr(model.encode(x), found) >= 35
    scores = run(path, "score", x=x)["score"]
    np.testing.assert_allclose(scores, model.score(x), rtol=0.05, atol=0.2)
    assert (np.abs(scores - run(path, "score", x=filled)["score"]) > 1).any()  # Gaps count nothing.


@pytest.mark.slow
def test_quantized_files_are_smaller(tmp_path):
    model = keras_vae.Autoencoder(*keras_vae.nets.dense((64,), 8, hidden=(256,)))
    sizes = {}
    for quantize in (None, "float16", "dynamic"):
        path = tmp_path / f"{quantize}.tflite"
        model.export(path, format="litert", endpoints=["decode"], quantize=quantize)
        sizes[quantize] = path.stat().st_size
    assert sizes["float16"] < 0.6 * sizes[None] and sizes["dynamic"] < 0.4 * sizes[None]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_in_half_precision_is_exported_in_float32_and_stays_as_it_was(tmp_path, policy):
    keras.utils.set_random_seed(0)
    default = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = small_conv_vae()
    finally:
        keras.config.set_dtype_policy(default)
    exact = small_conv_vae()
    exact.set_weights(model.get_weights())
    path = model.export(tmp_path / "m.tflite", format="litert", endpoints=["decode"])
    z = np.random.default_rng(0).standard_normal((4, 4)).astype("float32")
    np.testing.assert_allclose(run(path, "decode", z=z)["reconstruction"], exact.decode(z), 1e-5)
    assert model.decoder.layers[1].dtype_policy.name == policy
