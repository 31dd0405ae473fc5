"""A model exported once to every format, and one table of requests for all of them."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import keras_vae as kv
from keras_vae.base.endpoint import Endpoint, has_gaps
from keras_vae.export.onnx_files import answers
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model import program
from keras_vae.export.saved_model.writer import served_endpoints
from tests.support import models

Arrays = dict[str, np.ndarray]
Answer = Callable[[str, Arrays], Arrays]
ROWS = 3
# The row that is changed in a request; the others stay valid.
CHANGED = 1


class Artifact:
    """A model and its files, which answer requests: arrays of ROWS rows by the name of the input.

    Attributes:
        model: The Keras model.
        tflite: The float32 .tflite file, with a batch of 1.
        loaded: The SavedModel in the C++ loader.
        onnx: The folder of float32 .onnx files, of any batch size.
        sessions: These files in ONNX Runtime, by endpoint.
        endpoints: What can be asked in every format.
        served: What a server can be asked: pictures as files, too.
        rows: A valid request for each of these.
        runners: The signatures of the .tflite file in LiteRT.
        formats: The formats by name; each takes an endpoint and a request.
    """

    def __init__(self, model: Any, folder: Path, calibration: Any) -> None:
        self.model, self.tflite = model, folder / "model.tflite"
        model.export(self.tflite, format="litert", calibration=calibration)
        self.loaded = cpp_loader.SavedModel(model.export(folder / "saved_model"))
        self.endpoints: dict[str, Endpoint] = model.endpoints()
        self.served = served_endpoints(model, self.endpoints)
        rows = program.example_rows(model, self.served)
        self.rows = {name: {k: a[:ROWS] for k, a in i.items()} for name, i in rows.items()}
        interpreter = Interpreter(model_path=str(self.tflite))
        self.runners = {name: interpreter.get_signature_runner(name) for name in self.endpoints}
        self.onnx = model.export(folder / "onnx", format="onnx", calibration=calibration)
        self.sessions = {
            name: answers.open_session((self.onnx / f"{name}.onnx").read_bytes())
            for name in self.endpoints
        }
        self.formats: dict[str, Answer] = {
            "Keras": self.ask_keras,
            "SavedModel": self.loaded.run,
            "LiteRT": self.ask_litert,
            "ONNX": lambda name, inputs: answers.ask(self.sessions[name], inputs),
        }

    @functools.cached_property
    def usual(self) -> dict[str, Arrays]:
        """The answers of Keras to the valid requests."""
        return {name: self.ask_keras(name, self.rows[name]) for name in self.endpoints}

    def ask_keras(self, name: str, inputs: Arrays) -> Arrays:
        """The answer of the endpoint, eagerly."""
        endpoint = self.endpoints[name]
        tensors = [keras.ops.convert_to_tensor(inputs[spec.name]) for spec in endpoint.inputs]
        return {key: models.array(value) for key, value in endpoint.answer(*tensors).items()}

    def ask_litert(self, name: str, inputs: Arrays) -> Arrays:
        """The answer of the .tflite file, row by row."""
        count = min(len(array) if array.ndim else 0 for array in inputs.values())
        if count == 0:
            return self.runners[name](**inputs)
        rows = [{key: a[i : i + 1] for key, a in inputs.items()} for i in range(count)]
        answers = [{k: np.array(v) for k, v in self.runners[name](**row).items()} for row in rows]
        return {key: np.concatenate([answer[key] for answer in answers]) for key in answers[0]}


@dataclasses.dataclass(frozen=True)
class Case:
    """A model for `Artifact`.

    Attributes:
        id: Name of the test case.
        make: Makes the model.
        x: Examples to calibrate with.
    """

    id: str
    make: Callable[[], Any]
    x: Any


def detector(score: str) -> Callable[[], Any]:
    def make() -> Any:
        options = {"samples": 4} if score == "likelihood" else {}
        model = kv.AnomalyDetector(VAE.trained(), score, **options)
        if score == "latent":
            model.adapt(VAE.x)
        model.fit_threshold(VAE.x, false_positive_rate=0.3)
        # No example has the score of the threshold: rounding would decide.
        model.threshold = kv.anomalies.Threshold(float(np.float32(model.threshold.value) * 1.001))
        return model

    return make


def preprocessed_vae() -> Any:
    """A VAE of raw readings of several units, with gaps."""
    layers = kv.preprocessing.standardize(READINGS)
    model = models.vae(likelihood="normal_per_element", preprocess=layers)()
    model.compile("sgd", **models.FAST)
    for _ in range(2):
        model.train_on_batch(READINGS)
    return model


def preprocessed_detector() -> Any:
    model = kv.AnomalyDetector(preprocessed_vae(), "elbo")
    model.fit_threshold(READINGS, false_positive_rate=0.3)
    model.threshold = kv.anomalies.Threshold(float(np.float32(model.threshold.value) * 1.001))
    return model


def rescaled_conv_vae() -> Any:
    """A VAE of images whose pixels run from 0 to 255."""
    layer = keras.layers.Rescaling(1 / 255)
    sizes: Any = {"latent_dim": 2, "filters": (2, 3), "hidden": 4}
    model = kv.ConvVAE(models.IMAGE, preprocess=layer, **sizes, seed=1)
    model.compile("sgd", **models.FAST)
    model.train_on_batch(PIXELS)
    return model


def with_prior(name: str, prior: str) -> Callable[[], Any]:
    """A model with a prior of classes, whose codes are drawn in the file."""

    def make() -> Any:
        case = next(case for case in models.CASES if case.id == name)
        model = case.trained()
        sizes: Any = {"width": 8, "blocks": 1, "verbose": 0}
        labels = np.arange(len(case.x)) % 2
        if prior not in VECTORS:
            sizes |= {"heads": 2, "guidance": 1.5}
        if prior in ("masked", "flow"):
            sizes["rounds"] = 3
        model.fit_prior(case.x, labels, prior, epochs=30, batch_size=4, **sizes)
        return model

    return make


def readings() -> np.ndarray:
    x = models.uniform(models.ROWS, *models.FEATURES)
    x = (x * [1, 10, 0.1, 2, 5, 100] + [20, 1013, 0, -3, 7, 4000]).astype("float32")
    x[::3, 1] = x[1::4, 5] = np.nan
    return x


READINGS = readings()
PIXELS = np.round(255 * models.IMAGES)
VAE = next(case for case in models.CASES if case.id == "vae_bernoulli")
OTHERS = [case for case in models.CASES if case.id in ("sparse_l1", "mixture_vae")]
INTEGERS = ("autoregressive", "masked")  # Priors of integer codes.
VECTORS = ("maf", "two_stage")  # Those that read a code as one vector.
# One of each class, what encodes in another way, and a detector for each score.
CASES = [
    *(Case(case.id, case.trained, case.x) for case in (*models.ONE_OF_EACH, *OTHERS)),
    *(Case(f"detector_{s}", detector(s), VAE.x) for s in kv.anomalies.detector.SCORES),
    *(Case(f"prior_{p}", with_prior("vq_vae", p), models.IMAGES) for p in INTEGERS),
    *(Case(f"prior_{p}", with_prior("vae_bernoulli", p), VAE.x) for p in ("flow", *VECTORS)),
    Case("preprocessed_vae", preprocessed_vae, READINGS),
    Case("detector_preprocessed", preprocessed_detector, READINGS),
    Case("rescaled_conv_vae", rescaled_conv_vae, PIXELS),
]


def is_whole(spec: keras.InputSpec) -> bool:
    """Whether an input takes some whole numbers only: tokens, codes, or a mask."""
    return hasattr(spec, "count")


def requests(
    artifact: Artifact, *tables: Callable[..., Iterator], served: bool = False
) -> Iterator[tuple]:
    """Endpoint, description, and inputs with one of them changed, for each row of the tables."""
    for name, endpoint in (artifact.served if served else artifact.endpoints).items():
        good = artifact.rows[name]
        for spec, table in itertools.product(endpoint.inputs, tables):
            for why, changed in table(spec, good[spec.name]):
                yield name, f"{name}, {spec.name}: {why}", {**good, spec.name: changed}


def with_value(good: np.ndarray, value: Any, everywhere: bool = False) -> np.ndarray:
    """Rows with a value in the last place of the changed row, or in all of its places."""
    rows = good.copy().reshape(len(good), -1)
    rows[CHANGED, 0 if everywhere else -1 :] = value
    return rows.reshape(good.shape)


def not_finite(spec: keras.InputSpec, good: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Rows that every format answers with NaN, and with a fixed integer where it gives those."""
    if good.dtype == "float32" and not is_whole(spec):
        for value, everywhere in itertools.product((np.nan, np.inf, -np.inf), (False, True)):
            if np.isnan(value) and not everywhere and has_gaps(spec):
                continue
            yield f"{value}, everywhere: {everywhere}", with_value(good, value, everywhere)


