"""A classifier has the encoder's weights, not the encoder: what it trains, keeps and refuses."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import (
    FAST,
    FEATURES,
    ONE_OF_EACH,
    array,
    dense,
    first,
    flat,
    uniform,
    values,
)

ROOT = Path(__file__).parents[2]
X = uniform(20, *FEATURES)
LABELS = (X[:, 0] > X[:, 1]).astype("int64") + (X[:, 2] > 0.5)
REFUSED = {"conditional_vae": "ConditionalVAE", "semi_supervised": "SemiSupervisedVAE"}


def vae(**kwargs):
    keras.utils.set_random_seed(3)
    return kv.VAE(*dense(heads=2), seed=0, **kwargs)


def fitted(classifier, learning_rate=0.1, steps=3):
    loss = "sparse_categorical_crossentropy"
    optimizer = keras.optimizers.SGD(learning_rate)
    classifier.compile(optimizer, loss, metrics=["accuracy"], **FAST)
    for _ in range(steps):
        classifier.train_on_batch(X, LABELS)
    return classifier


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.id)
def test_every_model_gives_a_classifier_of_what_it_takes(case):
    if name := REFUSED.get(case.id):
        with pytest.raises(ValueError, match=f"Expected a model .*nothing but x.*{name}"):
            kv.classifier_from(case.make(), 4)
        return
    classifier = kv.classifier_from(case.make(), 4)
    x = first(3, case.x)
    found = array(classifier(list(x) if isinstance(x, tuple) else x))
    assert found.shape == (3, 4) and found.dtype == "float32"
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("freeze", [True, False])
def test_it_is_a_linear_classifier_of_the_mean_code(freeze):
    model = vae()
    classifier = kv.classifier_from(model, 3, freeze)
    head = classifier.get_layer("probabilities")
    head.bias.assign([0.3, -0.2, 0.1])
    scores = array(model.encode(X)) @ array(head.kernel) + array(head.bias)
    np.testing.assert_allclose(array(classifier(X)), softmax(scores), rtol=1e-5)


def test_a_frozen_encoder_stays_and_the_head_takes_the_step_of_logistic_regression():
    """The gradient of the cross entropy of a softmax is codes' (p - one-hot), over the batch."""
    model = vae()
    classifier = kv.classifier_from(model, 3)
    head, codes = classifier.get_layer("probabilities"), array(model.encode(X))
    kernel, before = array(head.kernel), flat(values(classifier.get_layer("encoder").weights))
    wrong = array(classifier(X)) - np.eye(3)[LABELS]
    fitted(classifier, learning_rate=0.5, steps=1)
    np.testing.assert_allclose(
        array(head.kernel), kernel - 0.5 * codes.T @ wrong / len(X), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(flat(values(classifier.get_layer("encoder").weights)), before)


def test_fine_tuning_moves_all_weights_of_the_classifier_and_none_of_the_model():
    model = vae()
    classifier = kv.classifier_from(model, 3, freeze=False)
    of_model, own = flat(values(model.weights)), values(classifier.trainable_variables)
    fitted(classifier)
    assert all(
        np.any(one != other)
        for one, other in zip(own, values(classifier.trainable_variables), strict=True)
    )
    np.testing.assert_array_equal(flat(values(model.weights)), of_model)


def test_freezing_and_further_training_do_not_pass_between_model_and_classifier():
    model = vae()
    classifier = kv.classifier_from(model, 3)
    assert model.encoder.trainable and all(each.trainable for each in model.encoder.layers)
    before = array(classifier(X))
    model.compile(keras.optimizers.SGD(0.1), **FAST)
    model.train_on_batch(X)
    np.testing.assert_array_equal(array(classifier(X)), before)
    assert len(classifier.trainable_variables) == 2


def test_the_encoder_of_a_frozen_model_can_be_fine_tuned():
    model = vae()
    model.encoder.trainable = False
    classifier = kv.classifier_from(model, 3, freeze=False)
    assert len(classifier.trainable_variables) == 6 and not model.encoder.trainable


def test_the_head_of_the_variance_is_left_out():
    names = [each.name for each in kv.classifier_from(vae(), 3).get_layer("encoder").layers]
    assert "z_mean" in names and "z_log_var" not in names


def test_another_layer_can_be_read_and_hidden_layers_added():
    model = vae()
    name = model.encoder.layers[1].name
    classifier = kv.classifier_from(model, 3, layer=name, hidden=(7,), dropout=0.2)
    assert classifier.get_layer("encoder").output_shape == (None, 5)
    widths = [each.units for each in classifier.layers if isinstance(each, keras.layers.Dense)]
    assert widths == [7, 3]
    linear = X @ array(model.encoder.layers[1].kernel)
    features = np.where(linear > 0, linear, 0.2 * linear)  # leaky_relu
    np.testing.assert_allclose(array(classifier.get_layer("encoder")(X)), features, rtol=1e-5)


def test_a_frozen_encoder_keeps_the_statistics_of_its_normalizations():
    x = keras.Input(FEATURES)
    h = keras.layers.BatchNormalization()(x)
    encoder = keras.Model(x, [keras.layers.Dense(3, name=name)(h) for name in ("a", "b")])
    model = kv.VAE(encoder, dense()[1], seed=0)
    classifier = fitted(kv.classifier_from(model, 3))
    np.testing.assert_array_equal(array(classifier.get_layer("encoder")(X)), array(model.encode(X)))
    tuned = fitted(kv.classifier_from(model, 3, freeze=False), learning_rate=0.0)
    assert np.abs(array(tuned.get_layer("encoder")(X)) - array(model.encode(X))).max() > 1e-3


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.layers.Layer):
    """An encoder that is no functional model."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.dense = keras.layers.Dense(size)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class Uncopyable(Subclassed):
    def get_config(self):
        raise NotImplementedError("no configuration")


def built(encoder):
    model = kv.Autoencoder(encoder, dense()[1])
    model.build((None, *FEATURES))
    return model


def test_a_subclassed_encoder_is_copied_by_its_configuration():
    model = built(Subclassed(3))
    classifier = kv.classifier_from(model, 2)
    np.testing.assert_array_equal(array(classifier.get_layer("encoder")(X)), array(model.encode(X)))
    model.encoder.dense.bias.assign([1.0, 2.0, 3.0])
    assert not array(classifier.get_layer("encoder").dense.bias).any()


PROGRAM = """
import sys, keras, numpy as np
classifier = keras.saving.load_model(sys.argv[1])
with np.load(sys.argv[2]) as file:
    x, labels = file["x"], file["labels"]
