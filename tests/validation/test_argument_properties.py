"""What is given is used as documented, or refused in documented words: never dropped.

Hypothesis draws what people pass: rows in any container and type, targets and weights with them or
apart. The expected numbers come from a linear autoencoder written out in NumPy, in float64.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import linear
from tests.support.fuzz import QUIET, is_documented
from tests.support.models import array, values

EXAMPLES = {"tensorflow": 120, "torch": 40, "jax": 20}[keras.backend.backend()]
WIDTH = linear.FEATURES
# Quarters from -2 to 2, which every float type holds, and whole numbers, which integers hold too.
FLOATS, WHOLE = st.integers(-8, 8).map(lambda n: n / 4), st.integers(0, 2)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True, jit_compile=False)
    return model


class Batches(keras.utils.PyDataset):
    """The slices of some arrays, as Keras's own type of data set."""

    def __init__(self, parts, size):
        super().__init__()
        self.slices = list(slices(parts, size))

    def __len__(self):
        return len(self.slices)

    def __getitem__(self, number):
        return self.slices[number]


def slices(parts, size):
    for start in range(0, len(parts[0]), size):
        yield tuple(part[start : start + size] for part in parts)


def dataset(parts, size):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(parts).batch(size)


def loader(parts, size):
    from torch.utils.data import DataLoader, TensorDataset, default_convert

    return DataLoader(TensorDataset(*map(default_convert, map(np.ascontiguousarray, parts))), size)


# Each container of whole batches, and each way to write one array.
OF_BATCHES = {"a PyDataset": Batches, "a generator": slices}
OF_BATCHES |= {"tf.data": dataset} if keras.backend.backend() == "tensorflow" else {}
OF_BATCHES |= {"a DataLoader": loader} if keras.backend.backend() == "torch" else {}
WRITTEN = {
    "as it is": lambda a: a,
    "in columns": np.asfortranarray,
    "reversed twice": lambda a: a[::-1].copy()[::-1],
    "every second of a larger one": lambda a: np.repeat(a, 2, axis=0)[::2],
    "read-only": lambda a: read_only(a),
    "a tensor": keras.ops.convert_to_tensor,
    "a list of rows": list,
    "nested lists": lambda a: a.tolist(),
    "a tuple of one": lambda a: (a,),
    "a list of one": lambda a: [a],
    "masked": lambda a: np.ma.masked_array(a, mask=np.zeros(a.shape, bool)),
    "objects": lambda a: a.astype(object),
    "text": lambda a: a.astype(str),
    "complex": lambda a: a.astype(complex),
    "one column less": lambda a: a[:, 1:] if a.ndim > 1 else a[1:],
    "one axis more": lambda a: a[..., None],
    "one row less": lambda a: a[1:],
}
TYPES = ("float16", "float32", "float64", ">f4", "int8", "int64", ">i4", "uint8", "bool")
OF_WEIGHTS = {
    "one a row": lambda w: w,
    "a column": lambda w: w[:, None],
    "a list": lambda w: w.tolist(),
    "one for each number": lambda w: np.repeat(w[:, None], WIDTH, 1),
    "one too few": lambda w: w[1:],
    "negative": lambda w: -1 - w,
    "NaN": lambda w: w * np.nan,
    "text": lambda w: w.astype(str),
}


def read_only(a):
    a = a.copy()
    a.setflags(write=False)
    return a


@dataclass(frozen=True)
class Given:
    """Some arguments of `fit` or `evaluate`, and the numbers that they stand for."""

    arguments: dict[str, Any]
    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    plain: bool

    def loss(self, parameters):
        encoder, encoder_bias, decoder, decoder_bias = parameters
        outputs = (self.x @ encoder + encoder_bias) @ decoder + decoder_bias
        each = ((outputs - self.y) ** 2 + np.log(2 * np.pi)).sum(1) / 2  # Gaussians of variance 1.
        return np.average(each, weights=self.weights)


