"""The process that converts: one import of TensorFlow, and a fork for each job."""

import json
import os
import signal

import numpy as np
import pytest

from keras_vae.export.litert import converter, converter_process

pytestmark = pytest.mark.tensorflow

SCRIPT = """
import importlib.util, os, signal, sys, types

sys.modules["tensorflow"] = types.SimpleNamespace(lite=types.SimpleNamespace(TFLiteConverter=None))
spec = importlib.util.spec_from_file_location("converter", {converter!r})
converter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(converter)


def convert(job, calibration):
    print("at work")
    exec(job["work"])
    return f"{{os.getppid()}} {{sorted(calibration)}}".encode()


converter.convert, converter.IDLE = convert, {idle}
sys.exit(converter.serve())
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Runs Python code as a job of a server of its own, whose TensorFlow is an empty module."""

    def run(work="", idle=60):
        script, paths = tmp_path / "server.py", [tmp_path / name for name in ("job", "r.npz", "o")]
        script.write_text(SCRIPT.format(converter=CONVERTER, idle=idle))
        monkeypatch.setattr(converter, "__file__", str(script))
        paths[0].write_text(json.dumps({"work": work}))
        np.savez(paths[1], **{"encode/x": np.zeros(3)})
        code, printed = converter_process.run(*map(str, paths))
        return code, printed, paths[2].read_text() if paths[2].exists() else ""

    yield run
    converter_process._server.cache_clear()


CONVERTER = converter.__file__


def test_one_process_does_all_jobs(job):
    first, second = job(), job()
    assert first == second == (0, "at work\n", first[2])
    server, rows = first[2].split(" ", 1)
    assert int(server) != os.getpid() and rows == "['encode']"


def test_an_error_of_the_converter_is_told_in_its_words(job):
    assert job("raise ValueError('no such op')") == (converter.REFUSED, "at work\n", "no such op")


def test_a_crash_costs_its_own_job_and_no_other(job):
    server = job()[2]
    assert job("os.kill(os.getpid(), signal.SIGSEGV)")[0] == -signal.SIGSEGV
    code, printed, _ = job("sys.exit('out of patience')")
    assert code == 1 and "out of patience" in printed
    assert job()[2] == server


@pytest.mark.parametrize("end", ["idle", "killed"])
def test_a_server_that_has_ended_is_started_again(job, end):
    seconds = 0.2 if end == "idle" else 60
    server = job(idle=seconds)[2]
    process = converter_process._server(os.getpid(), tuple(converter_process._command())).process
    if end == "killed":
        process.kill()
    assert process.wait(20) == (-signal.SIGKILL if end == "killed" else 0)
    code, _, other = job(idle=seconds)
    assert code == 0 and other != server


def test_an_interrupted_job_leaves_no_answer_for_the_next_one(job, monkeypatch):
    job()
    process = converter_process._server(os.getpid(), tuple(converter_process._command())).process

    class Interrupted:
        def readline(self):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process, "stdout", Interrupted())
        with pytest.raises(KeyboardInterrupt):
            job("sys.exit(7)")
    assert job()[0] == 0
