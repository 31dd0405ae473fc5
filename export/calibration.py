"""Inputs of endpoints, to calibrate quantization and to compare a file with its model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.base.endpoint import Endpoint, WholeNumbers, has_gaps
from keras_vae.distributions.mixed import Mixed
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.export.formats import CALIBRATED
from keras_vae.random import row_seeds
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, data_checks, value_checks
from keras_vae.validation.examples import as_arrays, batches_of

# Smallest range of codes of a generative model, in standard deviations of the prior: that of a
# slider. int8 saturates outside of the range that it was calibrated on.
LATENT_RANGE = 3.0
# Number of examples for the statistics of codes, and of those that calibrate.
EXAMPLES = 1024
CALIBRATING = 128
GENERATED_EXAMPLES = 32
LABEL = "label"  # The input of `sample` for a class.

Arrays = list[np.ndarray]
Rows = dict[str, dict[str, np.ndarray]]


def check_quantize(quantize: Any, choices: Sequence[str | None], calibrated: bool) -> None:
    """Raise ValueError unless `quantize` is one of `choices`, with data where it needs them."""
    if not (quantize is None or isinstance(quantize, str)) or quantize not in choices:
        raise UsageError(f"Expected quantize to be one of {choices}. Received: {quantize!r}.")
    if quantize in CALIBRATED and not calibrated:
        raise UsageError(
            f"Expected calibration data with quantize={quantize!r}. Received: none. "
            "(Pass calibration=..., some hundred examples of the training data.)"
        )


def check_options(
    batch_size: int | None, min_psnr: float | None, labels: Sequence[str] | None
) -> int | None:
    """Return the batch size of files of any batch, after a check of what a writer was given.

    Raises:
        TypeError: If one is of another type.
        ValueError: If one is out of range.
    """
    if min_psnr is not None:
        arguments.real("min_psnr", min_psnr)
    if labels is not None:
        arguments.names("labels", labels)
    return None if batch_size is None else arguments.integer("batch_size", batch_size)


def examples_of(model: LatentModel, data: Any) -> Arrays:
    """Return the examples of `take_examples`, or generated ones if `data` is None."""
    return generate_examples(model) if data is None else take_examples(model, data)


def take_examples(model: LatentModel, data: Any) -> Arrays:
    """Take up to EXAMPLES examples from `data`, an array for each input of the model.

    Arrays may be sorted by label, so rows are taken from all over them. Of a source of batches, the
    first examples are taken.

    Args:
        model: The built model.
        data: An array `(n, *event_shape)`, or a tuple or dictionary of arrays for a model of
            several inputs. Or a source of batches: x, (x, y) or (x, y, sample_weight).

    Raises:
        TypeError: If these are no arrays of real numbers, or batches of such.
        ValueError: If there are no examples, their shape is wrong, or values are outside of the
            support of the model's likelihood. Also if inputs have different numbers of rows, or a
            mask has other values than 0 and 1.
    """
    data = as_arrays(data)
    if hasattr(data, "shape") or isinstance(data, (tuple, dict)):
        data_checks.require_arrays("calibration", data)
        return _check(model, [take_evenly(array, EXAMPLES) for array in keras.tree.flatten(data)])
    if not isinstance(data, Iterable | keras.utils.PyDataset):
        raise UsageTypeError(
            f"Expected calibration data in arrays or batches. Received: {type(data).__name__}."
        )
    taken: list[Arrays] = []
    for batch in batches_of(data):
        data_checks.require_arrays("calibration", batch)
        x = keras.utils.unpack_x_y_sample_weight(batch)[0]
        taken.append(_check(model, keras.tree.flatten(x)))
        if sum(len(arrays[0]) for arrays in taken) >= EXAMPLES:
            break
    parts = zip(*taken, strict=True) if taken else _check(model, [])
    return [np.concatenate(part)[:EXAMPLES] for part in parts]


def _check(model: LatentModel, arrays: Sequence[Any]) -> Arrays:
    """Return an array for each input of the model; see `take_examples` for what is refused."""
    specs, shapes = _data_specs(model), [tuple(array.shape) for array in arrays]
    if len(arrays) != len(specs) or () in shapes or 0 in [shape[0] for shape in shapes]:
        raise UsageError(
            f"Expected calibration data with at least one example of {len(specs)} input(s). "
            f"Received: {shapes}."
        )
    for array, spec in zip(arrays, specs, strict=True):
        data_checks.check_shape("calibration", array.shape, spec.shape[1:])
        gaps = has_gaps(spec)
        value_checks.check_values("calibration", array, value_checks.ANY_NUMBER, "all inputs", gaps)
    if len({shape[0] for shape in shapes}) > 1:
        raise UsageError(
            f"Expected calibration data with as many rows in each input. Received: {shapes}."
        )
    model.check_event("calibration", arrays[0])
    model.check_parts(tuple(arrays))
    return [np.asarray(array, spec.dtype) for array, spec in zip(arrays, specs, strict=True)]


def generate_examples(model: LatentModel) -> Arrays:
    """Generate examples for a comparison without data.

    They are uniform in the support of the likelihood, or normal if that has no limits. If it has
    one, they are on its side. Counts are whole, and columns of a table are each of their kind.
    """
    return [_generate(model, spec, seed) for seed, spec in enumerate(_data_specs(model))]


def endpoint_rows(model: LatentModel, endpoints: Mapping[str, Endpoint], examples: Arrays) -> Rows:
    """Return arrays by endpoint and input name.

    Codes are those of the examples and others around them. Seeds are whole numbers.

    Args:
        model: The built model.
        endpoints: The exported endpoints.
        examples: From `take_examples` or `generate_examples`.
    """
    examples = [take_evenly(array, CALIBRATING) for array in examples]
    named = dict(zip([spec.name for spec in _data_specs(model)], examples, strict=True))
    if any(spec.name not in named for e in endpoints.values() for spec in e.inputs):
        named.update(_decoder_inputs(model, examples))
        # Few seeds give noise of a small range, outside of which int8 would cut off.
        named.update(sample_inputs(endpoints, 4 * len(examples[0])))
    return {
        name: _repeat_to_equal_length({spec.name: named[spec.name] for spec in endpoint.inputs})
        for name, endpoint in endpoints.items()
    }


def sample_inputs(endpoints: Mapping[str, Endpoint], count: int) -> dict[str, np.ndarray]:
    """Return what `sample` takes for `count` rows: seeds, and labels of all classes in turn."""
    inputs = {"seed": row_seeds(count, 0)}
    for spec in endpoints["sample"].inputs if "sample" in endpoints else ():
        if spec.name == LABEL and isinstance(spec, WholeNumbers):
            inputs[LABEL] = (np.arange(count) % spec.count).astype(spec.dtype)
    return inputs


def fill_gaps(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    rows: Mapping[str, Mapping[str, np.ndarray]],
) -> Rows:
    """Return rows without gaps, of which a range of activations can be taken."""
    if not model.preprocess.fills:
        return {name: dict(inputs) for name, inputs in rows.items()}
    with_gaps = {
        (name, spec.name)
        for name, endpoint in endpoints.items()
        for spec in endpoint.inputs
        if has_gaps(spec)
    }
    return {
        name: {
            key: model.preprocess.fill_raw(array) if (name, key) in with_gaps else array
            for key, array in inputs.items()
        }
        for name, inputs in rows.items()
    }


def take_evenly(rows: Any, count: int) -> np.ndarray:
    """Take at most `count` rows, evenly spaced; a masked array stays one, a scalar as it is."""
    rows = np.asanyarray(rows)
    if rows.ndim == 0 or len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(int)]


def latent_range(model: LatentModel, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest value of each element of a code, `latent_shape` each.

    Users may sample from a generative model or move its sliders, so its range is wide and
    symmetric.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    if "sample" not in model.endpoints():
        return low, high
    reach = np.maximum(np.maximum(-low, high), LATENT_RANGE)
    return -reach, reach


def _decoder_inputs(model: LatentModel, examples: Arrays) -> dict[str, np.ndarray]:
    """Return what `decode` takes in addition to the data: the codes of the examples and others."""
    known = {spec.name for spec in _data_specs(model)}
    names = [s.name for s in model.endpoints()["decode"].inputs if s.name not in known]
    x = examples[0] if len(examples) == 1 else tuple(examples)
    codes = [keras.ops.convert_to_numpy(code) for code in keras.tree.flatten(model.encode(x))]
    return {name: _widen(model, code) for name, code in zip(names, codes, strict=False)}


def _widen(model: LatentModel, codes: np.ndarray) -> np.ndarray:
    """Return `codes`, followed by copies in which one element is moved anywhere in its range.

    A slider does the same. Codes with extreme values in every element at once would widen all
    ranges of activations beyond what sliders and samples reach. That costs an int8 convolutional
    decoder 4 dB.
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


