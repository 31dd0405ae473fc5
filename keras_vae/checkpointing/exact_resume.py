"""Exact resume: an interrupted `fit` goes on from a checkpoint and ends with the same bits."""

import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_vae.backend import (
    draw_order_seed,
    has_several_workers,
    random_state,
    set_batch_order,
    set_random_state,
)
from keras_vae.checkpointing import files, state
from keras_vae.checkpointing.callback_group import CallbackGroup
from keras_vae.checkpointing.replay import Replay
from keras_vae.checkpointing.schedule import Position, WriteSchedule
from keras_vae.checkpointing.sigterm import TERMINATED, Termination
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.files import outputs
from keras_vae.validation import arguments, objects

__all__ = ["TERMINATED", "ExactResume", "Position"]


class ExactResume(CallbackGroup):
    """A callback that writes checkpoints, from which an interrupted `fit` goes on exactly.

    Run the same program again: `fit` skips the batches that were trained on, without computing
    anything, then trains on. It also goes on from within an epoch. It restores weights, optimizer,
    step counters, schedules, controllers, codebooks, random generators, running means, the
    history, and the state of the callbacks in `callbacks`. On a CPU, all of them end with the same
    bits as without the interruption; the page Reliability lists the requirements.

    Checkpoints are written atomically with a SHA-256 of their content. A damaged one is renamed,
    with a message, and the one before it is used. After SIGTERM, which spot machines send, a
    checkpoint is written and the process exits with status 75. A second SIGTERM ends it at once;
    so do 30 seconds.

    Example:
        >>> keras.utils.set_random_seed(0)
        >>> model = keras_vae.ConvVAE((28, 28, 1), latent_dim=16, seed=0)
        >>> model.compile("adam")
        >>> stop = keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=5)
        >>> resume = keras_vae.callbacks.ExactResume("run/checkpoints", callbacks=[stop])
        >>> model.fit(x, epochs=10, validation_data=(test,), callbacks=[resume])

    Args:
        folder: Folder of the checkpoints; `fit` creates it.
        callbacks: All other callbacks of the training. Pass them here and not to `fit`, so that
            they do not see the skipped batches. Numbers and arrays among the attributes of each
            are restored, if they have changed in training. For other state, give a callback
            `resume_state()` and `resume_from(state)`.
        minutes: Minutes between two checkpoints; None for no limit. There are fewer if writing
            would take more than 2 percent of the time.
        steps: Training steps between two checkpoints; None for no limit. The end of an epoch is
            written too, if the 2 percent allow it, and the end of the training always.
        keep: Number of checkpoints to keep.
        seekable: True if the data start at `position`, and `fit` gets its epoch as
            `initial_epoch`. If False, the data start at the first epoch and must give the same
            batches in each process. Arrays and `tf.data` do so after
            `keras.utils.set_random_seed`. On PyTorch, each epoch seeds the global generator, which
            orders the batches.
        say: Called with a message about each damaged checkpoint, and about the one that is used.

    Attributes:
        needs_whole_executions: True: `fit` then ends its executions at the end of each epoch.

    Raises:
        ValueError: If a number is out of range. In `fit`: if the checkpoint is of another model or
            of other data, all checkpoints are damaged, or several workers train the model.
        OSError: In `fit`, if a checkpoint cannot be written; those before it are there.
    """

    needs_whole_executions = True

    def __init__(
        self,
        folder: str | Path,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        minutes: float | None = 1.0,
        steps: int | None = None,
        keep: int = 2,
        seekable: bool = False,
        say: Callable[[str], Any] = print,
    ) -> None:
        super().__init__(objects.callbacks(callbacks))
        if minutes is not None and arguments.real("minutes", minutes) <= 0:
            raise UsageError(f"Expected minutes above 0. Received: {minutes!r}.")
        steps = None if steps is None else arguments.integer("steps", steps)
        seekable = arguments.flag("seekable", seekable)
        if seekable and keras.backend.backend() == "torch":
            raise UsageError("Expected seekable=False on PyTorch, where Keras draws the batches.")
        self.folder = arguments.path("folder", folder)
        self.keep, self.say = arguments.integer("keep", keep), objects.function("say", say)
        self.seekable = seekable
        self._termination = Termination()
        self._history: dict[str, dict[str, float]] = {}
        self._means: dict[str, float] = {}
        self._variables: list[Any] = []
        self._snapshot: files.Content | None = None
        self._schedule = WriteSchedule(minutes, steps)

    @functools.cached_property
    def _newest(self) -> tuple[files.Whole | None, dict[Path, str]]:
        return files.newest(self.folder, state.check_form)

    @property
    def _found(self) -> files.Whole | None:
        return self._newest[0]

    @property
    def found(self) -> bool:
        """True if there is a checkpoint to go on from.

        Raises:
            ValueError: If all checkpoints are damaged.
        """
        return self._found is not None

    @property
    def position(self) -> Position:
        """The position of the newest undamaged checkpoint, read at the first use of this object.

        Raises:
            ValueError: If all checkpoints are damaged.
        """
        if self._found is None:
            return Position()
        about = self._found[1][0]
        return Position(about["epoch"], about["step"], about["ended"])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore everything except the running means, which Keras resets after this."""
        if self._variables:
            raise UnavailableError(
                "Expected a new ExactResume for each call of fit. Received: one that was used."
            )
        if has_several_workers(self.model):
            raise UsageError(
                "Expected one process that trains. Received: a model of several workers, which "
                "would write checkpoints at different moments. (Save the model after each epoch, "
                "as keras-vae train does with --strategy multiworker.)"
            )
        outputs.make_folder(self.folder)
        self._at = self.position
        self._quarantine()
        self._replay = Replay(self._at.epoch, self._at.step, draw=not self.seekable)
        self.forward("on_train_begin", logs)
        self._initial = [state.initial_state(other) for other in self.others]
        self._variables, self._order = state.variables(self.model), draw_order_seed()
        if self._found is not None:
            self._restore(*self._found)
            self._schedule.record(self._at, cost=0.0)
        self._termination.listen()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Skip the epoch, or train after a first checkpoint if there is none."""
        if self._replay.begin_epoch(epoch):
            return
        self._at = Position(epoch)
        set_batch_order(self._order, epoch)
        if self._found is None and not self._schedule.has_written:
            self._write(self._capture())  # Then even a start without a seed can be repeated.
        if self._found is not None and epoch == self.position.epoch and self.position.step:
            self._restore_values()  # Keras has just reset the running means.
        self.forward("on_epoch_begin", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Call the other callbacks unless the batch is skipped."""
        if not self._replay.skipping:
            self.forward("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint if one is due."""
        if self._replay.consume_skipped():
            if not self._replay.skipping:
                self._restore_random()
            return
        self.forward("on_train_batch_end", batch, logs)
        self._at, self._means = Position(self._at.epoch, batch + 1), dict(logs or {})
        if self._is_due(batch + 1):
            self._write(self._capture())

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the state before validation, which draws noise and resets the running means."""
        self._snapshot = self._capture()
        if self._is_due(self._at.step):
            self._write(self._snapshot)
        self.forward("on_test_begin", logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state before validation and exit after a SIGTERM."""
        self.forward("on_test_batch_end", batch, logs)
        if self._termination.requested:
            self._write(self._snapshot)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint after all other callbacks."""
        logs = {} if logs is None else logs
        if self._replay.end_epoch(epoch):
            logs.update(self._history.get(str(epoch), {}))
            if epoch + 1 == self.position.epoch:
                self._restore_values()  # Also the running means, if this was the last epoch.
                self.model.stop_training = self.position.ended
            return
        self.forward("on_epoch_end", epoch, logs)
        self._history[str(epoch)] = {name: float(value) for name, value in logs.items()}
        ended = bool(self.model.stop_training)
        self._at = Position(epoch + 1, 0, ended)
        last = ended or epoch + 1 == self.params.get("epochs")
        affordable = self._schedule.affords_write()
        if last or self._termination.requested or affordable:
            self._write(self._capture())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the training step of the model and the handler of SIGTERM."""
        self._replay.stop()
        self._termination.ignore()
        self.forward("on_train_end", logs)

    def _capture(self) -> files.Content:
        """Return the content of a checkpoint of the current state."""
        changed = [state.changes(o, i) for o, i in zip(self.others, self._initial, strict=True)]
        arrays = state.capture(self.model)
        callbacks, more = state.flatten(changed)
        about = {
            **dataclasses.asdict(self._at),
            "means": {name: float(value) for name, value in self._means.items()},
            "history": dict(self._history),
            "order": self._order,
            "steps": self.params.get("steps"),
            "callbacks": [
                [type(o).__name__, c] for o, c in zip(self.others, callbacks, strict=True)
            ],
            "names": state.variable_names(self.model),
        }
        return about, [*arrays, random_state(), *more]

    def _restore(self, path: Path, content: files.Content) -> None:
        about, _ = content
        files.check_training(path, about, self.params, self.class_names())
        self._restore_callbacks()  # First, as they may refuse to go on.
        self._restore_values()
        self._history, self._means = dict(about["history"]), about["means"]
        self._order = about["order"]
        self._replay.start(self.model, self._means)
        self.say(f"Resumed after {about['epoch']} epochs and {about['step']} steps, from {path}.")

    def restore(self, model: keras.Model) -> None:
        """Restore a model and the callbacks from the checkpoint, without training."""
        self._quarantine()
        self.set_model(model)
        if self._found is not None:
            self._restore_values()
            self._restore_callbacks()

    def _restore_callbacks(self) -> None:
        assert self._found is not None
        about, arrays = self._found[1]
        states = state.unflatten(
            [known for _, known in about["callbacks"]], arrays[len(about["names"]) + 1 :]
        )
        for other, known in zip(self.others, states, strict=True):
            state.restore_callback(other, known)

    def _quarantine(self) -> None:
        files.quarantine(self._newest[1], self.say)
        self._newest[1].clear()

    def _is_due(self, step: int) -> bool:
        return self._termination.requested or self._schedule.is_due(self._at.epoch, step)

    def _restore_values(self) -> None:
        assert self._found is not None
        about, arrays = self._found[1]
        state.assign(self.model, about["names"], arrays[: len(about["names"])])

    def _restore_random(self) -> None:
        assert self._found is not None
        about, arrays = self._found[1]
        set_random_state(arrays[len(about["names"])])

    def _write(self, content: files.Content | None) -> None:
        """Write a checkpoint, remove the oldest, and exit after a SIGTERM."""
        assert content is not None
        begin, about = time.monotonic(), content[0]
        path = files.path_of(self.folder, about["epoch"], about["step"])
        files.write(path, *content)
        files.prune(self.folder, self.keep)
        self._schedule.record(self._at, time.monotonic() - begin)
        if self._termination.requested:
            print(f"Terminated. The training goes on from {path}.", file=sys.stderr, flush=True)
            self._termination.leave()
