"""What is no source of batches, and settings without a sense, are refused with the way out."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import UsageError
from tests.support.models import FAST, uniform

X = uniform(20, 6)


def vae(**options):
    model = kv.VAE(*kv.nets.dense((6,), 2, (3,), heads=2), likelihood="normal", seed=0, **options)
    model.compile("sgd", **FAST)
    return model


def batches():
    yield (X,)


@pytest.mark.parametrize(
    "call",
    [
        lambda: vae().fit(batches),
        lambda: vae().evaluate(batches),
        lambda: kv.AnomalyDetector(vae(), "elbo").fit_threshold(batches, 0.1),
        lambda: vae().fit_sampler(batches, components=2),
    ],
    ids=["fit", "evaluate", "fit_threshold", "fit_sampler"],
)
def test_a_function_in_place_of_its_generator_is_refused(call):
    with pytest.raises(TypeError, match=r"Received: function\. \(Call it: batches\(\)\.\)"):
        call()


@pytest.mark.parametrize(
    "set_weight",
    [
        lambda: vae(beta=-1.0),
        lambda: setattr(vae(), "beta", -0.5),
        lambda: vae(loss_weights={"reconstruction": -1}),
        lambda: vae().loss_weights.update(kl=-2),
        lambda: kv.DIPVAE(*kv.nets.dense((6,), 2, (3,), heads=2), lambda_od=-1.0),
    ],
    ids=["constructor", "setter", "loss_weights", "update", "covariances"],
)
def test_a_negative_weight_of_a_term_without_a_largest_value_is_refused(set_weight):
    with pytest.raises(UsageError, match="to be at least 0. Received: -"):
        set_weight()


def lone_batches(rows, **options):
    """Batches of PyTorch that are one array each, not a tuple."""
    from torch.utils.data import DataLoader

    return DataLoader(rows, batch_size=8, **options)


@pytest.mark.extra(name="backends")
@pytest.mark.parametrize(
    "options",
    # JAX has threads, which a forked process does not have.
    [
        {},
        {"collate_fn": np.stack},
        pytest.param({"num_workers": 1, "persistent_workers": True}, marks=pytest.mark.tensorflow),
    ],
    ids=["here", "NumPy", "in a process"],
)
# Other tests may have started JAX in this process. The forked one computes nothing with it.
@pytest.mark.filterwarnings("ignore:os.fork")
def test_batches_of_pytorch_may_be_one_array_each(options):
    keras.utils.set_random_seed(0)
    model, data = vae(), lone_batches(X, **options)
    np.testing.assert_allclose(
        model.predict(data, verbose=0), model.predict(X, verbose=0), rtol=1e-6, atol=1e-6
    )
    losses = model.fit(data, epochs=2, shuffle=False, verbose=0).history
    keras.utils.set_random_seed(0)
    again = vae().fit(X, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(losses["loss"], again["loss"], rtol=1e-5)
    validated = model.fit(X, validation_data=data, verbose=0).history
    assert "val_loss" in validated
    assert model.evaluate(data, return_dict=True, verbose=0).keys() <= losses.keys()
    assert type(next(iter(data))) is type(next(iter(lone_batches(X, **options))))  # As it was.


@pytest.mark.extra(name="backends")
def test_numbers_of_pytorch_that_numpy_has_not_are_refused_with_the_way_out():
    import torch

    with pytest.raises(TypeError, match=r"bfloat16\. \(Convert x to float32"):
        vae().fit(torch.zeros(8, 6, dtype=torch.bfloat16))


def test_numbers_that_numpy_has_not_are_refused_with_the_way_out():
    x = X.astype("bfloat16")  # Of ml_dtypes, which backends bring.
    for verb in ("fit", "predict", "encode"):
        with pytest.raises(TypeError, match=r"bfloat16\. \(Convert x to float32\.\)"):
            getattr(vae(), verb)(x)


def test_the_condition_is_named_if_it_is_not_finite():
    networks = kv.nets.conditional(kv.nets.dense, (6,), 3, 2, hidden=(5,))
    model = kv.ConditionalVAE(*networks, seed=1)
    model.compile("sgd", **FAST)
    condition = np.full((20, 2), np.nan, "float32")
    with pytest.raises(ValueError, match="Expected finite values in the condition of x"):
        model.fit((X, condition), verbose=0)


def test_a_class_in_place_of_a_condition_is_refused_with_the_way_to_one():
    networks = kv.nets.conditional(kv.nets.dense, (6,), 3, 2, hidden=(5,))
    model = kv.ConditionalVAE(*networks, seed=1)
    with pytest.raises(ValueError, match=r"Of classes: keras.utils.to_categorical\(condition, 2"):
        model.sample(4, condition=2)


def test_gaps_under_a_mask_are_refused_with_the_way_to_a_pair():
    model = kv.LSTMVAE((5, 2), 2, units=(4,), masked="features", seed=0)
    model.compile("sgd", **FAST)
    x = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")
    x[:, 2] = np.nan
    with pytest.raises(ValueError, match=r"also where the mask is 0.*keras_vae.with_mask\(x\)"):
        model.fit((x, ~np.isnan(x)), verbose=0)
    model.fit(kv.with_mask(x), verbose=0)


def test_the_model_in_a_folder_is_named(tmp_path):
    vae().save(tmp_path / "model.keras")
    with pytest.raises(FileNotFoundError, match=r"Of this folder: .*model\.keras"):
        kv.load(tmp_path)


def test_data_up_to_16_are_not_taken_for_8_bit_pixels():
    model = kv.Autoencoder(*kv.nets.dense((6,), 2, (3,)), likelihood="bernoulli")
    model.compile("sgd", **FAST)
    with pytest.raises(ValueError, match="Divide by the largest possible value"):
        model.fit(np.round(16 * X), verbose=0)
