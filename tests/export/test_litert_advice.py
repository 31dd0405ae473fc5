"""Advice of refused LiteRT exports: what was not given already, and options that recipes have."""

import pytest
from keras import layers

from keras_vae.errors import UsageError
from keras_vae.export.litert import conversion
from keras_vae.training import recipes

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("ops", "endpoints", "advice"),
    [
        (["CONV_3D"], ["encode", "decode"], r"\(Choose int8 or dynamic\.\)"),
        (["CONV_3D"], ["encode", "sample"], r"\(Choose int8 or dynamic\.\)"),
        (["RIGHT_SHIFT"], ["decode", "sample"], r"\(Leave out the endpoints sample, or choose"),
    ],
)
def test_advice_about_16_bits_is_none_that_was_followed_already(
    ops, endpoints, advice, monkeypatch
):
    def fail(job, calibration):
        raise RuntimeError(" ".join(f"16x8-bit not yet supported for op: '{op}'" for op in ops))

    monkeypatch.setattr(conversion, "graph_ops", lambda folder: {})
    monkeypatch.setattr(conversion, "_convert_in_process", fail)
    job = {"folder": "", "quantize": "int16x8", "signatures": endpoints, "keep_float": False}
    with pytest.raises(UsageError, match=f"for int16x8. Received: the ops {ops[0]} in .*{advice}"):
        conversion.convert_checked(None, job, {})


@pytest.mark.parametrize("unroll", [False, True])
def test_the_recurrent_recipe_can_be_unrolled_as_int8_needs_it(unroll):
    arguments = {"shape": (4, 1), "units": (2,), "latent_dim": 1, "unroll": unroll}
    model = recipes.call(recipes.find("lstm_mnist1d"), arguments, 0).model
    inner = [one for network in (model.encoder, model.decoder) for one in network._flatten_layers()]
    loops = [one.unroll for one in inner if isinstance(one, layers.LSTM)]
    assert loops and set(loops) == {unroll}
