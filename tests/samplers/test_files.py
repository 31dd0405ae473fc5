"""Samplers in files: what was saved comes back, and what a stranger wrote is refused at once."""

import json

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.samplers import (
    AutoregressiveSampler,
    FlowSampler,
    MAFSampler,
    MaskedSampler,
    TwoStageSampler,
    files,
)
from tests.samplers.test_sampler_networks import sampler, sizes
from tests.samplers.test_vector_samplers import vector_sampler
from tests.support.models import array

SETTINGS = "sampler_settings"


def stored(one):
    store = {}
    files.save(one, store)
    return store


def changed(one=None, **settings):
    """The file of a sampler with other settings; those of the size as `size_NAME`."""
    store = stored(one or sampler(MaskedSampler, rounds=3))
    found = json.loads(store[SETTINGS].tobytes())
    for name, value in settings.items():
        part = found["size"] if name.startswith("size_") else found
        part[name.removeprefix("size_")] = value
    return {**store, SETTINGS: np.frombuffer(json.dumps(found).encode(), np.uint8)}


@pytest.mark.parametrize("kind", [AutoregressiveSampler, MaskedSampler, FlowSampler])
def test_a_sampler_comes_back_whole(kind):
    others = {} if kind is AutoregressiveSampler else {"rounds": 5}
    if kind is FlowSampler:
        others |= {name: np.full((4, 3), 2.0, "float32") for name in ("mean", "scale")}
    one = sampler(kind, sizes(classes=2, real=kind.is_real), guidance=1.5, **others)
    again = files.load({**stored(one), "0": np.zeros(3)})
    assert (type(again), again.size, again.guidance) == (kind, one.size, 1.5)
    assert getattr(again, "rounds", None) == others.get("rounds")
    seeds, shape = kv.random.row_seeds(4, 0), (4, 3) if kind.is_real else (4,)
    np.testing.assert_array_equal(array(again.draw(seeds, shape)), array(one.draw(seeds, shape)))


@pytest.mark.parametrize("kind", [MAFSampler, TwoStageSampler])
def test_a_sampler_of_vectors_comes_back_whole(kind):
    moments = {name: np.full((1, 6), 2.0, "float32") for name in ("mean", "scale")}
    one = vector_sampler(kind, classes=2, **moments)
    again = files.load(stored(one))
    assert (type(again), again.size, again.guidance) == (kind, one.size, 1.0)
    seeds, labels = kv.random.row_seeds(4, 0), np.array([0, 1, 2, 0], "int32")
    first, second = (array(each.draw(seeds, (2, 3), 1.0, labels)) for each in (one, again))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"size_elements": 10**9}, "arrays of the shapes"),
        ({"size_elements": 5}, "arrays of the shapes"),
        ({"size_blocks": 0}, "sizes of a network"),
        ({"size_heads": 2}, "settings of a sampler"),
        ({"guidance": 2.0}, "no guidance"),
        ({"rounds": 3}, "settings of a sampler"),
    ],
)
def test_settings_of_a_flow_that_do_not_fit_are_refused(settings, match):
    moments = {name: np.full((1, 6), 2.0, "float32") for name in ("mean", "scale")}
    with pytest.raises((ValueError, TypeError), match=match):
        files.load(changed(vector_sampler(MAFSampler, **moments), **settings))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"kind": "pixelcnn"}, "autoregressive, masked, flow, maf, two_stage"),
        ({"kind": "flow"}, "arrays of the shapes"),
        ({"rounds": 10**9}, "at most 1000 rounds"),
        ({"rounds": 0}, "rounds of at least 1"),
        ({"guidance": "nan"}, "guidance"),
        ({"size_width": 10**8}, "arrays of the shapes"),
        ({"size_blocks": 10**8}, "sizes of a network"),
        ({"size_places": -4}, "sizes of a network"),
        ({"size_places": 4.5}, "sizes of a network"),
        ({"size_heads": 0}, "heads that divide"),
        ({"size_heads": 3}, "heads that divide"),
        ({"size_more": 1}, "settings of a sampler"),
        ({"more": 1}, "settings of a sampler"),
    ],
)
def test_settings_that_do_not_fit_the_arrays_are_refused(settings, match):
    with pytest.raises((ValueError, TypeError), match=match):
        files.load(changed(**settings))


@pytest.mark.parametrize("text", [b"{", b"[1]", b"\xff\xfe", b"null"])
def test_settings_that_are_no_object_are_refused(text):
    store = {**stored(sampler(MaskedSampler)), SETTINGS: np.frombuffer(text, np.uint8)}
    with pytest.raises((ValueError, TypeError), match="settings of a sampler"):
        files.load(store)


def test_an_array_that_is_missing_or_too_many_is_refused():
    store = stored(sampler(MaskedSampler))
    fewer = {name: part for name, part in store.items() if name != "sampler_weight_output"}
    for wrong in (fewer, {**store, "sampler_weight_new": np.zeros(2)}):
        with pytest.raises(ValueError, match="arrays of the shapes"):
            files.load(wrong)
    text = np.full(store["sampler_weight_output"].shape, "a")
    with pytest.raises(ValueError, match="Expected floats"):
        files.load({**store, "sampler_weight_output": text})
