"""A hyperparameter is in one place: what is set is used, saved and shown."""

import keras
import numpy as np
import pytest
from keras_vae.controllers import Capacity, FreeBits, Geco
from keras_vae.schedules import LinearWarmUp

import keras_vae as kv
from keras_vae.errors import UsageError
from tests.support import linear
from tests.support.linear import X
from tests.support.models import FAST, array, dense

CONSTANT = keras.optimizers.schedules.PiecewiseConstantDecay([10_000], [3.0, 3.0])


def still(model, **kwargs):
    model.compile(keras.optimizers.SGD(0.0), **kwargs)
    return model


def used(model):
    """The weight of the KL term in a training step, from the logs."""
    logs = model.fit(X, verbose=0).history
    return (logs["loss"][0] - logs["reconstruction"][0]) / logs["kl"][0]


def copy(model):
    return still(type(model).from_config(model.get_config()), **FAST)


WAYS = {
    "attribute": lambda model, weight: setattr(model, "beta", weight),
    "by name": lambda model, weight: model.loss_weights.__setitem__("kl", weight),
    "update": lambda model, weight: model.loss_weights.update(kl=weight),
    "in place": lambda model, weight: model.loss_weights.__ior__({"kl": weight}),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_set_is_used_shown_and_saved(way, tmp_path):
    model = still(linear.vae(beta=1.0), **FAST)
    used(model)
    WAYS[way](model, 4.0)
    assert model.beta == 4.0 and model.get_config()["beta"] == 4.0
    model.save(tmp_path / "model.keras")
    for one in (model, copy(model), still(kv.load(tmp_path / "model.keras"), **FAST)):
        assert one.beta == 4.0
        assert used(one) == pytest.approx(4.0, rel=1e-4)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(1.0, 4.0, id="number-number"),
        pytest.param(CONSTANT, 4.0, id="schedule-number"),
        pytest.param(FreeBits(0.0), CONSTANT, id="bits-schedule", marks=pytest.mark.slow),
        pytest.param(1.0, CONSTANT, id="number-schedule", marks=pytest.mark.slow),
        pytest.param(CONSTANT, CONSTANT, id="schedule-schedule", marks=pytest.mark.slow),
        pytest.param(FreeBits(0.0), 4.0, id="bits-number", marks=pytest.mark.slow),
    ],
)
def test_a_compiled_step_uses_what_is_set_after_it(first, then):
    model = still(linear.vae(beta=first), jit_compile=False)
    used(model)
    model.beta = then
    assert used(model) == pytest.approx(3.0 if then is CONSTANT else then, rel=1e-4)
    assert copy(model).loss_weights.keys() == {"kl"}
    assert used(copy(model)) == pytest.approx(3.0 if then is CONSTANT else then, rel=1e-4)


