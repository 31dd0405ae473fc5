"""What endpoints are fed with, to calibrate quantization and to compare a file with its model."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_vae import checks
from keras_vae.random import row_seeds
from keras_vae.serving import Endpoint

# Codes of a generative model are fed at least this far from 0, in standard deviations of the prior:
# the range of a slider. int8 saturates outside of the range that it was calibrated on.
LATENT_RANGE = 3.0
# Of how many examples the statistics of codes are, and how many of them calibrate.
EXAMPLES = 1024
CALIBRATING = 128
GENERATED_EXAMPLES = 32

Arrays = list[np.ndarray]
Rows = dict[str, dict[str, np.ndarray]]


def examples_of(model: Any, data: Any) -> Arrays:
    """Up to EXAMPLES examples of `data`, an array for each input of the model.

    From arrays they are taken evenly, as arrays may be in the order of their labels; from a source
    of batches they are the first.

    Args:
        model: The built model.
        data: An array `(n, *event_shape)`, a tuple or dictionary of arrays for a model of several
            inputs, or a source of batches: x, (x, y) or (x, y, sample_weight).

    Raises:
        ValueError: If there are none, or they have the wrong shape or values outside the support of
            the model's likelihood.
    """
    if hasattr(data, "shape") or isinstance(data, (tuple, dict)):
        arrays = [evenly(array, EXAMPLES) for array in keras.tree.flatten(data)]
    else:
        arrays = _first_examples(data)
    specs = _data_specs(model)
    if len(arrays) != len(specs) or len(arrays[0]) == 0:
        raise ValueError(
            f"Expected calibration data with at least one example of {len(specs)} input(s). "
            f"Received: {[array.shape for array in arrays]}."
        )
    for array, spec in zip(arrays, specs, strict=True):
        checks.check_shape("calibration", array.shape, spec.shape[1:])
    checks.check_values("calibration", arrays[0], *_support(model))
    return [array.astype(spec.dtype) for array, spec in zip(arrays, specs, strict=True)]


def generated_examples(model: Any) -> Arrays:
    """Examples for a comparison when there are no data: uniform in the support, or normal."""
    return [
        _generated(spec, _support(model)[0], seed) for seed, spec in enumerate(_data_specs(model))
    ]


def endpoint_rows(model: Any, endpoints: Mapping[str, Endpoint], examples: Arrays) -> Rows:
    """Rows by endpoint and input name: the examples, their codes and others around them, seeds.

    Args:
        model: The built model.
        endpoints: What is exported.
        examples: From `examples_of` or `generated_examples`.
    """
    examples = [evenly(array, CALIBRATING) for array in examples]
    named = dict(zip([spec.name for spec in _data_specs(model)], examples, strict=True))
    if any(spec.name not in named for e in endpoints.values() for spec in e.inputs):
        named.update(_codes(model, examples))
        # The noise of few seeds would not reach as far as that of others, and int8 cuts off.
        named["seed"] = row_seeds(4 * len(examples[0]), 0)
    return {
        name: _aligned({spec.name: named[spec.name] for spec in endpoint.inputs})
        for name, endpoint in endpoints.items()
    }


def evenly(rows: Any, count: int) -> np.ndarray:
    """At most `count` rows, evenly spaced."""
    if len(rows) <= count:
        return np.asarray(rows)
    return np.asarray(rows)[np.linspace(0, len(rows) - 1, count).astype(int)]


def latent_range(model: Any, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of each element of a code, each of shape `latent_shape`.

    Codes of a generative model may be drawn or slid, so its range is wide and symmetric.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    if "sample" not in model.endpoints():
        return low, high
    reach = np.maximum(np.maximum(-low, high), LATENT_RANGE)
    return -reach, reach


def _codes(model: Any, examples: Arrays) -> dict[str, np.ndarray]:
    """What `decode` takes beside the data: codes of the examples and around them."""
    known = {spec.name for spec in _data_specs(model)}
    names = [s.name for s in model.endpoints()["decode"].inputs if s.name not in known]
    x = examples[0] if len(examples) == 1 else tuple(examples)
    codes = [np.asarray(code) for code in keras.tree.flatten(model.encode(x))]
    return {name: _widened(model, code) for name, code in zip(names, codes, strict=False)}


def _widened(model: Any, codes: np.ndarray) -> np.ndarray:
    """`codes`, and the same with one element each anywhere in its range, as a slider puts it.

    Codes that are extreme in every element at once would widen all ranges of activations beyond
    what sliders and draws reach, at a cost of 4 dB for an int8 convolutional decoder.
    """
    if not np.issubdtype(codes.dtype, np.floating):
        return codes
    low, high = (bound.ravel() for bound in latent_range(model, codes))
    random = np.random.default_rng(0)
    slid = codes.reshape(len(codes), -1).copy()
    element = random.integers(slid.shape[1], size=len(slid))
    place = low[element] + (high - low)[element] * random.uniform(size=len(slid))
    slid[np.arange(len(slid)), element] = place
    return np.concatenate([codes, slid.reshape(codes.shape)])


def _aligned(named: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs of one length; shorter ones are repeated."""
    count = max(len(rows) for rows in named.values())
    return {name: rows[np.arange(count) % len(rows)] for name, rows in named.items()}


def _data_specs(model: Any) -> tuple[keras.InputSpec, ...]:
    return model.endpoints()["reconstruct"].inputs


def _support(model: Any) -> tuple[tuple[float, float], str]:
    return model.family.support, f"the {model.likelihood!r} likelihood"


def _first_examples(batches: Any) -> Arrays:
    taken: list[Arrays] = []
    for batch in batches:
        x = keras.utils.unpack_x_y_sample_weight(batch)[0]
        taken.append([np.asarray(array) for array in keras.tree.flatten(x)])
        if sum(len(arrays[0]) for arrays in taken) >= EXAMPLES:
            break
    parts = zip(*taken, strict=True)
    return [np.concatenate(arrays)[:EXAMPLES] for arrays in parts] or [np.zeros((0,))]


def _generated(spec: keras.InputSpec, support: tuple[float, float], seed: int) -> np.ndarray:
    shape = (GENERATED_EXAMPLES, *spec.shape[1:])
    random = np.random.default_rng(seed)
    if np.issubdtype(np.dtype(spec.dtype), np.integer):
        return random.integers(2, size=shape).astype(spec.dtype)
    if np.isfinite(support).all():
        return random.uniform(*support, size=shape).astype(spec.dtype)
    return random.standard_normal(shape).astype(spec.dtype)
