"""Samplers, detectors, exports and recordings use what they are given as documented, or refuse it.

Hypothesis draws what people pass: numbers of any type and sign, text, lists, and arrays. Expected
results are written out in NumPy. Whatever is not a good value must be used as the good value that
it stands for, or be refused by an error of this package. `slow` draws ten times as many.
"""

import dataclasses
import math
import pathlib

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_vae as kv
from keras_vae.errors import KerasVAEError
from keras_vae.export.litert import writer as litert_writer
from keras_vae.export.saved_model import writer as saved_model_writer
from keras_vae.variational import mixture_sampler
from tests.support import linear
from tests.support.fuzz import QUIET, is_documented
from tests.support.models import array, uniform, values
from tests.validation.test_argument_properties import WRITTEN

pytestmark = pytest.mark.tensorflow

DEPTHS = pytest.mark.parametrize("examples", [40, pytest.param(400, marks=pytest.mark.slow)])
NAN, INFINITY = float("nan"), float("inf")


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


def attempt(function, good):
    """The result; None if it is refused by an error of this package, which good arguments are not.

    Where the arguments are not good, nothing of use can have been made of them.
    """
    try:
        found = function()
    except KerasVAEError as error:
        assert is_documented(error), error
        assert not good, error
        return None
    assert good, found
    return found


# Recordings.

STEPS = uniform(9, 2)


@DEPTHS
def test_windows(examples):
    def check(length, stride, recording):
        good = is_whole(length) and length <= 9 and (stride is None or is_whole(stride))
        found = attempt(lambda: kv.windows(recording(STEPS), length, stride), good)
        if found is not None:
            apart = length if stride is None else stride
            wanted = [STEPS[i : i + length] for i in range(0, 9 - length + 1, int(apart))]
            np.testing.assert_array_equal(found, wanted)

    forms = st.sampled_from([WRITTEN[n] for n in ("as it is", "a tensor", "nested lists")])
    explore(examples, check, length=whole(-1, 11), stride=whole(-1, 11), recording=forms)


@DEPTHS
def test_point_scores(examples):
    def check(steps, length, stride, reduce, per_step):
        sizes = [steps, length, length if stride is None else stride]
        good = all(map(is_whole, sizes)) and length <= steps and reduce in ("mean", "max")
        starts = range(0, steps - length + 1, int(sizes[2])) if good else range(3)
        width = int(length) if good else 2
        scores = uniform(len(starts), width) if per_step else uniform(len(starts))
        found = attempt(lambda: kv.point_scores(scores, steps, length, stride, reduce), good)
        if found is not None:
            each = np.full((len(starts), steps), np.nan)
            for row, start in enumerate(starts):
                each[row, start : start + length] = scores[row]
            covered = ~np.isnan(each).all(0)
            np.testing.assert_array_equal(np.isnan(found), ~covered)
            wanted = {"mean": np.nanmean, "max": np.nanmax}[reduce](each[:, covered], axis=0)
            np.testing.assert_allclose(found[covered], wanted, rtol=1e-6)

    numbers = {"steps": whole(1, 12, SMALL), "length": whole(1, 5), "stride": whole(1, 5)}
    reduce = st.one_of(st.sampled_from(["mean", "max"]), st.sampled_from(["sum", None, 3, ["max"]]))
    explore(examples, check, **numbers, reduce=reduce, per_step=st.booleans())


@DEPTHS
def test_with_mask(examples):
    def check(numbers, shape, masked):
        x = np.resize(numbers, shape).astype("float64")
        good = len(shape) == 3 and not np.isinf(x).any() and masked in (True, "features")
        found = attempt(lambda: kv.with_mask(x.tolist() if x.size else x, masked), good)
        if found is not None:
            present = ~np.isnan(x)
            np.testing.assert_allclose(found[0], np.where(present, x, 0), rtol=1e-6)
            np.testing.assert_array_equal(found[1], present.all(2) if masked is True else present)

    number = st.sampled_from([0.0, 1.5, -2.0, NAN, NAN, INFINITY])
    numbers = st.lists(number, min_size=1, max_size=6)
    shapes = st.sampled_from([(2, 3, 2), (1, 1, 1), (2, 3), (6,), (1, 2, 1, 1)])
    masked = st.sampled_from([True, True, "features", "features", False, None, 1, "steps", ["a"]])
    explore(examples, check, numbers=numbers, shape=shapes, masked=masked)


