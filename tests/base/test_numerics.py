"""The same seed gives the same bits; far inputs give no NaN."""

import functools
import json

import keras
import numpy as np
import pytest

from tests.support import serving
from tests.support.models import BATCH, CASES, FAST, each, event, first, values

LARGEST = 1e4
# Of tokens there are no far ones.
WITH_SCALES = [
    case
    for case in CASES
    if (case.bounded or case.id.startswith(("vae", "lstm", "transformer")))
    and not case.id.endswith("tokens")
]
every_case = each(CASES)


@functools.cache
def hashes(threads, _number):
    done = serving.run_program("-m", "tests.support.determinism", "--threads", threads, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.tensorflow
@every_case
def test_two_processes_of_one_thread_train_to_the_same_bits(case):
    assert hashes(1, 0)[case.id] == hashes(1, 1)[case.id]


@pytest.mark.tensorflow
def test_the_hashes_differ_from_model_to_model():
    assert len(set(hashes(1, 0).values())) == len(CASES)


FAR = [
    pytest.param(case, sign, id=f"{case.id}-{sign}")
    for case in WITH_SCALES
    for sign in (1.0, -1.0)
    if sign > 0 or case.id != "vae_negative_binomial"  # There are no counts below 0.
]


@pytest.mark.parametrize(("case", "sign"), FAR)
def test_inputs_of_ten_thousand_give_finite_terms_and_gradients(case, sign):
    """A log variance that is linear in x is far beyond what exp() can take then."""
    model = case.make()
    model.compile(keras.optimizers.SGD(0.0), **FAST)  # A step of 0 times NaN is NaN.
    x = first(BATCH, case.x)
    y = event(x)
    far = (sign * LARGEST * x[0], *x[1:]) if isinstance(x, tuple) else sign * LARGEST * x
    # Tensors, since verbs refuse arrays that no row of a table can be.
    far = keras.tree.map_structure(keras.ops.convert_to_tensor, far)
    logs = model.train_on_batch(far, y, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values()), logs
    assert all(np.isfinite(array).all() for array in values(model.variables))
    assert np.isfinite(values([model.reconstruct(far)])[0]).all()
