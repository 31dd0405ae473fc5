"""ONNX exports that are killed, or that meet at one path: a file with its name is a whole one."""

import os
import signal
import subprocess
import sys

import onnx
import pytest

from tests.support import serving

pytestmark = pytest.mark.tensorflow

# Exports, and once the files are converted waits for as many others as are asked for.
WORKER = """
import os, pathlib, signal, sys, time
import keras_vae as kv
from keras_vae.export.onnx_files import writer
from keras_vae.files import atomic, folders

path, endpoints, others, overwrite = sys.argv[1:]
others = int(others)
put = writer.put_files

def meet(*given):
    pathlib.Path(f"ready-{os.getpid()}").touch()
    while len(list(pathlib.Path().glob("ready-*"))) < others:
        time.sleep(0.001)
    return put(*given)

def die(*given):
    os.kill(os.getpid(), signal.SIGKILL)

writer.put_files = meet
if not others:
    folders.flush_to_disk = atomic.flush_to_disk = die
model = kv.load("vae.keras")
try:
    model.export(path, format="onnx", endpoints=endpoints.split(","), overwrite=overwrite == "yes")
except FileExistsError as error:
    sys.exit(f"refused: {error}")
"""
TARGETS = {"vae.onnx": ["decode"], "vae": ["decode", "encode"]}


@pytest.fixture
def place(tmp_path):
    """A folder with a model."""
    model = serving.model("ConvAutoencoder")
    model.save(tmp_path / "vae.keras")
    return tmp_path


def start(place, name, others, overwrite=False):
    arguments = [name, ",".join(TARGETS[name]), str(others), "yes" if overwrite else "no"]
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        cwd=place,
        env=serving.ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_whole(place, name):
    files = [place / name] if name.endswith(".onnx") else sorted((place / name).iterdir())
    assert [onnx.load(file).graph.name for file in files] == TARGETS[name]
    for file in files:
        onnx.checker.check_model(onnx.load(file), full_check=True)
    left = {one for one in os.listdir(place) if not one.startswith("ready-")}
    assert left == {"vae.keras", name}


@pytest.mark.parametrize("name", ["vae"])
def test_a_killed_exporter_leaves_no_file_and_the_next_one_sweeps_up(place, name):
    process = start(place, name, others=0)
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    left = set(os.listdir(place)) - {"vae.keras"}
    assert any(one.startswith(".") for one in left) and name not in left
    serving.model("ConvAutoencoder").export(place / name, "onnx", endpoints=TARGETS[name])
    check_whole(place, name)


@pytest.mark.parametrize(("name", "overwrite"), [("vae.onnx", False), ("vae", True)])
def test_of_two_exporters_at_once_one_writes_and_the_other_is_told(place, name, overwrite):
    if overwrite:
        serving.model("ConvAutoencoder").export(place / name, "onnx", endpoints=TARGETS[name])
    processes = [start(place, name, 2, overwrite) for _ in range(2)]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes == [0, 1] or (overwrite and codes == [0, 0]), errors
    for process, error in zip(processes, errors, strict=True):
        assert not process.returncode or "refused: Expected a path that does not exist" in error
    check_whole(place, name)
