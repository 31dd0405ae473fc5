"""Every card, program and file states the same number of parameters."""

import keras
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.export import check, description
from keras_vae.presets import description as presets
from tests.support.models import uniform

X = uniform(4, 6)


def frozen():
    """Two layers, of which the first is frozen."""
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    encoder.trainable = False
    return kv.Autoencoder(encoder, keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)]))


MODELS = {
    "frozen": (frozen, 6 * 2 + 2 + 2 * 6 + 6),
    "with a loss weight": (lambda: kv.VAE(*linear_networks(), beta=2.0), 2 * (6 * 2 + 2) + 18),
}


def linear_networks():
    x = keras.Input((6,))
    heads = [keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)]
    return keras.Model(x, heads), keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])


@pytest.mark.parametrize("name", MODELS)
def test_cards_and_files_count_the_weights_of_the_networks(name):
    make, wanted = MODELS[name]
    model = make()
    found = description.describe(model, {}, {}, [X], False, None)
    assert found["model"]["parameters"] == wanted
    assert presets.describe(model)["model"]["parameters"] == wanted
    detector = kv.AnomalyDetector(model)
    assert presets.describe(detector)["model"]["parameters"] == wanted


@pytest.mark.parametrize("name", MODELS)
def test_the_check_counts_as_cards_do(name, tmp_path, capsys, monkeypatch):
    make, wanted = MODELS[name]
    make().save(tmp_path / "m.keras")
    monkeypatch.setattr(check, "verdicts", lambda *given: [])
    with pytest.raises(SystemExit):
        cli.main(check.check, [str(tmp_path / "m.keras"), "--formats", "float32"])
    assert f", {wanted:,} parameters, " in capsys.readouterr().out
