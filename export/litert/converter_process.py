"""A server process that converts, so that TensorFlow is imported once for all jobs.

On Linux the server imports TensorFlow, which takes 4 s, and forks for every job. A crash ends the
fork only. On other systems a fork is not safe after such an import, so each job imports it again.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from keras_vae.export.litert import converter

_one_at_a_time = threading.Lock()


def run(job: str, rows: str, output: str) -> tuple[int, str]:
    """Run `converter.main` in another process.

    Args:
        job: Path of the job.
        rows: Path of the calibration data.
        output: Path of the result, in a folder that exists.

    Returns:
        The exit code, or minus the number of the signal that ended it, and the printed text.
    """
    if sys.platform != "linux":
        command = [*_command(), job, rows, output]
        process = subprocess.run(command, env=_environment(), capture_output=True, text=True)
        return process.returncode, process.stderr
    with _one_at_a_time:
        return _run_in_fork(job, rows, output)


def _run_in_fork(*paths: str) -> tuple[int, str]:
    printed = Path(paths[-1]).with_name("printed")
    for _ in range(2):  # A server that was idle for long has ended.
        server = _server(os.getpid(), tuple(_command()))
        try:
            code = server.ask(*paths, str(printed))
        except BaseException:  # Interrupted: the next job would read this job's answer.
            server.process.kill()
            _server.cache_clear()
            raise
        if code is not None:
            return code, printed.read_text(encoding="utf-8", errors="replace")
        _server.cache_clear()
    return server.process.wait() or 1, server.read_stderr()


class _Server:
    """A process that runs `converter.serve` and ends with this one."""

    def __init__(self, owner: int, command: tuple[str, ...]):
        self.owner = owner
        self.output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [*command, "--serve"],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.output,
            text=True,
        )
        atexit.register(self.close)

    def ask(self, *paths: str) -> int | None:
        """Return the exit code of a job, or None if the server has ended."""
        assert self.process.stdin and self.process.stdout
        try:
            print(json.dumps(paths), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return None
        answer = self.process.stdout.readline()
        return int(answer) if answer else None

    def read_stderr(self) -> str:
        """Return the standard error of the server."""
        self.output.seek(0)
        return self.output.read()

    def close(self) -> None:
        """End the server with the process that started it, after its current job."""
        if self.owner == os.getpid():
            self.process.communicate()


@functools.cache
def _server(owner: int, command: tuple[str, ...]) -> _Server:
    """Return the server of this process; a forked process gets one of its own."""
    return _Server(owner, command)


def _command() -> list[str]:
    # -P: the folder of the script is not a place to import from.
    return [sys.executable, "-P", converter.__file__]


def _environment() -> dict[str, str]:
    """Return the environment of the converter: the same packages, and no accelerator."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
