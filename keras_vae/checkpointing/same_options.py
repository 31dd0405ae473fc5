"""The options of a training that is resumed: they must be those of its first part."""

from typing import Any

import keras

from keras_vae.errors import UsageError


class SameOptions(keras.callbacks.Callback):
    """A callback for `ExactResume`, which refuses to go on with other options.

    Args:
        options: Names and values, as JSON has them.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.options = options

    def resume_state(self) -> dict[str, Any]:
        """Return the options."""
        return self.options

    def resume_from(self, state: dict[str, Any]) -> None:
        """Raise ValueError if the options of the checkpoint are others."""
        for name, value in self.options.items():
            if state[name] != value:
                raise UsageError(
                    f"Expected the options of the interrupted training, {name} {state[name]!r}. "
                    f"Received: {name} {value!r}. (Give the same options, or remove its folder of "
                    "checkpoints to begin anew.)"
                )