# Samplers.


@pytest.fixture(scope="module")
def autoencoder():
    return linear.autoencoder()


def codes_of(model, x):
    encoder, bias, _, _ = values(model.trainable_variables)
    return x.astype("float64") @ encoder + bias


def assert_fits(sampler, codes, components, covariance):
    """After each step of the algorithm, the mean of the mixture is that of the codes."""
    size = codes.shape[1]
    factors = (components, size, size) if covariance == "full" else (components, size)
    assert sampler.factors.shape == factors and sampler.means.shape == (components, size)
    mean = np.exp(sampler.log_weights) @ sampler.means
    np.testing.assert_allclose(mean, codes.mean(0), rtol=1e-4, atol=1e-5)


MIXTURES = {
    "components": whole(0, 4),
    "covariance": words("full", "diag"),
    "seed": st.one_of(st.sampled_from([0, 3, 2**32 - 1, None]), whole(-1, 5)),
}


def is_mixture(components, covariance, seed, rows=linear.ROWS):
    good = is_whole(components) and components <= rows
    good = good and isinstance(covariance, str) and covariance in ("full", "diag")
    return good and (seed is None or (is_whole(seed, 0) and seed < 2**32))


@DEPTHS
@pytest.mark.filterwarnings("ignore:.*converge")
def test_fit_sampler(autoencoder, examples):
    def check(components, covariance, seed, batch_size):
        good = is_mixture(components, covariance, seed)
        good = good and (batch_size is None or is_whole(batch_size))
        autoencoder.sampler = None
        options = (components, covariance, seed, batch_size)
        attempt(lambda: autoencoder.fit_sampler(linear.X, *options) or True, good)
        assert (autoencoder.sampler is not None) == good
        if good:
            codes = codes_of(autoencoder, linear.X)
            assert_fits(autoencoder.sampler, codes, components, covariance)

    explore(examples, check, **MIXTURES, batch_size=whole(0, 20, SMALL))


@DEPTHS
@pytest.mark.filterwarnings("ignore:.*converge")
def test_fit_mixture(examples):
    codes = linear.X[:, :2]

    def check(components, covariance, seed, written):
        form = WRITTEN[written]
        right = written not in ("text", "complex", "a list of one", "a tuple of one", "objects")
        wanted = np.asarray(form(codes)) if right else codes
        wanted = wanted.reshape(len(wanted), -1)
        good = is_mixture(components, covariance, seed, len(wanted)) and right
        found = attempt(
            lambda: mixture_sampler.fit_mixture(form(codes), components, covariance, seed), good
        )
        if found is not None:
            assert_fits(found, wanted, components, covariance)

    explore(examples, check, **MIXTURES, written=st.sampled_from(list(WRITTEN)))


@pytest.fixture(scope="module")
def conditional():
    keras.utils.set_random_seed(3)
    networks = kv.nets.conditional(kv.nets.dense, (4,), 2, 3, hidden=(), heads=2)
    return kv.ConditionalVAE(*networks, likelihood="normal", seed=1)


CONDITIONS = [
    *(None, 3, "dog", [], np.ones(2), np.ones((2, 2)), [[1, 2], [3]], np.array(["a", "b", "c"])),
    *(np.array([0, NAN, 1]), {"label": 1}, np.ones((2, 3)), np.ones((3, 3), "int8"), [0.5, 0, 1]),
    *([[0, 1, 0], [1, 0, 0]], (1, 0, 0), keras.ops.ones((2, 3)), np.ones((0, 3)), [True, 0, 1]),
]
NUMBERS = "biuf"