@st.composite
def arguments(draw) -> Given:
    rows, size = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    source = draw(st.sampled_from(["arrays", *OF_BATCHES]))
    # JAX and PyTorch refuse the byte order of other machines in their own words.
    anywhere = keras.backend.backend() == "tensorflow"
    kind = draw(st.sampled_from([kind for kind in TYPES if anywhere or kind[0] != ">"]))
    numbers = FLOATS if "f" in kind else WHOLE.map(lambda n: min(n, 1) if kind == "bool" else n)
    table = st.lists(numbers, min_size=rows * WIDTH, max_size=rows * WIDTH)

    def drawn():
        return np.array(draw(table)).reshape(rows, WIDTH).astype(kind)

    x = drawn()
    y = drawn() if draw(st.booleans()) else None
    with_weights = draw(st.booleans())
    weights = np.array(draw(st.lists(st.sampled_from([0.5, 1, 4]), min_size=rows, max_size=rows)))
    of_weights = draw(st.sampled_from(list(OF_WEIGHTS))) if with_weights else "one a row"
    written = draw(st.sampled_from(list(WRITTEN)))
    if source == "arrays":
        found = {"x": WRITTEN[written](x), "batch_size": size}
        found |= {} if y is None else {"y": y}
        found |= {"sample_weight": OF_WEIGHTS[of_weights](weights)} if with_weights else {}
    else:
        target = x if y is None and with_weights else y
        parts = [x] if target is None else [x, target]
        # Containers of whole rows refuse parts of unequal length, or of text, by themselves.
        of_weights = "one a row" if of_weights in ("one too few", "text") else of_weights
        parts += [np.asarray(OF_WEIGHTS[of_weights](weights))] if with_weights else []
        written = "as it is"
        found = {"x": OF_BATCHES[source](tuple(parts), size)}
    return Given(
        found,
        x.astype("float64"),
        (x if y is None else y).astype("float64"),
        weights if with_weights else np.ones(rows),
        written in ("as it is", "in columns", "read-only") and of_weights == "one a row",
    )


def attempt(function, case, **others):
    """The result, or None if the arguments were refused in documented words."""
    try:
        return function(**case.arguments, **others, verbose=0)
    except (ValueError, TypeError) as error:
        assert is_documented(error), error
        assert not case.plain, error
        return None


# Keras says so of any generator whose length it was not told.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@settings(max_examples=EXAMPLES, derandomize=True, **QUIET)
@given(case=arguments())
def test_evaluate_uses_all_that_it_is_given_or_refuses_it(model, case):
    found = attempt(model.evaluate, case, return_dict=True)
    if found is not None:
        expected = case.loss([p.astype("float64") for p in values(model.trainable_variables)])
        assert found["loss"] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@settings(max_examples=EXAMPLES // 2, derandomize=True, **QUIET)
@given(case=arguments())
def test_fit_uses_all_that_it_is_given_or_refuses_it(model, case):
    """With a learning rate of 0, the loss of the epoch is that of the same weights."""
    history = attempt(model.fit, case, shuffle=False)
    if history is not None:
        expected = case.loss([p.astype("float64") for p in values(model.trainable_variables)])
        assert history.history["loss"][0] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@settings(max_examples=EXAMPLES, derandomize=True, **QUIET)
@given(case=arguments(), verb=st.sampled_from(["encode", "reconstruct", "score", "predict"]))
def test_verbs_answer_for_the_numbers_that_they_are_given_or_refuse_them(model, case, verb):
    x = case.arguments["x"]
    encoder, encoder_bias, decoder, decoder_bias = values(model.trainable_variables)
    codes = case.x @ encoder + encoder_bias
    outputs = codes @ decoder + decoder_bias
    score = ((outputs - case.x) ** 2 + np.log(2 * np.pi)).sum(1) / 2
    expected = {"encode": codes, "reconstruct": outputs, "score": score, "predict": outputs}[verb]
    function = getattr(model, verb)
    try:
        found = function(x, verbose=0) if verb == "predict" else function(x)
    except (ValueError, TypeError) as error:
        assert is_documented(error), error
    else:
        np.testing.assert_allclose(array(found), expected, rtol=1e-3, atol=1e-4)
