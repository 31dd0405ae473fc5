"""Several devices, or several machines, that train one model; the run directory is the chief's."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from training import cluster, folders
from training.cli import TERMINATED
from training.options import Settings

LOST = (
    "Error: Expected all workers to go on. Received, in {name}: {reason}. (Start all of them again "
    "with --resume, which goes on after the last whole epoch.)"
)
WATCHER = """
import os, select, signal, sys
timeout, process, message = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
while select.select([0], [], [], timeout)[0]:
    if not os.read(0, 4096):
        sys.exit()
print(message, file=sys.stderr, flush=True)
os.kill(process, signal.SIGKILL)
"""


@dataclass
class Workers:
    """Who trains.

    Attributes:
        strategy: Of `tf.distribute`; None for one device.
        index: Which of the workers this process is.
        count: How many there are.
        watch: What ends this process when the others are gone.
    """

    strategy: Any = None
    index: int = 0
    count: int = 1
    watch: "Watch | None" = None
    scratch: list[Any] = field(default_factory=list)

    @property
    def replicas(self) -> int:
        """On how many devices a batch is trained."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run directory."""
        return self.index == 0

    def scope(self) -> Any:
        """In which models are made and compiled."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    def check_batch(self, batch_size: int) -> None:
        """Raises ValueError unless replicas get equal parts of a batch."""
        if batch_size % self.replicas:
            raise ValueError(
                f"Expected a batch size that the {self.replicas} replicas divide. Received: "
                f"{batch_size}. (Give --batch-size.)"
            )

    def own(self, settings: Settings) -> Settings:
        """For all but the chief, the same in a folder of their own, with what the run has by now.

        They do all that the chief does, so that none waits for another, and it is thrown away.
        """
        if self.is_chief:
            return settings
        self.scratch.append(tempfile.TemporaryDirectory(prefix="keras-vae-worker-"))
        folder = Path(self.scratch[-1].name) / "run"
        if settings.resume:
            folder.mkdir()
            for path in Path(str(settings.out)).iterdir():
                if path.is_file() and not path.name.startswith("."):
                    shutil.copyfile(path, folder / path.name)
        return replace(settings, out=str(folder))


def check(settings: Settings) -> None:
    """Raises ValueError if the environment has not what the strategy needs."""
    if settings.strategy == "multiworker":
        cluster.find()
        if (settings.steps_per_execution or 1) > 1:
            raise ValueError(
                "Expected --steps-per-execution 1 among several workers, where Keras cannot do "
                f"more at once. Received: {settings.steps_per_execution}."
            )


@contextlib.contextmanager
def joined(settings: Settings) -> Iterator[Workers]:
    """Waits for the other workers, and is one of them inside.

    An error of TensorFlow inside means that others are gone: the process ends with a message and
    exit code 75. After `settings.worker_timeout` seconds without a step it is killed, with one.
    """
    if settings.strategy == "none":
        yield Workers()
    elif settings.strategy == "mirrored":
        yield Workers(_mirrored())
    else:
        yield from _among_workers(settings.worker_timeout)


def _mirrored() -> Any:
    """All GPUs, or all logical processors where somebody has made more than one."""
    import tensorflow as tf

    for kind in ("GPU", "CPU"):
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy(devices)
    raise ValueError(
        "Expected at least 2 GPUs for --strategy mirrored. Received: "
        f"{len(tf.config.list_logical_devices('GPU'))}."
    )


def _among_workers(timeout: float) -> Iterator[Workers]:
    import tensorflow as tf

    found = cluster.find() or cluster.of_slurm()
    os.environ.setdefault(cluster.CONFIG, found.as_config())
    watch = Watch(timeout, f"worker {found.index} of {len(found.hosts)}")
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        workers = Workers(strategy, found.index, len(found.hosts), watch)
        print(f"Worker {found.index} of {len(found.hosts)}, {workers.replicas} replicas in all")
        yield workers
    except tf.errors.OpError as error:
        watch.leave(f"{type(error).__name__}: {_reason(str(error))}")
    finally:
        watch.stop()


def _reason(text: str) -> str:
    """What TensorFlow says in the end, after the places in the program and before the node."""
    about = ("File ", "[[{{", "Detected at", "Graph execution error")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((x for x in lines[::-1] if not x.startswith(about)), text)[:500]


class Watch:
    """Ends this process if it does not say for a while that it goes on.

    A worker whose peers are gone may wait in C++ for ever, with Python's lock in its hand: neither
    an exception nor a thread of its own can reach it, so another process watches.

    Args:
        timeout: Seconds.
        name: What messages call this process.
    """

    def __init__(self, timeout: float, name: str) -> None:
        self.name = name
        message = LOST.format(name=name, reason=f"no step for {timeout:g} seconds")
        words = [sys.executable, "-I", "-S", "-c", WATCHER, str(timeout), str(os.getpid()), message]
        self._watcher = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)

    def beat(self) -> None:
        """It goes on."""
        assert self._watcher.stdin is not None
        os.write(self._watcher.stdin.fileno(), b".")

    def stop(self) -> None:
        """Watch no more."""
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait()

    def leave(self, reason: str) -> None:
        """End the process at once, without waiting for others as TensorFlow does."""
        print(LOST.format(name=self.name, reason=reason), file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        self.stop()
        os._exit(TERMINATED)


@dataclass
class WholeEpochs:
    """What stands for `ExactResume` among several workers: a run goes on after a whole epoch.

    A checkpoint by time would be written by one worker while the others train, and the values of
    running means are in all of them.

    Attributes:
        folder: Where checkpoints would be.
        callbacks: All callbacks of the run.
    """

    folder: Path
    callbacks: list[Any]
    found = False

    @property
    def position(self) -> Any:
        """The start; `training.loop.start` takes that of model.keras where there is one."""
        from keras_vae.resuming import Position

        return Position()

    def restore(self, model: Any) -> None:
        """Nothing: the model is that of the last epoch."""


def beating(watch: Watch) -> Any:
    """A callback that tells `watch` of each step."""
    import keras

    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: watch.beat(),
        on_epoch_begin=lambda epoch, logs: watch.beat(),
        on_epoch_end=lambda epoch, logs: watch.beat(),
        on_train_batch_end=lambda batch, logs: watch.beat(),
        on_test_batch_end=lambda batch, logs: watch.beat(),
    )


def runs_alone(workers: Workers, folder: Path) -> Any:
    """`training.folders.alone`; a folder of a worker's own needs no lock."""
    return folders.alone(folder) if workers.is_chief else contextlib.nullcontext()