def valid(spec: keras.InputSpec, good: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Rows that every format answers as Keras does."""
    yield "as it is", good
    if is_whole(spec):
        yield "the largest number", with_value(good, spec.count - 1)
    elif good.dtype == "int32":
        for value in (0, -1, 2**31 - 1, -(2**31)):
            yield f"the seed {value}", with_value(good, value)
    else:
        gap = [np.nan] if has_gaps(spec) else []
        others = (1e-40, np.float32(1) - np.finfo("float32").epsneg)
        if (np.nan_to_num(good.reshape(len(good), -1)[:, -1]) % 1 == 0).all():
            others = (1.0, 70.0)  # Such as counts, which are whole.
        for value in (-0.0, *others, *gap):
            yield str(value), with_value(good, value)


def extremes(spec: keras.InputSpec, good: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Finite numbers far outside of data and codes."""
    if good.dtype == "float32" and not is_whole(spec):
        for value in EXTREMES:
            yield f"{value:g}", with_value(good, value)


EXTREMES = tuple(s * v for v in (1e3, 1e10, 1e18, 1e26, 1e38) for s in (1, -1))


def wrong_numbers(spec: keras.InputSpec, good: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Other numbers than an input of whole numbers takes."""
    if is_whole(spec):
        some = (-1, spec.count, 2**31 - 1) if good.dtype == "int32" else (0.5, -1, 2, np.nan)
        for value in some:
            yield f"the number {value}", with_value(good, value)
        if spec.some:
            yield "a row of zeros", with_value(good, 0, everywhere=True)


def wrong_shapes(spec: keras.InputSpec, good: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of other shapes than an input has."""
    yield "scalar", np.array(good.reshape(-1)[0], good.dtype)
    yield "one axis more", good[..., None]
    if good.ndim > 1:
        yield "empty column", good.reshape(-1)[:0]
        yield "one axis less", good[..., 0]
        yield "one axis", good.reshape(-1)
    for axis in range(1, good.ndim):
        yield f"axis {axis} longer", np.concatenate([good, good.take([0], axis)], axis)
        yield f"axis {axis} shorter", good.take(range(good.shape[axis] - 1), axis)


def fewer_rows(spec: keras.InputSpec, good: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Fewer rows than the other inputs have, which is fine without other inputs."""
    yield "fewer rows", good[:1]
