"""What reaches the converter is what was asked for, or the export is refused."""

import dataclasses
import pathlib
import types

import numpy as np
import pytest
from hypothesis import strategies as st

from keras_vae.export.litert import writer as litert_writer
from keras_vae.export.onnx_files import building
from keras_vae.export.saved_model import writer as saved_model_writer
from tests.support import linear
from tests.support.borders import (
    DEPTHS,
    ODD,
    attempt,
    explore,
    is_real,
    is_whole,
    reals,
    whole,
    words,
)

pytestmark = pytest.mark.tensorflow


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

    def onnx(model, endpoints, converted, rows, quantize, batch_size, min_psnr, form):
        given = {"quantize": quantize, "batch_size": batch_size, "min_psnr": min_psnr}
        assert converted == batch_size
        raise Reached(list(endpoints), types.SimpleNamespace(**given))

    monkeypatch.setattr(litert_writer, "best_content", litert)
    monkeypatch.setattr(building, "best_files", onnx)
    monkeypatch.setattr(building.conversion, "convert_all", lambda m, e, size, keep_nan: size)
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
def test_the_converter_gets_what_was_asked_for(converters, tmp_path, examples):
    autoencoder = linear.autoencoder()
    calibration = linear.X

    def check(format, name, endpoints, options):
        names = wanted_endpoints(endpoints)
        good = format in SUFFIXES if isinstance(format, str) else False
        path = tmp_path / name if isinstance(name, str) else name
        good = good and names is not None and is_target(name, SUFFIXES[format])
        good = good and TAKES[format](**options)
        if good and format == "onnx" and len(names) == 1:  # one endpoint is one file
            good = path.suffix == ".onnx"
        call = lambda: autoencoder.export(path, format, endpoints=endpoints, **options)  # noqa: E731
        found = attempt(lambda: reach(call), good)
        if found is not None:
            assert found.names == names
            for key in options.keys() - {"calibration", "labels"}:
                assert getattr(found.options, key) == options[key]
        assert list(tmp_path.iterdir()) == []

    odd = [value for value in ODD if not is_whole(value)]
    each = {
        "quantize": words(None, "float16", "dynamic", "int8", "int16x8", odd=[*odd, "int4"]),
        "calibration": st.sampled_from(
            [calibration, calibration, None, "x", calibration[:, 1:], 3]
        ),
        "batch_size": whole(-1, 4, odd),
        "io": words("float32", "float32", "int8", odd=[*odd, "float16"]),
        "min_psnr": reals(30, 45.5, None, odd=[v for v in odd if not is_real(v)]),
        "labels": st.sampled_from([None, ["a", "b"], "ab", 3, [1, 2]]),
    }
    explore(
        examples,
        check,
        format=st.sampled_from(
            ["litert"] * 3 + ["onnx", "onnx", "openvino", "tf_saved_model", "coreml", 3, ["a"]]
        ),
        name=st.sampled_from(
            ["m", "m", "m.tflite", "m.tflite", "m.onnx", "m.keras", "m.1", 3, None, b"m", "m\0"]
        ),
        endpoints=st.sampled_from([None, None, ["decode"], ["decode"], *ENDPOINTS]),
        options=st.one_of(
            st.just({}),
            st.just({"quantise": "int8"}),
            *(st.fixed_dictionaries({name: value}) for name, value in each.items()),
            st.fixed_dictionaries({}, optional=each),
        ),
    )


def is_target(name, own):
    if not isinstance(name, str | pathlib.Path) or "\0" in str(name):
        return False
    suffix = pathlib.Path(name).suffix
    return suffix in (own, ".1", "")


SUFFIXES = {"tf_saved_model": "", "litert": ".tflite", "onnx": ".onnx", "openvino": ""}


def are_openvino_options(batch_size=None, **more):
    """Those of LiteRT, but for the type of inputs, and any batch size."""
    size = 1 if batch_size is None else batch_size
    wide = isinstance(more.get("quantize"), str) and more["quantize"] == "int16x8"
    return "io" not in more and not wide and are_options(batch_size=size, **more)


def are_onnx_options(quantize=None, **more):
    half = isinstance(quantize, str) and quantize == "float16"
    return not half and are_openvino_options(quantize=quantize, **more)


def are_options(
    quantize=None, calibration=None, batch_size=1, io="float32", min_psnr=None, labels=None, **more
):
    right = not more and is_whole(batch_size) and (min_psnr is None or is_real(min_psnr))
    right = right and (quantize is None or isinstance(quantize, str))
    right = right and quantize in (None, "float16", "dynamic", "int8", "int16x8")
    right = right and isinstance(io, str) and io in ("float32", "int8")
    if not right or (io == "int8" and quantize != "int8"):
        return False
    if quantize in ("int8", "int16x8") and calibration is None:
        return False
    if calibration is not None and np.shape(calibration) != linear.X.shape:
        return False
    return labels is None or labels == ["a", "b"]


TAKES = {
    "tf_saved_model": lambda **options: not options,
    "litert": are_options,
    "onnx": are_onnx_options,
    "openvino": are_openvino_options,
}