@DEPTHS
def test_sample_with_conditions(conditional, examples):
    def check(count, seed, temperature, condition):
        rows = condition_rows(condition, count)
        good = rows is not None and is_real(temperature) and 0 <= temperature
        good = good and (seed is None or (is_whole(seed, 0) and seed < 2**32))
        found = attempt(lambda: conditional.sample(count, seed, temperature, condition), good)
        if found is not None:
            codes = np.zeros((len(rows), 2), "float32")
            if temperature:
                codes = array(conditional.sample_codes(len(rows), seed or 0, temperature))
            if not temperature or seed is not None:
                wanted = array(conditional.decode([codes, rows]))
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)

    explore(
        examples,
        check,
        count=st.one_of(st.sampled_from([None, 2, 3]), whole(0, 4, SMALL)),
        seed=whole(-1, 5),
        temperature=reals(0, 0.0, 0.5, 1, -0.5, odd=[v for v in SMALL if v is not INFINITY]),
        condition=st.sampled_from(CONDITIONS),
    )


def condition_rows(condition, count):
    """The conditions of the rows, or None if there are none of them."""
    try:
        found = np.asarray(condition)
    except ValueError:
        return None
    if found.dtype.kind not in NUMBERS or not np.isfinite(found).all():
        return None
    if found.shape == (3,) and (count is None or is_whole(count)):
        return np.repeat(found[None], 1 if count is None else count, 0).astype("float32")
    rows = len(found) if found.ndim else 0
    right = rows and found.shape == (rows, 3) and (count is None or is_whole(count))
    return found.astype("float32") if right and count in (None, rows) else None


# Detectors.


@pytest.fixture(scope="module")
def detector(autoencoder):
    return kv.AnomalyDetector(autoencoder)


def scores_of(model, x):
    encoder, bias, decoder, out = (p.astype("float64") for p in values(model.trainable_variables))
    return (((x @ encoder + bias) @ decoder + out - x) ** 2 + np.log(2 * np.pi)).sum(1) / 2


HELD_OUT = uniform(40, linear.FEATURES, seed=5)


