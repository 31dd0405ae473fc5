"""Draws outside of graphs: compiled once for each setting, with the codes of ops one by one."""

import gc
import threading
import weakref

import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.errors import UsageError
from keras_vae.samplers import (
    AutoregressiveSampler,
    FlowSampler,
    MAFSampler,
    MaskedSampler,
    TwoStageSampler,
)

calls = pytest.importorskip("keras_vae.backend.tensorflow_calls", reason="needs TensorFlow")

pytestmark = pytest.mark.tensorflow

SEEDS = kv.random.row_seeds(5, 1)
LABELS = np.array([0, 1, 1, 0, 1], "int32")
KINDS = [AutoregressiveSampler, FlowSampler, MAFSampler, MaskedSampler, TwoStageSampler]
ROUNDS = {"rounds": 3}


def sampler(kind):
    """A sampler of 4 integers below 5 or of 4 numbers, of two classes, with random weights."""
    settings = {"width": 8, "blocks": 1} | ({"heads": 2} if "heads" in kind.defaults else {})
    size = kind.size_for((4,), None if kind.is_real else 5, 2, **settings)
    random = np.random.default_rng(0)
    weights = {
        name: part + random.normal(0.0, 0.3, part.shape).astype("float32")
        for name, part in kind.initial_weights(size, 0).items()
    }
    return kind(size, weights, **(ROUNDS if hasattr(kind, "rounds") else {}))


def settings_of(kind):
    """Arguments of `draw` after the shape: temperature, labels, guidance, and top_k."""
    yield (1.0, None)
    yield (0.0, LABELS)
    if kind.is_guided:
        yield (0.7, LABELS, 2.0)
    if not kind.is_real:
        yield (1.0, LABELS, 2.0, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_those_of_ops_one_by_one(kind, monkeypatch):
    one = sampler(kind)
    for given in settings_of(kind):
        with monkeypatch.context() as patch:
            patch.setattr(calls, "_is_eager", lambda parts: False)
            expected = np.asarray(one.draw(SEEDS, (4,), *given))
        found = one.draw(SEEDS, (4,), *given)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_takes_any_number_of_rows(kind, monkeypatch):
    one = sampler(kind)
    drawn = np.asarray(one.draw(SEEDS, (4,), 1.0, LABELS))
    monkeypatch.setattr(calls, "_compile_function", lambda *given: pytest.fail("compiled again"))
    for rows in (1, 3, 5):
        found = one.draw(SEEDS[:rows], (4,), 1.0, LABELS[:rows])
        np.testing.assert_allclose(found, drawn[:rows], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_of_64_bits_are_those_of_32_bits(kind):
    one = sampler(kind)
    drawn = one.draw(SEEDS, (4,))
    for seeds in (SEEDS.astype("int64"), ops.convert_to_tensor(SEEDS.astype("int64"))):
        np.testing.assert_allclose(one.draw(seeds, (4,)), drawn, rtol=1e-5, atol=1e-6)
    with pytest.raises(UsageError, match=r"32 bits. Received: 1 to 4294967297. \(keras_vae.random"):
        one.draw(np.array([1, 2**32 + 1]), (4,))


@pytest.mark.parametrize("kind", KINDS)
def test_a_temperature_may_be_an_array(kind):
    one = sampler(kind)
    drawn = one.draw(SEEDS, (4,), 0.5)
    for temperature in (np.array(0.5, "float32"), ops.convert_to_tensor(0.5)):
        np.testing.assert_allclose(one.draw(SEEDS, (4,), temperature), drawn, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [FlowSampler, MAFSampler, MaskedSampler, TwoStageSampler])
def test_another_temperature_is_not_compiled_again(kind, monkeypatch):
    one = sampler(kind)
    drawn = np.asarray(one.draw(SEEDS, (4,), 1.0))
    monkeypatch.setattr(calls, "_compile_function", lambda *given: pytest.fail("compiled again"))
    assert (np.asarray(one.draw(SEEDS, (4,), 0.0)) != drawn).any()


@pytest.mark.parametrize("kind", [AutoregressiveSampler, MAFSampler])
def test_samplers_and_old_settings_are_not_kept(kind, monkeypatch):
    monkeypatch.setattr(calls, "MOST_FUNCTIONS", 2)
    one = sampler(kind)
    for number in range(4):
        one.draw(SEEDS, (4,), 1.0 + 0.1 * number)
    assert len(calls._known[one]) == (1 if kind is MAFSampler else 2)
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None


class Owner:
    """An object that never changes."""


def test_what_no_graph_can_run_is_called_as_it_is(monkeypatch):
    owner, tried = Owner(), []
    compile_function = calls._compile_function
    monkeypatch.setattr(
        calls, "_compile_function", lambda *given: tried.append(1) or compile_function(*given)
    )

    def of_values(owner, x):
        return x * float(np.asarray(x).max())

    for x in (LABELS, 3 * LABELS):
        np.testing.assert_array_equal(
            calls.call_function(of_values, owner, (), x), x * float(x.max())
        )
    assert len(tried) == 1


def test_a_function_that_another_thread_removed_is_not_missed():
    class Removing(dict):
        def __contains__(self, key):
            return True  # And then it was removed.

    owner = Owner()
    calls._known[owner] = Removing()
    found = calls.call_function(lambda owner, x: 2 * x, owner, (), LABELS)
    np.testing.assert_array_equal(found, 2 * LABELS)


def test_threads_share_one_function(monkeypatch):
    one, made, found = sampler(TwoStageSampler), [], {}
    compile_function = calls._compile_function
    monkeypatch.setattr(
        calls, "_compile_function", lambda *given: made.append(1) or compile_function(*given)
    )

    def run(number):
        found[number] = np.asarray(one.draw(SEEDS, (4,)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(found) == 6
    for drawn in found.values():
        np.testing.assert_array_equal(drawn, found[0])
