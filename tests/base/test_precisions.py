"""Every model of `tests/support/models.py` takes the same step in every precision."""

import functools

import keras
import numpy as np
import pytest

from tests.support.models import BATCH, CASES, FAST, FEW, array, first, flat, values

# Norm of the difference to the step in float32, as a fraction of that step.
POLICIES = {"mixed_float16": 0.02, "mixed_bfloat16": 0.15, "float64": 1e-4}


def comparable(case, policy):
    """Return whether the backend computes a model in a precision, with the noise of float32."""
    if case.id == "denoising_gaussian":  # Keras draws other noise in other precisions.
        return False
    # On processors, TensorFlow 2.21 leaves a part of the gradient of a Conv3D of bfloat16 as its
    # memory was, where maps are smaller than the kernel. docs/sequences.md says so.
    of_volumes = case.id == "conv_vae_volumes" and keras.backend.backend() == "tensorflow"
    if of_volumes and policy == "mixed_bfloat16":
        return False
    if keras.backend.backend() != "jax":
        return True
    if policy == "float64":  # JAX has it only where JAX_ENABLE_X64 is set.
        return False
    attends = case.id.startswith(("transformer", "masked"))
    return not (attends and policy == "mixed_float16")  # JAX has none of this on a CPU.


def quick(case, policy):
    return case.id in FEW and policy == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("case", "policy"),
    [
        pytest.param(
            case,
            policy,
            id=f"{case.id}-{policy}",
            marks=[] if quick(case, policy) else [pytest.mark.long],
        )
        for case in CASES
        for policy in POLICIES
        if comparable(case, policy)
    ],
)
def test_every_precision_takes_the_step_of_float32_and_answers_in_float32(case, policy):
    start, wanted = float32_step(case)
    model, found = step(case, policy, start)
    difference, size = np.linalg.norm(found - wanted), np.linalg.norm(wanted)
    assert 0 < size and difference < POLICIES[policy] * size
    x = first(2, case.x)
    answers = (model(x), model.encode(x), model.score(x))
    dtypes = [model.event_dtype, model.latent_dtype, "float32"]
    assert [array(answer).dtype for answer in answers] == dtypes


@functools.cache
def float32_step(case):
    """The weights at the start, and the step of size 1 from there."""
    start = case.untouched.get_weights()
    return start, step(case, "float32", start)[1]


def step(case, policy, start):
    """The model after a step of size 1 from weights `start`, and the step, as one vector."""
    keras.config.set_dtype_policy(policy)
    model = case.make()
    model.set_weights(start)
    optimizer = keras.optimizers.SGD(1.0)
    if policy == "mixed_float16":  # At the usual first scale, 2^15, the largest gradients overflow.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    model.compile(optimizer, **FAST)
    before = flat(values(model.trainable_variables))
    model.train_on_batch(first(BATCH, case.x))
    return model, flat(values(model.trainable_variables)) - before