def _repeat_to_equal_length(named: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Repeat the rows of shorter inputs until all have the same length."""
    count = max(len(rows) for rows in named.values())
    return {name: rows[np.arange(count) % len(rows)] for name, rows in named.items()}


def _data_specs(model: LatentModel) -> tuple[keras.InputSpec, ...]:
    return model.endpoints()["reconstruct"].inputs


def _within(support: tuple[float, float], x: np.ndarray) -> np.ndarray:
    """Return normal numbers, reflected at the limit of a support with one limit."""
    low, high = support
    if np.isfinite(low):
        x = low + np.abs(x)
    elif np.isfinite(high):
        x = high - np.abs(x)
    return x


def _generate(model: LatentModel, spec: keras.InputSpec, seed: int) -> np.ndarray:
    shape = (GENERATED_EXAMPLES, *spec.shape[1:])
    random = np.random.default_rng(seed)
    if isinstance(spec, WholeNumbers):
        numbers = random.integers(min(2, spec.count), size=shape).astype(spec.dtype)
        if spec.some:
            numbers[:, 0] = 1
        return numbers
    if np.issubdtype(np.dtype(spec.dtype), np.integer):
        return random.integers(2, size=shape).astype(spec.dtype)
    if seed == 0 and issubclass(model.family, Mixed):
        outputs = keras.ops.zeros((GENERATED_EXAMPLES, model.family.width), "float32")
        x = np.array(keras.ops.convert_to_numpy(model.family(outputs).sample(seed=0)), spec.dtype)
    elif np.isfinite(model.data_range).all():
        x = random.uniform(*model.data_range, size=shape).astype(spec.dtype)
    else:
        x = random.standard_normal(shape).astype(spec.dtype)
        if seed == 0:  # The others are conditions, which are not preprocessed.
            x = _within(model.family.support, x)
            x = np.array(keras.ops.convert_to_numpy(model.preprocess.inverse(x)), spec.dtype)
    if seed == 0 and model.family.whole:
        x = np.rint(x)
    if has_gaps(spec):
        x.reshape(len(x), -1)[::2, :1] = np.nan
    return x
