"""Training that can be killed at any moment and ends as if it had not been."""

import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_vae import checkpoints, state
from keras_vae.replay import Replay
from keras_vae.steps import (
    has_several_workers,
    order_seed,
    random_state,
    seed_order,
    set_random_state,
)
from keras_vae.termination import TERMINATED, Termination

__all__ = ["TERMINATED", "ExactResume", "Position"]

# Writing takes at most this part of the time, however large the model.
GREATEST_COST = 0.02


@dataclasses.dataclass(frozen=True)
class Position:
    """How far a training has come.

    Attributes:
        epoch: Whole epochs, with validation and callbacks.
        step: Training steps of the next one.
        ended: Whether a callback has ended the training, as early stopping does.
    """

    epoch: int = 0
    step: int = 0
    ended: bool = False


class ExactResume(keras.callbacks.Callback):
    """Checkpoints from which an interrupted `fit` goes on to the bit, also within an epoch.

    Call the same program again: `fit` passes over the batches that were trained on, without
    computing anything, then trains on. Restored are weights, optimizer, step counters, schedules
    and controllers, codebooks, random generators, running means, the history, and what the
    callbacks in `callbacks` know. After the same steps all of them have the same bits as without
    the interruption, on a CPU; docs/reliability.md says what that takes.

    Checkpoints are written atomically with a SHA-256 of their content. A damaged one is put
    aside, with a message, for the one before it. SIGTERM, which spot machines send, writes one and
    leaves the process with exit code 75; a second one, or 30 seconds, end it at once.

    Example:
        >>> keras.utils.set_random_seed(0)
        >>> model = keras_vae.ConvVAE((28, 28, 1), latent_dim=16, seed=0)
        >>> model.compile("adam")
        >>> stop = keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=5)
        >>> resume = keras_vae.callbacks.ExactResume("run/checkpoints", callbacks=[stop])
        >>> model.fit(x, epochs=100, validation_data=(test,), callbacks=[resume])

    Args:
        folder: For the checkpoints; made if it is not there.
        callbacks: All others. Give them here and not to `fit`, so that they do not see again what
            they have seen. Of each are kept plain values and arrays among its attributes.
        minutes: Write one after so many minutes, less often where writing would take more than 2
            percent of the time; None for never.
        steps: Write one after so many training steps; None for never. The end of an epoch is
            written too, if the 2 percent allow it, and the end of the training always.
        keep: How many to keep.
        seekable: The data start where `position` is, and `fit` gets its epoch as `initial_epoch`.
            Otherwise they start at the first epoch and must give the same batches in each process:
            arrays and `tf.data` do after `keras.utils.set_random_seed`. On PyTorch its global
            generator, which orders the batches, is seeded anew at each epoch.
        say: Called with sentences about what was found.

    Raises:
        ValueError: If a number is out of range. In `fit`: if the checkpoint is of another model or
            of other data, all checkpoints are damaged, or several workers train the model.
        OSError: In `fit`, if a checkpoint cannot be written; those before it are there.
    """

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
        super().__init__()
        least = {"minutes": minutes, "steps": steps, "keep": keep}
        for name, value in least.items():
            if value is not None and value <= 0:
                raise ValueError(f"Expected {name} above 0. Received: {value!r}.")
        if seekable and keras.backend.backend() == "torch":
            raise ValueError("Expected seekable=False on PyTorch, where Keras draws the batches.")
        self.folder, self.others = Path(folder), list(callbacks)
        self.minutes, self.steps, self.keep, self.say = minutes, steps, keep, say
        self.folder.mkdir(parents=True, exist_ok=True)
        self._found = checkpoints.newest(self.folder, say)
        self._replay = Replay(self.position.epoch, self.position.step, draw=not seekable)
        self._termination = Termination()
        self._history: dict[str, dict[str, float]] = {}
        self._means: dict[str, float] = {}
        self._variables: list[Any] = []
        self._snapshot: checkpoints.Content | None = None
        self._time = self._cost = 0.0

    @property
    def found(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self._found is not None

    @property
    def position(self) -> Position:
        """Where the newest checkpoint is, as it was when this object was made."""
        if self._found is None:
            return Position()
        about = self._found[1][0]
        return Position(about["epoch"], about["step"], about["ended"])

    def set_model(self, model: Any) -> None:
        """Keras calls this first."""
        super().set_model(model)
        for other in self.others:
            other.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Keras calls this with what `fit` was given."""
        super().set_params(params)
        for other in self.others:
            other.set_params(params)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore all but the running means, which Keras resets after this."""
        if self._variables:
            raise RuntimeError(
                "Expected a new ExactResume for each call of fit. Received: one that was used."
            )
        if has_several_workers(self.model):
            raise ValueError(
                "Expected one process that trains. Received: a model of several workers, which "
                "would write checkpoints at different moments. (Save the model after each epoch, "
                "as training.train does with --strategy multiworker.)"
            )
        self._tell("on_train_begin", logs)
        self._initial = [state.initial(other) for other in self.others]
        self._variables, self._order = state.variables(self.model), order_seed()
        self._at = self.position
        if self._found is not None:
            self._restore(*self._found)
            self._written(cost=0.0)
        self._termination.listen()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Go on passing over, or train, after a first checkpoint if there is none."""
        if self._replay.begin(epoch):
            return
        self._at = Position(epoch)
        seed_order(self._order, epoch)
        if self._found is None and not self._time:
            self._write(self._state())  # So that even a start without a seed can be repeated.
        if self._found is not None and epoch == self.position.epoch and self.position.step:
            self._restore_values()  # Keras has just reset the running means.
        self._tell("on_epoch_begin", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The other callbacks see what is trained on only."""
        if not self._replay.passing:
            self._tell("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint if it is time."""
        if self._replay.passed():
            if not self._replay.passing:
                self._restore_random()
            return
        self._tell("on_train_batch_end", batch, logs)
        self._at, self._means = Position(self._at.epoch, batch + 1), dict(logs or {})
        if self._is_due(batch + 1):
            self._write(self._state())

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Remember the state, which validation changes: it draws noise and resets the means."""
        self._snapshot = self._state()
        if self._is_due(self._at.step):
            self._write(self._snapshot)
        self._tell("on_test_begin", logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Nothing of its own."""
        self._tell("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Leave if the process is to end."""
        self._tell("on_test_batch_end", batch, logs)
        if self._termination.asked:
            self._write(self._snapshot)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Nothing of its own."""
        self._tell("on_test_end", logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After all other callbacks, write a checkpoint."""
        logs = {} if logs is None else logs
        if self._replay.end(epoch):
            logs.update(self._history.get(str(epoch), {}))
            if epoch + 1 == self.position.epoch:
                self._restore_values()  # Also the running means, if this was the last epoch.
                self.model.stop_training = self.position.ended
            return
        self._tell("on_epoch_end", epoch, logs)
        self._history[str(epoch)] = {name: float(value) for name, value in logs.items()}
        ended = bool(self.model.stop_training)
        self._at = Position(epoch + 1, 0, ended)
        last = ended or epoch + 1 == self.params.get("epochs")
        if last or self._termination.asked or self._seconds() >= self._cost / GREATEST_COST:
            self._write(self._state())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the model and the process as they were."""
        self._replay.stop()
        self._termination.ignore()
        self._tell("on_train_end", logs)

    def _tell(self, event: str, *arguments: Any) -> None:
        for other in self.others:
            getattr(other, event)(*arguments)

    def _state(self) -> checkpoints.Content:
        """What a checkpoint holds, of now."""
        known = [state.plain(other) for other in self.others]
        changed = [
            {k: v for k, v in now.items() if k not in before or not _same(v, before[k])}
            for before, now in zip(self._initial, known, strict=True)
        ]
        arrays = state.captured(self.model)
        callbacks, more = state.flattened(changed)
        about = {
            **dataclasses.asdict(self._at),
            "means": {name: float(value) for name, value in self._means.items()},
            "history": dict(self._history),
            "order": self._order,
            "steps": self.params.get("steps"),
            "callbacks": [
                [type(o).__name__, c] for o, c in zip(self.others, callbacks, strict=True)
            ],
            "names": state.names(self.model),
        }
        return about, [*arrays, random_state(), *more]

    def _restore(self, path: Path, content: checkpoints.Content) -> None:
        about, arrays = content
        if self.params.get("epochs", about["epoch"]) < about["epoch"]:
            raise ValueError(
                f"Expected at least {about['epoch']} epochs, which {path} has behind it. "
                f"Received: {self.params['epochs']}."
            )
        steps = about.get("steps"), self.params.get("steps")
        if None not in steps and steps[0] != steps[1]:
            raise ValueError(
                f"Expected data of {steps[0]} steps an epoch, as those of {path}. Received: "
                f"{steps[1]} steps. (Give the same data and batch size, or another folder.)"
            )
        if (before := [name for name, _ in about["callbacks"]]) != self._classes():
            raise ValueError(
                f"Expected the callbacks of {path}, {before}. Received: {self._classes()}."
            )
        self._restore_values()
        self._restore_callbacks()
        self._history, self._means = dict(about["history"]), about["means"]
        self._order = about["order"]
        self._replay.start(self.model, self._means)
        self.say(f"Resumed after {about['epoch']} epochs and {about['step']} steps, from {path}.")

    def restore(self, model: Any) -> None:
        """Give a model and the callbacks what they had at the checkpoint, without training."""
        self.set_model(model)
        if self._found is not None:
            self._restore_values()
            self._restore_callbacks()

    def _restore_callbacks(self) -> None:
        assert self._found is not None
        about, arrays = self._found[1]
        states = state.unflattened(
            [known for _, known in about["callbacks"]], arrays[len(about["names"]) + 1 :]
        )
        for other, known in zip(self.others, states, strict=True):
            state.give_back(other, known)

    def _classes(self) -> list[str]:
        return [type(other).__name__ for other in self.others]

    def _restore_values(self) -> None:
        assert self._found is not None
        about, arrays = self._found[1]
        state.assign(self.model, about["names"], arrays[: len(about["names"])])

    def _restore_random(self) -> None:
        assert self._found is not None
        about, arrays = self._found[1]
        set_random_state(arrays[len(about["names"])])

    def _is_due(self, step: int) -> bool:
        pause = None if self.minutes is None else max(60 * self.minutes, self._cost / GREATEST_COST)
        late = pause is not None and self._seconds() >= pause
        often = self.steps is not None and self._steps_since(step) >= self.steps
        return self._termination.asked or late or often

    def _steps_since(self, step: int) -> int:
        """Steps since the last checkpoint; those of epochs before count from its own beginning."""
        return step - (self._last.step if self._last.epoch == self._at.epoch else 0)

    def _seconds(self) -> float:
        return time.monotonic() - self._time

    def _written(self, cost: float) -> None:
        self._time, self._cost, self._last = time.monotonic(), cost, self._at

    def _write(self, content: checkpoints.Content | None) -> None:
        """Write, remove the oldest, and leave if the process is to end."""
        assert content is not None
        begin, about = time.monotonic(), content[0]
        path = checkpoints.path_of(self.folder, about["epoch"], about["step"])
        checkpoints.write(path, *content)
        checkpoints.prune(self.folder, self.keep)
        self._written(time.monotonic() - begin)
        if self._termination.asked:
            print(f"Terminated. The training goes on from {path}.", file=sys.stderr, flush=True)
            self._termination.leave()


def _same(value: Any, before: Any) -> bool:
    try:
        return bool(value == before)
    except ValueError:  # Arrays.
        return False
