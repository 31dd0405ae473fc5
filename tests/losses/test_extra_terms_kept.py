"""Extra terms after a reload, a resume and an export, and those that are refused."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.checkpointing import state
from tests.support.extra_terms import SHAPE, X, adversarial, features, model_of, step
from tests.support.interruption import Stop, StopAt
from tests.support.models import array


def test_their_trainings_go_on_after_a_reload(tmp_path):
    terms = [kv.losses.PerceptualTerm(features(), ["first"]), adversarial(adaptive=True)]
    model = model_of(*terms, cls=kv.VAE, likelihood="bernoulli")
    model.compile("adam", run_eagerly=True)
    model.train_on_batch(X)
    model.save(tmp_path / "model.keras")
    loaded = kv.load(tmp_path / "model.keras")
    for each in (model, loaded):
        each.train_on_batch(X)
    for one, other in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path):
    found = []
    for stop in (None, 4, None):
        keras.utils.set_random_seed(0)
        model = model_of(adversarial(adaptive=True, start_step=2), cls=kv.VAE)
        model.compile("adam", run_eagerly=True)
        folder = tmp_path / ("whole" if not found else "broken")
        callbacks = [StopAt(*(("on_train_batch_end", stop) if stop else ()))]
        resume = kv.callbacks.ExactResume(folder, steps=2, minutes=None, callbacks=callbacks)
        try:
            model.fit(X, batch_size=2, epochs=2, callbacks=[resume], verbose=0)
            found.append(state.capture(model))
        except Stop:
            assert int(array(model.steps)) == 5
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def sequence(shape):
    return keras.Sequential([keras.Input(shape), keras.layers.Conv2D(2, 1)])


REFUSED = {
    "no list": (lambda: model_of(None), "extra_terms to be a list of keras_vae.losses"),
    "names twice": (lambda: model_of(adversarial(), adversarial()), "'adversarial', 'discrimin"),
    "names of the model": (lambda: model_of(adversarial(), cls=kv.VAEGAN), "other names than"),
    "weights twice": (
        lambda: model_of(adversarial(), loss_weights={"adversarial": 2.0}),
        "weight of .'adversarial'. once",
    ),
    "k rows an image": (
        lambda: model_of(adversarial(), cls=kv.IWAE),
        r"no extra_terms, since p\(x . z\) of IWAE has no single row",
    ),
    "other features": (
        lambda: model_of(kv.losses.PerceptualTerm(sequence((3, 3, 1)))),
        r"features of events of shape \(4, 4, 1\)",
    ),
    "features of colors": (
        lambda: model_of(kv.losses.PerceptualTerm(sequence((4, 4, 3)))),
        r"which takes \(None, 4, 4, 3\).*Repeat the channel",
    ),
    "no such layer": (
        lambda: kv.losses.PerceptualTerm(features(), ["third"]),
        r"layers to be names.*'second'.*\['third'\]",
    ),
    "other images": (
        lambda: model_of(adversarial(kv.nets.patch_discriminator((4, 4, 3), (2,)))),
        r"discriminator from images of shape \(4, 4, 1\).*takes \(None, 4, 4, 3\)",
    ),
    "many odds": (
        lambda: model_of(adversarial(sequence(SHAPE))),
        r"to log odds.*Received: \(None, 4, 4, 2\)",
    ),
    "no images": (
        lambda: kv.VAE(*kv.nets.dense((6,), 2, (5,), heads=2), extra_terms=[adversarial()]),
        r"images of shape \(height, width, channels\) for AdversarialTerm.*\(6,\)",
    ),
    "no network": (lambda: kv.losses.AdversarialTerm("patches"), "discriminator to be a Keras"),
    "no loss": (lambda: adversarial(loss="wasserstein"), "hinge"),
    "no observation": (lambda: step(model_of(adversarial(), cls=Silent)), "by self.observation"),
    "parts of a decoder": (
        lambda: step(
            kv.LadderVAE(
                *kv.nets.gated_ladder(SHAPE, (2,), 4), extra_terms=[adversarial(adaptive=True)]
            )
        ),
        "calls its decoder as a whole.*LadderVAE",
    ),
}


class Silent(kv.Autoencoder):
    """A model that asks its decoder for nothing."""

    def loss_terms(self, x, y, training=False):
        return {"reconstruction": keras.ops.sum(y - x, axis=(1, 2, 3))}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    make, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=f"(?s){words}"):
        make()


@pytest.mark.slow
@pytest.mark.tensorflow
def test_exports_are_those_of_a_model_without_them(tmp_path):
    import tensorflow as tf

    plain = model_of(cls=kv.VAE, likelihood="bernoulli")
    terms = [kv.losses.PerceptualTerm(features()), adversarial(adaptive=True)]
    model = model_of(*terms, cls=kv.VAE, likelihood="bernoulli")
    sizes = []
    for number, each in enumerate((plain, model)):
        each.export(tmp_path / f"{number}", endpoints=["encode", "decode"])
        graph = tf.saved_model.load(tmp_path / f"{number}")
        sizes.append(sorted(tuple(v.shape) for v in graph.signatures["encode"].variables))
        each.export(tmp_path / f"{number}.tflite", format="litert", endpoints=["encode", "decode"])
        sizes.append((tmp_path / f"{number}.tflite").stat().st_size)
    assert sizes[0] == sizes[2] and abs(sizes[1] - sizes[3]) < 64