def test_a_callback_sets_a_weight_while_a_compiled_training_runs():
    class Rise(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.beta = float(batch)

    model = still(linear.vae(beta=1.0))
    rows = np.tile(X[:5], (3, 1))  # Batches 0, 1 and 2 have weights 0, 1 and 2.
    logs = model.fit(rows, batch_size=5, shuffle=False, verbose=0, callbacks=[Rise()]).history
    mean = (logs["loss"][0] - logs["reconstruction"][0]) / logs["kl"][0]
    assert mean == pytest.approx(1.0, rel=1e-3)
    assert model.beta == 2.0


def test_a_term_without_a_weight_gets_one():
    model = still(linear.vae(), **FAST)
    logs = model.fit(X, verbose=0).history
    model.loss_weights["reconstruction"] = 2.0
    for one in (model, copy(model)):
        logs = one.fit(X, verbose=0).history
        expected = 2 * logs["reconstruction"][0] + logs["kl"][0]
        assert logs["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_weight_files_keep_settings(tmp_path):
    path = tmp_path / "w.weights.h5"
    source = still(linear.vae(beta=1.0), **FAST)
    source.trainable_variables[0].assign(np.ones(source.trainable_variables[0].shape))
    source.save_weights(path)
    for beta, weight in ((4.0, 4.0), (CONSTANT, 3.0), (FreeBits(0.0), 1.0)):
        model = still(linear.vae(beta=beta), **FAST)
        model.load_weights(path)
        assert float(np.mean(array(model.trainable_variables[0]))) == 1.0
        assert used(model) == pytest.approx(weight, rel=1e-4)


def test_callbacks_that_restore_weights_keep_settings():
    model = still(linear.vae(beta=1.0), **FAST)
    before = model.get_weights()
    model.beta = 4.0
    model.set_weights(before)
    assert model.beta == 4.0 and used(model) == pytest.approx(4.0, rel=1e-4)
    other = linear.vae(beta=7.0)
    other.set_weights(before)
    assert other.beta == 7.0


def test_the_multiplier_of_a_controller_set_later_is_saved(tmp_path):
    model = still(linear.vae(), **FAST)
    model.loss_weights["reconstruction"] = Geco(0.0, rate=0.1)
    model.fit(X, verbose=0)
    multiplier = float(array(model.loss_weights["reconstruction"].multiplier))
    assert multiplier != 1.0
    model.save(tmp_path / "model.keras")
    loaded = kv.load(tmp_path / "model.keras")
    found = float(array(loaded.loss_weights["reconstruction"].multiplier))
    assert found == pytest.approx(multiplier, rel=1e-6)
    model.loss_weights["reconstruction"] = 1.0
    assert not [v for v in model.variables if "multiplier" in v.path]


def rewrite_as_before(model, path):
    """Save as version 0.1.0 did, with the loss weights among the weights after `steps`."""
    import h5py

    model.save(path)
    import zipfile

    members = zipfile.ZipFile(path).namelist()
    content = {name: zipfile.ZipFile(path).read(name) for name in members}
    weights = path.with_suffix(".h5")
    weights.write_bytes(content["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        own = file["vars"]
        assert len([name for name in own if name.isdigit()]) == 1
        own.create_dataset("1", data=np.float32(2.5))
    content["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as file:
        for name, one in content.items():
            file.writestr(name, one)
    return weights


def test_files_from_before_set_a_model_and_not_a_model_of_other_settings(tmp_path):
    weights = rewrite_as_before(linear.vae(beta=1.0), tmp_path / "model.keras")
    loaded = kv.load(tmp_path / "model.keras")
    assert loaded.beta == 2.5  # A callback had set it.
    assert copy(loaded).beta == 2.5
    other = linear.vae(beta=4.0)
    weights = weights.rename(tmp_path / "model.weights.h5")
    other.load_weights(weights)
    assert other.beta == 4.0
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((4,), 2, hidden=(), heads=2)
    scaled = kv.VAE(*networks, likelihood="normal_learned_scale")
    with pytest.raises(ValueError, match="could not be loaded"):
        scaled.load_weights(weights)  # It has as many variables, of other kinds.


def test_unchanged_models_have_the_configuration_of_their_constructor():
    config = linear.vae(beta=0.3, loss_weights={"reconstruction": 2.0}).get_config()
    assert "changed_loss_weights" not in config
    assert config["beta"] == 0.3 and config["loss_weights"] == {"reconstruction": 2.0}


class Own(kv.VAE):
    """Uses its own hyperparameter, and beta, within its loss."""

    def loss_terms(self, x, y, training=False):
        terms = super().loss_terms(x, y, training)
        return {**terms, "kl": self.beta * terms["kl"]}


def test_beta_can_be_read_in_a_compiled_loss():
    model = still(Own(*dense(2), likelihood="normal", beta=3.0, seed=1))
    x = np.random.default_rng(0).random((5, *model.event_shape)).astype("float32")
    plain = still(kv.VAE(*dense(2), likelihood="normal", seed=1))
    for variable, value in zip(model.weights, plain.weights, strict=True):
        value.assign(array(variable))
    once, thrice = (m.test_on_batch(x, return_dict=True)["kl"] for m in (plain, model))
    assert float(thrice) == pytest.approx(3 * float(once), rel=1e-4)


PAPERS = {
    "BetaTCVAE": (
        lambda **k: kv.BetaTCVAE(*dense(2), dataset_size=10, **k),
        {
            "alpha": (3.0, {"mutual_information": 2.0}),
            "beta": (5.0, {"total_correlation": 4.0}),
            "gamma": (0.5, {"dimension_kl": -0.5}),
        },
    ),
    "InfoVAE": (
        lambda **k: kv.InfoVAE(*dense(2), **{"alpha": 0.5, "lambda_": 10.0, **k}),
        {"alpha": (0.25, {"kl": 0.75, "mmd": 9.25}), "lambda_": (3.0, {"kl": 0.5, "mmd": 2.5})},
    ),
    "FreeBitsVAE": (
        lambda **k: kv.FreeBitsVAE(*dense(2), **k),
        {"beta": (2.0, {"kl": 2.0, "free_bits": 2.0})},
    ),
    "LadderVAE": (
        lambda **k: kv.LadderVAE(*kv.nets.gated_ladder((6,), (2,), width=4), free_bits=0.1, **k),
        {"beta": (2.0, {"kl": 2.0, "free_bits": 2.0})},
    ),
}


@pytest.mark.parametrize("name", PAPERS)
def test_the_weights_of_the_papers_are_those_of_the_terms(name):
    make, cases = PAPERS[name]
    for argument, (value, weights) in cases.items():
        model, given = make(), make(**{argument: value})
        setattr(model, argument, value)
        for one in (model, given, type(model).from_config(model.get_config())):
            assert getattr(one, argument) == pytest.approx(value)
            found = {term: one.loss_weights.setting(term) for term in weights}
            assert found == pytest.approx(weights)
        assert model.get_config()[argument] == pytest.approx(value)


FIXED = {
    "likelihood": (lambda: linear.vae(), "bernoulli"),
    "seed": (lambda: linear.vae(), 5),
    "preprocess": (lambda: linear.vae(), [keras.layers.Rescaling(1 / 255)]),
    "encoder": (lambda: linear.vae(), keras.layers.Dense(2)),
    "loss_weights": (lambda: linear.vae(), {"kl": 4.0}),
    "samples": (lambda: kv.IWAE(*dense(2)), 7),
    "nats": (lambda: kv.FreeBitsVAE(*dense(2)), 7.0),
    "mmd_weight": (lambda: kv.WAE(*dense(1)), 7.0),
    "target": (lambda: Geco(1.0), 7.0),
    "gamma": (lambda: Capacity(1.0), 7.0),
    "neighbors": (lambda: kv.AnomalyDetector(linear.vae()), 7),
}


@pytest.mark.parametrize("name", FIXED)
def test_a_setting_that_would_have_no_effect_later_is_refused(name):
    make, value = FIXED[name]
    one = make()
    before = getattr(one, name, None)
    message = f"Expected {name} in the constructor.*Received: {name}=.*Make a new "
    with pytest.raises(ValueError, match=message + type(one).__name__) as caught:
        setattr(one, name, value)
    assert ("model.loss_weights" in str(caught.value)) is isinstance(one, kv.Autoencoder)
    assert getattr(one, name, None) is before


def test_what_keras_lets_one_set_can_be_set():
    model = kv.VAE(*dense(2), name="a", trainable=True)
    model.trainable = False
    assert not model.trainable_variables


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e39, True, "4", None])
def test_bad_weights_are_refused_and_change_nothing(weight):
    model = linear.vae(beta=2.0)
    with pytest.raises((ValueError, TypeError), match=r"Expected the weight of 'kl'"):
        model.beta = weight
    assert model.beta == 2.0
    with pytest.raises(ValueError, match="Expected loss_weights for the terms"):
        model.loss_weights["kll"] = 1.0
    for removal in (lambda w: w.pop("kl"), lambda w: w.clear(), lambda w: w.__delitem__("kl")):
        with pytest.raises(ValueError, match=r"Set it to 1\.0"):
            removal(model.loss_weights)


def test_settings_show_what_a_schedule_or_a_controller_is():
    warm = LinearWarmUp(5)
    model = linear.vae(beta=warm)
    assert model.beta is warm and model.loss_weights["kl"] is warm


def test_a_controller_set_later_is_used_and_saved(tmp_path):
    model = kv.VAE(*dense(2), seed=0)
    model.compile("sgd")
    model.beta = Capacity(8.0, gamma=2.0)
    x = np.random.default_rng(0).random((8, 6), "float32")
    logs = model.train_on_batch(x, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + 2.0 * (8.0 - logs["kl"]))
    model.save(tmp_path / "m.keras")
    assert isinstance(kv.load(tmp_path / "m.keras").beta, Capacity)
    with pytest.raises(TypeError, match="weight of 'kl' to be a number, a Keras schedule or a con"):
        model.beta = keras.Variable(0.5)


TWICE = {
    "beta": lambda: kv.VAE(*dense(2), beta=0.5, loss_weights={"kl": 2.0}),
    "beta of a class with its own networks": lambda: kv.ConvVAE(
        (4, 4, 1), 2, filters=(2,), hidden=3, beta=0.5, loss_weights={"kl": 2.0}
    ),
    "beta of free bits": lambda: kv.FreeBitsVAE(
        *dense(2), beta=0.5, loss_weights={"kl": 1.0, "free_bits": 2.0}
    ),
    "beta of a part of free bits": lambda: kv.FreeBitsVAE(
        *dense(2), beta=0.5, loss_weights={"free_bits": 2.0}
    ),
    "beta of a part of a ladder": lambda: kv.LadderVAE(
        *kv.nets.gated_ladder((6,), (2,), width=4),
        beta=0.5,
        free_bits=0.5,
        loss_weights={"kl": 2.0},
    ),
    "alpha": lambda: kv.InfoVAE(*dense(2), alpha=0.2, loss_weights={"kl": 1.0}),
    "alpha with an offset": lambda: kv.BetaTCVAE(
        *dense(2), dataset_size=9, alpha=2.0, loss_weights={"mutual_information": 2.0}
    ),
    "a schedule": lambda: kv.VAE(*dense(2), beta=CONSTANT, loss_weights={"kl": 2.0}),
    "lambda_": lambda: kv.InfoVAE(*dense(2), lambda_=3.0, loss_weights={"mmd": 1.0}),
    "a weight of visible patches": lambda: kv.MaskedAutoencoder(
        (4, 4, 1), 2, 2, visible_weight=0.5, width=4, blocks=1, loss_weights={"visible": 1.0}
    ),
    "gamma": lambda: kv.FactorVAE(*dense(2), gamma=2.0, loss_weights={"total_correlation": 3.0}),
    "a weight of a discrepancy": lambda: kv.WAE(*dense(), mmd_weight=3.0, loss_weights={"mmd": 1}),
    "lambda_od": lambda: kv.DIPVAE(*dense(2), lambda_od=1.0, loss_weights={"off_diagonal": 2.0}),
    "a weight of an adversary": lambda: kv.AdversarialAutoencoder(
        *dense(), adversarial_weight=0.5, loss_weights={"adversarial": 2.0}
    ),
    "a weight of a decoder": lambda: kv.VAEGAN(
        *dense(2), adversarial_weight=0.5, loss_weights={"adversarial": 2.0}
    ),
    "a weight of labels": lambda: kv.SemiSupervisedVAE(
        *kv.nets.conditional(kv.nets.dense, (6,), 2, 3),
        kv.nets.dense_encoder((6,), 3),
        classification_weight=2.0,
        loss_weights={"classification": 3.0},
    ),
    "a weight of codes": lambda: kv.RAE(*dense(), code_weight=0.5, loss_weights={"code": 2.0}),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_weight_given_twice_is_refused(name):
    with pytest.raises(UsageError, match="(?s)^Expected the weight of .* once.*Received: .*both"):
        TWICE[name]()


class Sharper(kv.VAE):
    """Passes its own beta on, next to the weights that it is given."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(encoder, decoder, beta=2.0, **kwargs)


@pytest.mark.parametrize(
    ("make", "weight"),
    [
        (lambda: kv.VAE(*dense(2), loss_weights={"kl": 2.0}), 2.0),
        (lambda: kv.VAE(*dense(2), beta=2.0, loss_weights={"reconstruction": 3.0}), 2.0),
        (lambda: Sharper(*dense(2), loss_weights={"kl": 4.0}), 4.0),
    ],
    ids=["weights alone", "another term", "a subclass with a beta of its own"],
)
def test_a_weight_given_once_is_used(make, weight):
    assert make().loss_weights.setting("kl") == weight


def test_a_configuration_with_a_weight_given_twice_is_read_as_it_was_used():
    model = kv.VAE(*dense(2), loss_weights={"kl": 2.0})
    older = {**model.get_config(), "beta": 0.5}
    assert kv.VAE.from_config(older).beta == 2.0
    model.beta = 3.0
    assert copy(model).beta == 3.0