@DEPTHS
def test_fit_threshold(detector, examples):
    scores = np.sort(scores_of(detector.model, HELD_OUT.astype("float64")))

    def check(method, value, level, block_size, batch_size):
        options = {"level": level, "block_size": block_size, "batch_size": batch_size}
        good = is_real(value) and all(v is None or is_whole(v) for v in (block_size, batch_size))
        if method == "quantile":
            good = good and level is None and block_size is None and 0 < value <= 1
        elif method == "tail":
            good = good and block_size is None and is_level(level, value, scores)
        else:
            good = good and level is None and 0 < value < 1
            good = good and 1 / value - 1 <= max(40 // int(block_size or 1), 1) + 1e-6
        detector.threshold = None
        found = attempt(
            lambda: detector.fit_threshold(HELD_OUT, **{method: value}, **options), good
        )
        assert (detector.threshold is None) == (found is None)
        if found is not None and method == "quantile":
            wanted = scores[max(math.ceil(value * 40 - 1e-9), 1) - 1]
            assert found.value == pytest.approx(wanted, rel=1e-4)
        elif found is not None and method != "tail" and block_size in (None, 1):
            place = math.ceil((1 - value) * 41 - 1e-9)
            assert found.value == pytest.approx(scores[max(place, 1) - 1], rel=1e-4)
        elif found is not None:
            assert found.asked == value and found.method == method

    odd = [value for value in ODD if value is not None]
    explore(
        examples,
        check,
        method=st.sampled_from(["quantile", "false_positive_rate", "tail"]),
        value=reals(0.05, 0.1, 0.5, 0.975, 1.0, 0.0, -0.1, 1, np.float32(0.25), odd=odd),
        level=reals(None, None, None, 0.5, 0.7, 0.98, 1.0),
        block_size=st.one_of(st.none(), st.none(), whole(0, 41)),
        batch_size=st.one_of(st.none(), st.sampled_from([7, 64]), st.sampled_from(SMALL)),
    )


def is_level(level, rate, scores):
    level = 0.98 if level is None else level
    if not is_real(level) or not 0 < level < 1 or not 0 < rate < 1 - level:
        return False
    return (scores > np.quantile(scores, level, method="inverted_cdf")).sum() >= 10


SETTINGS = {"likelihood": {"samples", "seed"}, "latent": {"neighbors"}}
DEFAULTS = {"samples": 16, "neighbors": None, "seed": 0}


@DEPTHS
def test_settings_of_a_detector(examples):
    models = [linear.autoencoder(), linear.vae()]

    def check(number, score, samples, neighbors, seed, per):
        given = {"samples": samples, "neighbors": neighbors, "seed": seed}
        known = ("reconstruction", "elbo", "likelihood", "latent")
        good = isinstance(score, str) and score in known[:: 1 if number else 2][: 4 if number else 3]
        good = good and (number or score != "likelihood")
        good = good and is_whole(samples) and is_whole(seed, 0) and seed < 2**32
        good = good and (neighbors is None or is_whole(neighbors))
        unused = set(given) - SETTINGS.get(score if good else "", set())
        good = good and all(given[name] == DEFAULTS[name] for name in unused)
        good = good and per in (None, "example")
        found = attempt(lambda: kv.AnomalyDetector(models[number], score, **given, per=per), good)
        if found is not None:
            assert {name: getattr(found, name) for name in given} == given
            assert found.score_name == score

    explore(
        examples,
        check,
        number=st.sampled_from([0, 1, 1]),
        score=words("reconstruction", "elbo", "likelihood", "latent"),
        samples=st.one_of(st.just(16), st.just(16), whole(0, 20)),
        neighbors=st.one_of(st.none(), st.none(), whole(0, 5)),
        seed=st.one_of(st.just(0), st.just(0), whole(-1, 5)),
        per=st.sampled_from([None, None, None, "example", "step", "row", 3, ["step"]]),
    )


@DEPTHS
def test_predict_and_decisions_of_a_detector(detector, examples):
    def check(rows, written, batch_size, threshold):
        x = HELD_OUT[:rows]
        wrong = ("objects", "text", "complex", "one column less", "one axis more")
        given = WRITTEN[written](x)
        wanted = scores_of(detector.model, (x[1:] if written == "one row less" else x).astype(float))
        good = written not in wrong and (batch_size is None or is_whole(batch_size)) and len(wanted)
        found = attempt_loosely(lambda: detector.predict(given, batch_size=batch_size, verbose=0), good)
        if found is not None:
            np.testing.assert_allclose(found, wanted, rtol=1e-4)
        detector.threshold = None
        right = is_real(threshold) and abs(threshold) < 3e38
        attempt(lambda: setattr(detector, "threshold", threshold) or True, right or threshold is None)
        if right and found is not None:
            flags = detector.is_anomaly(given, batch_size=batch_size)
            np.testing.assert_array_equal(flags, found > np.float32(threshold))

    explore(
        examples,
        check,
        rows=st.sampled_from([1, 2, 5]),
        written=st.sampled_from(["as it is", *WRITTEN]),
        batch_size=st.one_of(st.none(), whole(0, 3, SMALL)),
        threshold=reals(4.0, 4, np.float32(3.5), -1.0, 10**6),
    )


def attempt_loosely(function, good):
    """The result of arguments that may be good in a way of their own, such as lists."""
    try:
        return function()
    except KerasVAEError as error:
        assert is_documented(error), error
        return None


# Exports: what reaches the converter.


@dataclasses.dataclass
class Reached(Exception):
    """What a writer was about to write."""

    names: list[str]
    options: object
    path: object = None


@pytest.fixture
def converters(monkeypatch):
    """Writers that stop where the conversion, which takes seconds, would begin."""

    def litert(model, folder, endpoints, rows, options):
        raise Reached(list(endpoints), options)

    def archive(endpoints, path, batch_size, keep_nan=True):
        if batch_size is None:
            raise Reached(list(endpoints), None)

    monkeypatch.setattr(litert_writer, "best_content", litert)
    monkeypatch.setattr(litert_writer, "write_archive", archive)
    monkeypatch.setattr(saved_model_writer, "write_archive", archive)


def reach(function):
    try:
        function()
    except Reached as reached:
        return reached
    return None


OFFERED = ("reconstruct", "encode", "decode", "score")
ENDPOINTS = [
    *(None, ["decode"], ("score", "encode"), np.array(["decode", "score"]), ["decode"]),
    *("decode", [], ["decode", "decode"], ["sample"], ["Decode"], {"decode"}, {"decode": 1}, 3),
    *([3], [None], [["decode"]], iter(["decode"]), b"decode", ["decode", b"score"]),
]


def wanted_endpoints(names):
    """The names of endpoints in their order, or None if the list is not good."""
    if names is None:
        return list(OFFERED)
    known = isinstance(names, list | tuple | np.ndarray) and len(names)
    names = list(names) if known and all(isinstance(n, str) for n in names) else []
    right = names and set(names) <= set(OFFERED) and len(set(names)) == len(names)
    return names if right else None


@DEPTHS
def test_exports(autoencoder, converters, tmp_path, examples):
    autoencoder.sampler = None
    calibration = linear.X

    def check(format, name, endpoints, options):
        lite = format == "litert"
        names = wanted_endpoints(endpoints)
        good = format in ("tf_saved_model", "litert") if isinstance(format, str) else False
        path = tmp_path / name if isinstance(name, str) else name
        good = good and names is not None and is_target(name, lite)
        good = good and (are_options(**options) if lite else not options)
        call = lambda: autoencoder.export(path, format, endpoints=endpoints, **options)  # noqa: E731
        found = attempt(lambda: reach(call), good)
        if found is not None:
            assert found.names == names
            for key in options.keys() - {"calibration", "labels"}:
                assert getattr(found.options, key) == options[key]
        assert list(tmp_path.iterdir()) == []

    odd = [value for value in ODD if not is_whole(value)]
    each = {
        "quantize": words(None, "float16", "dynamic", "int8", odd=[*odd, "int4"]),
        "calibration": st.sampled_from([calibration, calibration, None, "x", calibration[:, 1:], 3]),
        "batch_size": whole(-1, 4, odd),
        "io": words("float32", "float32", "int8", odd=[*odd, "float16"]),
        "min_psnr": reals(30, 45.5, None, odd=[v for v in odd if not is_real(v)]),
        "labels": st.sampled_from([None, ["a", "b"], "ab", 3, [1, 2]]),
    }
    explore(
        examples,
        check,
        format=st.sampled_from(["litert", "litert", "litert", "tf_saved_model", "onnx", 3, ["a"]]),
        name=st.sampled_from(
            ["m", "m.tflite", "m.tflite", "m.tflite", "m.keras", "m.1", 3, None, b"m", "m\0"]
        ),
        endpoints=st.sampled_from([None, None, ["decode"], ["decode"], *ENDPOINTS]),
        options=st.one_of(
            st.just({}),
            st.just({"quantise": "int8"}),
            *(st.fixed_dictionaries({name: value}) for name, value in each.items()),
            st.fixed_dictionaries({}, optional=each),
        ),
    )


def is_target(name, lite):
    if not isinstance(name, str | pathlib.Path) or "\0" in str(name):
        return False
    suffix = pathlib.Path(name).suffix
    return suffix in ((".tflite", ".1", "") if lite else (".1", ""))


def are_options(
    quantize=None, calibration=None, batch_size=1, io="float32", min_psnr=None, labels=None, **more
):
    right = not more and is_whole(batch_size) and (min_psnr is None or is_real(min_psnr))
    right = right and (quantize is None or isinstance(quantize, str))
    right = right and quantize in (None, "float16", "dynamic", "int8")
    right = right and isinstance(io, str) and io in ("float32", "int8")
    if not right or (io == "int8" and quantize != "int8"):
        return False
    if quantize == "int8" and calibration is None:
        return False
    if calibration is not None and np.shape(calibration) != linear.X.shape:
        return False
    return labels is None or labels == ["a", "b"]