found = classifier.predict(x, verbose=0)
trainable = len(classifier.trainable_variables)
classifier.train_on_batch(x, labels)
np.savez(sys.argv[3], found=found, after=classifier.predict(x, verbose=0), trainable=trainable)
assert not [name for name in sys.modules if name.startswith("keras_vae")]
"""


@pytest.mark.long
@pytest.mark.parametrize("freeze", [True, False])
def test_a_process_without_keras_vae_loads_it_and_trains_on(freeze, tmp_path):
    """Of layers of Keras alone, the classifier is a model of Keras alone."""
    classifier = fitted(kv.classifier_from(vae(), 3, freeze))
    classifier.save(tmp_path / "c.keras")
    np.savez(tmp_path / "data.npz", x=X, labels=LABELS)
    files = [str(tmp_path / name) for name in ("c.keras", "data.npz", "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *files], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(files[2]) as there:
        assert int(there["trainable"]) == len(classifier.trainable_variables)
        np.testing.assert_allclose(there["found"], array(classifier(X)), rtol=1e-5)
        classifier.train_on_batch(X, LABELS)
        np.testing.assert_allclose(there["after"], array(classifier(X)), rtol=1e-5)


BAD = {
    "no model": (lambda: kv.classifier_from(dense()[0], 3), "an autoencoder of keras_vae"),
    "not built": (
        lambda: kv.classifier_from(kv.Autoencoder(Subclassed(3), dense()[1]), 3),
        "a built model.*has not seen data",
    ),
    "one class": (lambda: kv.classifier_from(vae(), 1), "num_classes.*Received: num_classes=1"),
    "classes by name": (lambda: kv.classifier_from(vae(), ["a", "b"]), r"num_classes.*\['a'"),
    "yes": (lambda: kv.classifier_from(vae(), True), "num_classes.*True"),
    "no such layer": (lambda: kv.classifier_from(vae(), 3, layer="x_mean"), "z_mean.*'x_mean'"),
    "layer of a layer": (
        lambda: kv.classifier_from(built(Subclassed(3)), 3, layer="dense"),
        "functional or sequential.*Subclassed",
    ),
    "no configuration": (
        lambda: kv.classifier_from(built(Uncopyable(3)), 3),
        r"Keras can copy.*Uncopyable.*no configuration",
    ),
    "no width": (
        lambda: kv.classifier_from(vae(), 3, hidden=(0,)),
        "each of hidden of at least 1.*0",
    ),
    "all dropped": (lambda: kv.classifier_from(vae(), 3, dropout=1.0), "dropout.*1.0"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_a_classifier_is_refused(name):
    make, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=f"Expected .*{message}"):
        make()


def test_half_precision_gives_probabilities_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    found = array(kv.classifier_from(vae(), 3)(X))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
