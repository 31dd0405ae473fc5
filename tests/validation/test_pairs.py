"""Pairs of x and a condition have equal row counts, and lists are no arrays, wherever x goes."""

import functools

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import estimators
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

X = uniform(8, *FEATURES)
CONDITION = np.eye(3, dtype="float32")[np.arange(8) % 3]
SERIES, MASK = uniform(8, 4, 2), np.ones((8, 4), "float32")
CODES = np.zeros((8, 2), "float32")


@functools.cache
def conditional():
    return kv.ConditionalVAE(
        *kv.nets.conditional(kv.nets.dense, FEATURES, 2, 3, hidden=(4,)), seed=0
    )


@functools.cache
def masked():
    return kv.LSTMVAE((4, 2), 2, units=(3,), masked=True, seed=0)


@functools.cache
def plain():
    return kv.VAE(*dense(2), seed=0)


ESTIMATORS = {
    name: getattr(estimators, name)
    for name in (
        "kl_per_dimension",
        "active_units",
        "mutual_information",
        "aggregate_kl",
        "total_correlation",
    )
}
OF_PAIRS = {
    **ESTIMATORS,
    **{
        f"{name} in batches": functools.partial(function, batch_size=3)
        for name, function in ESTIMATORS.items()
    },
    "encode": lambda model, x: model.encode(x),
    "posterior": lambda model, x: model.posterior(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "score": lambda model, x: model.score(x),
    "score map": lambda model, x: kv.AnomalyDetector(model).score_map(x),
    "decode": lambda model, x: model.decode((CODES[: len(x[0])], x[1])),
    "observation": lambda model, x: model.observation((CODES[: len(x[0])], x[1])),
}


@pytest.mark.parametrize("rows", [(8, 3), (8, 1), (3, 8)], ids=str)
@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_condition_of_another_count_is_refused(name, rows):
    of_x, of_condition = rows
    for model, x, other in ((conditional(), X, CONDITION), (masked(), SERIES, MASK)):
        with pytest.raises(KerasVAEError, match=f"with {of_x} rows, as many as .*Received: shape"):
            OF_PAIRS[name](model, (x[:of_x], other[:of_condition]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: plain().encode(X.tolist()),
        lambda: plain().decode(CODES.tolist()),
        lambda: plain().observation(CODES.tolist()),
        lambda: plain().score(X.tolist()),
        lambda: plain().posterior(X.tolist()),
        lambda: conditional().decode((CODES.tolist(), CONDITION)),
        lambda: conditional().decode((CODES, CONDITION.tolist())),
        lambda: conditional().encode((X, CONDITION.tolist())),
        lambda: estimators.log_likelihood(plain(), X.tolist(), samples=2),
        lambda: estimators.elbo(plain(), X.tolist(), samples=2),
        lambda: estimators.kl_per_dimension(plain(), X.tolist()),
        lambda: kv.AnomalyDetector(plain()).score(X.tolist()),
        lambda: kv.AnomalyDetector(plain()).score_map(X.tolist()),
        lambda: kv.Compiled(plain()).encode(X.tolist()),
        lambda: kv.Compiled(plain()).decode(CODES.tolist()),
        lambda: kv.Compiled(plain()).score(X.tolist()),
        lambda: kv.inpaint(plain(), X.tolist(), X > 0.5),
    ],
)
def test_lists_are_refused_with_the_same_words(call):
    with pytest.raises(KerasVAEError, match=r"Expected [xz] of arrays or tensors.*numpy.asarray"):
        call()


PICTURES = uniform(6, 4, 4, 1)


@functools.cache
def of_pictures():
    networks = kv.nets.conditional(kv.nets.dense, (4, 4, 1), 2, 3, hidden=(4,))
    return kv.ConditionalVAE(*networks, seed=0)


PAIR = (PICTURES, CONDITION[:6])
WALKS = {
    "interpolate": lambda model: kv.latents.interpolate(model, PAIR, PAIR),
    "interpolate without": lambda model: kv.latents.interpolate(model, PICTURES, PICTURES),
    "traverse": lambda model: kv.latents.traverse(model, PICTURES[0]),
    "decode": lambda model: kv.latents.decode(model, CODES),
    "traversal": lambda model: kv.plots.traversal(model, PAIR),
    "manifold": lambda model: kv.plots.manifold(model, 2),
    "scatter": lambda model: kv.plots.latent_scatter(model, PAIR),
    "series": lambda model: kv.plots.series_reconstructions(model, PAIR),
    "new series": lambda model: kv.plots.series_samples(model, 2),
}


@pytest.mark.parametrize("name", WALKS)
def test_walks_of_a_model_of_pairs_are_refused_with_the_way_to_do_them(name):
    with pytest.raises(KerasVAEError, match=r"takes x alone.*a pair \(x, condition\).*slerp"):
        WALKS[name](of_pictures())


def test_pairs_can_be_drawn_and_sampled_for_a_condition():
    pytest.importorskip("matplotlib")
    assert kv.plots.reconstructions(of_pictures(), PAIR, columns=3)
    assert kv.plots.samples(of_pictures(), 2, 3, condition=CONDITION[0])
    assert kv.plots.samples(of_pictures(), 2, 3, condition=CONDITION[:6])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kv.plots.samples(of_pictures(), 2, 2), "condition of shape.*condition=..."),
        (lambda: kv.plots.samples(plain(), 2, 2, condition=CONDITION[0]), "no condition for a VAE"),
        (
            lambda: kv.plots.reconstructions(of_pictures(), (PICTURES, CONDITION[:3]), 3),
            "with 6 rows",
        ),
        (lambda: kv.plots.reconstructions(of_pictures(), PICTURES), "a pair"),
    ],
)
def test_drawing_names_what_is_wrong_with_a_condition(call, message):
    with pytest.raises(KerasVAEError, match=message):
        call()


def test_active_units_of_a_model_of_pairs_are_reported():
    report = kv.callbacks.LatentReport((X, CONDITION))
    report.set_model(conditional())
    logs = {}
    report.on_epoch_end(0, logs)
    assert logs["val_active_units"] == estimators.active_units(conditional(), (X, CONDITION))
