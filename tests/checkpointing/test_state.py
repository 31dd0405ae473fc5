"""The state of callbacks as plain values and arrays."""

import types

import numpy as np
import pytest

from keras_vae.checkpointing import state

TREES = [{"best": 0.5, "weights": [np.arange(3.0), np.eye(2)]}, {"wait": 2, "last": np.int32(7)}]


def content(**other):
    """The smallest content of a checkpoint that `ExactResume` could have written."""
    about = {
        **{"epoch": 0, "step": 0, "ended": False, "means": {}, "history": {}},
        **{"callbacks": [["Stop", {}]], "names": ["kernel"], **other},
    }
    return about, [np.zeros(2), np.zeros(0, "uint8")]


def test_states_are_split_into_a_tree_and_its_arrays_and_put_together():
    tree, arrays = state.flatten(TREES)
    assert tree[0] == {"best": 0.5, "weights": [{"array": 0}, {"array": 1}]}
    assert [a.tolist() for a in arrays] == [[0.0, 1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]]]
    found = state.unflatten(tree, arrays)
    assert found[0]["best"] == 0.5 and found[1]["wait"] == 2
    np.testing.assert_array_equal(found[0]["weights"][1], np.eye(2))
    assert found[0]["weights"][0] is not arrays[0]


@pytest.mark.parametrize("number", [-1, 2, True, None, "0", 0.0])
def test_an_array_that_is_not_there_is_refused(number):
    with pytest.raises(ValueError, match="Expected one of 2 arrays"):
        state.unflatten([{"a": {"array": number}}], [np.zeros(1), np.zeros(1)])


EQUAL = [
    *((1, 1.0), (None, None), ("a", "a"), (np.arange(2), np.arange(2))),
    ([np.zeros(2)], [np.zeros(2)]),
    (np.float32([np.nan]), np.float32([np.nan])),
]
DIFFERENT = [
    *((1, 2), (None, 0), ("a", "b"), (np.zeros(2), [np.zeros(2)]), (np.zeros(1), 0.0)),
    *((0.0, np.zeros(1)), (np.zeros(2), np.zeros((1, 2))), (np.zeros(1), np.zeros(1, "float32"))),
    *((np.zeros(1), -np.zeros(1)), ([np.zeros(1)], [np.zeros(1), np.zeros(1)])),
    *(([np.zeros(1)], [np.ones(1)]), (3, [np.zeros(1)])),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_values_of_the_same_bytes_are_equal(one, other):
    assert state.are_equal(one, other) is True


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_values_of_other_bytes_types_or_shapes_are_not(one, other):
    assert state.are_equal(one, other) is False


def test_the_state_of_a_callback_is_copied_and_has_plain_values_only():
    array = np.arange(2)
    callback = types.SimpleNamespace(
        **{"model": 1, "_model": 2, "params": 3, "wait": 4, "best": np.float32(0.5), "text": "a"},
        **{"array": array, "arrays": [array], "empty": [], "words": ["a"], "function": print},
    )
    found = state.callback_state(callback)
    array += 1
    assert set(found) == {"wait", "best", "text", "array", "arrays"}
    assert (found["wait"], found["best"], found["text"]) == (4, 0.5, "a")
    assert type(found["best"]) is float
    assert found["array"].tolist() == found["arrays"][0].tolist() == [0, 1]


def test_only_what_has_changed_is_stored():
    callback = types.SimpleNamespace(wait=1, best=2.0)
    initial = state.initial_state(callback)
    assert state.changes(callback, initial) == {}
    callback.wait, callback.new = 3, 4
    assert state.changes(callback, initial) == {"wait": 3, "new": 4}


def test_text_that_has_changed_is_left_out_with_a_warning_at_the_caller():
    callback = types.SimpleNamespace(path="a")
    initial = state.initial_state(callback)
    callback.path = "b"
    with pytest.warns(UserWarning, match="the text 'path'") as warned:
        assert state.changes(callback, initial) == {}
    assert warned[0].filename == __file__


def test_a_callback_that_keeps_its_own_state_is_asked():
    callback = types.SimpleNamespace(resume_state=lambda: {"path": "a"}, wait=1)
    assert state.callback_state(callback) == {"path": "a"}
    assert state.initial_state(callback) == {}
    assert state.changes(callback, {}) == {"path": "a"}


def test_the_form_of_a_checkpoint_is_accepted():
    state.check_form(content())
    state.check_form(content(epoch=3, step=4, ended=True, callbacks=[]))


WRONG = [
    *({"epoch": -1}, {"epoch": 1.0}, {"epoch": True}, {"step": -1}, {"step": None}, {"ended": 0}),
    *({"means": []}, {"history": None}, {"callbacks": {}}, {"callbacks": [["Stop"]]}),
    *({"callbacks": [["Stop", {}, 1]]}, {"callbacks": [("Stop", {})]}, {"callbacks": [[1, {}]]}),
    *({"callbacks": [["Stop", []]]}, {"names": "k"}, {"names": ["a", "b"]}),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_any_other_form_is_refused(wrong):
    with pytest.raises(ValueError, match="Expected the content of a checkpoint"):
        state.check_form(content(**wrong))
