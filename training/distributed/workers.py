"""Training of one model on several devices or machines. The chief writes the run directory."""

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

from keras_vae.cli import TERMINATED
from keras_vae.errors import UsageError
from keras_vae.training.distributed import cluster
from keras_vae.training.runs import folder_lock
from keras_vae.training.train_options import Settings
from keras_vae.typing import LatentModel

LOST = (
    "Error: Expected all workers to go on. Received, in {name}: {reason}. (Start all of them again "
    "with --resume, which goes on after the last whole epoch.)"
)
WORKER_TIMEOUT = 300.0
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
    """The processes that train together, and the place of this process among them.

    Attributes:
        strategy: A strategy of `tf.distribute`; None for one device.
        index: The number of this process among the workers, from 0.
        count: The number of workers.
        watchdog: The watchdog that ends this process if the others are gone; None for one worker.
        scratch: Temporary folders that live as long as this object.
    """

    strategy: Any = None
    index: int = 0
    count: int = 1
    watchdog: "Watchdog | None" = None
    scratch: list[Any] = field(default_factory=list)

    @property
    def replicas(self) -> int:
        """The number of devices among which a batch is divided."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """True for the process that writes the run directory."""
        return self.index == 0

    def scope(self) -> Any:
        """Return the context in which models are made and compiled."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    def check_batch(self, batch_size: int) -> None:
        """Raise ValueError unless replicas get equal parts of a batch."""
        if batch_size % self.replicas:
            raise UsageError(
                f"Expected a batch size that the {self.replicas} replicas divide. Received: "
                f"{batch_size}. (Give --batch-size.)"
            )

    def with_own_folder(self, settings: Settings) -> Settings:
        """Return the settings with the run directory of this worker.

        All workers but the chief get a temporary copy of the run. They do all that the chief does,
        so that no worker waits for another, and their files are discarded.
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
    """Raise ValueError unless the environment has all that the strategy needs."""
    if settings.strategy == "multiworker":
        cluster.find()
        if (settings.steps_per_execution or 1) > 1:
            raise UsageError(
                "Expected --steps-per-execution 1 among several workers, where Keras cannot do "
                f"more at once. Received: {settings.steps_per_execution}."
            )


@contextlib.contextmanager
def join(settings: Settings) -> Iterator[Workers]:
    """Join the other workers, and yield the group for the block.

    An error of TensorFlow inside the block means that other workers are gone. The process then ends
    with a message and status 75. After `settings.worker_timeout` seconds without a step, 300 by
    default, the process is killed, also with a message.
    """
    if settings.strategy == "none":
        yield Workers()
    elif settings.strategy == "mirrored":
        yield Workers(_mirrored_strategy())
    else:
        yield from _among_workers(settings.worker_timeout or WORKER_TIMEOUT)


def _mirrored_strategy() -> Any:
    """Return a strategy for all GPUs, or for all logical processors if there are several."""
    import tensorflow as tf

    for kind in ("GPU", "CPU"):
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy(devices)
    raise UsageError(
        "Expected at least 2 GPUs for --strategy mirrored. Received: "
        f"{len(tf.config.list_logical_devices('GPU'))}."
    )


def _among_workers(timeout: float) -> Iterator[Workers]:
    import tensorflow as tf

    found = cluster.find() or cluster.of_slurm()
    os.environ.setdefault(cluster.CONFIG, found.as_config())
    watchdog = Watchdog(timeout, f"worker {found.index} of {len(found.hosts)}")
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        workers = Workers(strategy, found.index, len(found.hosts), watchdog)
        print(f"Worker {found.index} of {len(found.hosts)}, {workers.replicas} replicas in all")
        yield workers
    except tf.errors.OpError as error:
        watchdog.end_process(f"{type(error).__name__}: {_reason(str(error))}")
    finally:
        watchdog.stop()


def _reason(text: str) -> str:
    """Return the sentence in an error of TensorFlow that names the reason."""
    about = ("File ", "[[{{", "Detected at", "Graph execution error")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((x for x in lines[::-1] if not x.startswith(about)), text)[:500]


class Watchdog:
    """A watchdog that ends this process if it gives no sign of progress for a while.

    A worker whose peers are gone may wait in C++ for ever and hold the lock of Python. Then neither
    an exception nor a thread can reach it, so the watchdog is another process.

    Args:
        timeout: Seconds without a heartbeat after which this process is killed.
        name: The name of this process in messages.
    """

    def __init__(self, timeout: float, name: str) -> None:
        self.name = name
        message = LOST.format(name=name, reason=f"no step for {timeout:g} seconds")
        words = [sys.executable, "-I", "-S", "-c", WATCHER, str(timeout), str(os.getpid()), message]
        self._watcher = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)

    def heartbeat(self) -> None:
        """Tell the watchdog that this process makes progress."""
        assert self._watcher.stdin is not None
        os.write(self._watcher.stdin.fileno(), b".")

    def stop(self) -> None:
        """Stop the watchdog."""
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait()

    def end_process(self, reason: str) -> None:
        """End this process at once, without a wait for the other workers."""
        print(LOST.format(name=self.name, reason=reason), file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        self.stop()
        os._exit(TERMINATED)


@dataclass
class EpochCheckpoint:
    """The counterpart of `ExactResume` for several workers: a run resumes after a whole epoch.

    It writes no checkpoints within an epoch: one worker would write while the others train, and
    running means have parts in all workers. The run resumes from model.keras.

    Attributes:
        folder: The folder of checkpoints, which stays empty.
        fit_callbacks: All callbacks for `fit`.
    """

    folder: Path
    fit_callbacks: list[Any]
    found = False

    @property
    def position(self) -> Any:
        """The start of the training. `session.start` prefers that of model.keras."""
        from keras_vae.checkpointing.exact_resume import Position

        return Position()

    def restore(self, model: LatentModel) -> None:
        """Do nothing: the model is that of the last epoch."""


def heartbeat_callback(watchdog: Watchdog) -> Any:
    """Return a callback that sends a heartbeat to `watchdog` at each step."""
    import keras

    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: watchdog.heartbeat(),
        on_epoch_begin=lambda epoch, logs: watchdog.heartbeat(),
        on_epoch_end=lambda epoch, logs: watchdog.heartbeat(),
        on_train_batch_end=lambda batch, logs: watchdog.heartbeat(),
        on_test_batch_end=lambda batch, logs: watchdog.heartbeat(),
    )


def lock_run(workers: Workers, folder: Path) -> Any:
    """Return the lock of a run directory. A worker's own copy needs none."""
    return folder_lock.lock(folder) if workers.is_chief else contextlib.nullcontext()
