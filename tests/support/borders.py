"""What people pass to a function: numbers of any type and sign, text, lists, and arrays.

Whatever is not a good value must be used as the good value that it stands for, or be refused by an
error of this package. `slow` tests draw ten times as many.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_vae.errors import KerasVAEError
from tests.support.fuzz import QUIET, is_documented

DEPTHS = pytest.mark.parametrize("examples", [40, pytest.param(400, marks=pytest.mark.slow)])
NAN = float("nan")
INFINITY = float("inf")


class Thing:
    """An object of no use."""

    def __repr__(self):
        return "Thing()"


ODD = [
    *(None, True, False, np.True_, 2.0, 2.5, NAN, INFINITY, -INFINITY, "3", "", b"3", 3 + 0j),
    *([], [3], (3,), {3}, {}, {"a": 3}, Thing(), range(3), np.array(3), np.array([3, 4])),
    *(np.int64(3), np.int8(2), np.uint16(5), np.float32(2), np.float64(0.5), 1e300, 2**31),
    *(10**30, -(10**30)),
]
# Memory of this size would be asked for.
SMALL = [value for value in ODD if not (isinstance(value, int) and value > 1000)]


def whole(low, high, odd=ODD):
    """An integer of a range, or anything else one time in four."""
    good = st.integers(low, high)
    return st.one_of(good, good, good, st.sampled_from(odd))


def reals(*good, odd=ODD):
    known = st.sampled_from(good)
    return st.one_of(known, known, known, st.sampled_from(odd))


def words(*good, odd=(*ODD, "other", "FULL")):
    known = st.sampled_from(good)
    return st.one_of(known, known, known, st.sampled_from(odd))


def explore(examples, check, **strategies):
    settings(max_examples=examples, derandomize=True, **QUIET)(given(**strategies)(check))()


def is_whole(value, least=1):
    kind = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
    return kind and value >= least


def is_real(value):
    kind = isinstance(value, int | float | np.floating | np.integer)
    return kind and not isinstance(value, bool | np.bool_) and math.isfinite(value)


def attempt(function, good, plain=None):
    """The result; None if it is refused by an error of this package, which plain arguments are not.

    Where the arguments are not good, nothing of use can have been made of them.
    """
    try:
        found = function()
    except KerasVAEError as error:
        assert is_documented(error), error
        assert not (good if plain is None else plain), error
        return None
    assert good, found
    return found
