"""Two workers with one processor each, compared with one worker that has both.

    python -m benchmarks.two_workers

The same recipe is trained with the same global batch in both ways, in turn, and the epochs after
the first are compared. The result is the cost of messages between workers, not the gain of two
machines.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.training.runs import run_directory


def two_workers(
    recipe: Annotated[str, tyro.conf.Positional] = "conv_vae_fashion_mnist",
    limit: int = 8192,
    batch_size: int = 128,
    epochs: int = 4,
    rounds: int = 3,
) -> int:
    """Compare two workers, with one processor each, with one that has both.

    Args:
        recipe: The recipe to train.
        limit: Use only the first `limit` training and test images.
        batch_size: Images per step, of all workers together.
        epochs: Number of epochs; the first does not count.
        rounds: Number of trainings in each way.
    """
    if epochs < 2:
        raise UsageError(f"Expected --epochs of at least 2. Received: {epochs}.")
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise UsageError("Expected two processors, one for each worker. Received: one.")
    words = [recipe, "--limit", limit, "--batch-size", batch_size, "--epochs", epochs]
    found: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for workers in (1, 2) if number % 2 == 0 else (2, 1):
            with tempfile.TemporaryDirectory() as folder:
                seconds = _train([str(word) for word in words], workers, cores, Path(folder))
            print(f"{workers} worker(s): {seconds:.2f} s an epoch", flush=True)
            found[workers].append(seconds)
    ratios = [one / two for one, two in zip(found[1], found[2], strict=True)]
    print(
        f"Two workers are {statistics.median(ratios):.2f} times as fast as one "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {rounds} rounds."
    )
    return 0


def epoch_seconds(metrics: str) -> float:
    """Return the median time of an epoch, without the first, from the lines of a metrics.jsonl."""
    epochs = [json.loads(line) for line in metrics.splitlines()]
    return statistics.median(epoch["seconds"] for epoch in epochs[1:])


def _train(words: list[str], workers: int, cores: list[int], folder: Path) -> float:
    """Train on `cores`, divided among the workers, and return the median time of an epoch."""
    command = [sys.executable, "-m", "training.train", *words, "--out", str(folder / "run")]
    if workers > 1:
        command += ["--strategy", "multiworker"]
    hosts = [f"localhost:{port}" for port in _free_ports(workers)]
    each = len(cores) // workers
    started = []
    for index in range(workers):
        place = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        words = ["taskset", "-c", ",".join(map(str, cores[index * each :][:each])), *command]
        environment = {"TF_CONFIG": json.dumps(place)} if workers > 1 else {}
        with (folder / f"{index}.log").open("w") as log:
            started.append(
                subprocess.Popen(words, env={**os.environ, **environment}, stdout=log, stderr=log)
            )
    codes = [process.wait() for process in started]
    if any(codes):
        logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
        raise UnavailableError(
            f"Expected trainings that succeed. Received: exit codes {codes}.\n{logs}"
        )
    return epoch_seconds((folder / "run" / run_directory.METRICS).read_text())


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    cli.main(two_workers)
