"""The converter in a process of its own for each job, without importing TensorFlow for each.

On Linux a server imports TensorFlow, for 4 s, and forks for every job: a crash takes the fork with
it and nothing else. Elsewhere a fork is not safe after such an import, and each job imports anew.
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

from keras_vae.exporting import converter

_one_at_a_time = threading.Lock()


def run(job: str, rows: str, output: str) -> tuple[int, str]:
    """Convert as `converter.main`.

    Args:
        job: Path of the job.
        rows: Path of the calibration data.
        output: Path of the result, in a folder that exists.

    Returns:
        The exit code, or less the number of the signal that ended it, and what it printed.
    """
    if sys.platform != "linux":
        command = [*_command(), job, rows, output]
        process = subprocess.run(command, env=_environment(), capture_output=True, text=True)
        return process.returncode, process.stderr
    with _one_at_a_time:
        return _run_in_a_fork(job, rows, output)


def _run_in_a_fork(*paths: str) -> tuple[int, str]:
    printed = Path(paths[-1]).with_name("printed")
    for _ in range(2):  # A server ends when nobody asks for long.
        server = _server(os.getpid(), tuple(_command()))
        try:
            code = server.ask(*paths, str(printed))
        except BaseException:  # Interrupted: the answer would be taken for that of the next job.
            server.process.kill()
            _server.cache_clear()
            raise
        if code is not None:
            return code, printed.read_text(encoding="utf-8", errors="replace")
        _server.cache_clear()
    return server.process.wait() or 1, server.printed()


class _Server:
    """`converter.serve` in a process, which ends with this one."""

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
        """The exit code of a job, or None if the server has ended."""
        assert self.process.stdin and self.process.stdout
        try:
            print(json.dumps(paths), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return None
        answer = self.process.stdout.readline()
        return int(answer) if answer else None

    def printed(self) -> str:
        """What it wrote to its standard error."""
        self.output.seek(0)
        return self.output.read()

    def close(self) -> None:
        """End it with the process that started it, once the job that it has is done."""
        if self.owner == os.getpid():
            self.process.communicate()


@functools.cache
def _server(owner: int, command: tuple[str, ...]) -> _Server:
    """The server of this process, which is none of a process that was forked from it."""
    return _Server(owner, command)


def _command() -> list[str]:
    # -P: the folder of the script is not a place to import from.
    return [sys.executable, "-P", converter.__file__]


def _environment() -> dict[str, str]:
    """This process's, where TensorFlow is found the same way and sees no accelerator."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
