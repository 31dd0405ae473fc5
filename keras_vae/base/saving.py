"""The parts of a model's state that Keras does not save by itself, and its settings."""

import contextlib
import contextvars
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.backend.keras_private import flatten_layers, own_variables
from keras_vae.base import network_defaults
from keras_vae.errors import UsageError
from keras_vae.loading import WEIGHTS_SUFFIX
from keras_vae.losses.weights import LossWeights
from keras_vae.samplers import files as sampler_files
from keras_vae.validation.activations import trust_networks

# What configurations have next to the arguments of the constructor.
SETTINGS = ("frozen", "frozen_layers", "changed_loss_weights", "network_defaults")

_restored = contextvars.ContextVar[int | None]("restored", default=None)


class Saving:
    """The configuration with settings; random states and the sampler next to the weights.

    Weights are what training changes. Settings, such as `loss_weights`, are in the configuration
    alone, so that weights from elsewhere do not change them.
    """

    changed_arguments: Any
    loss_weights: LossWeights
    network_defaults: int
    sampler: Any
    steps: Any
    variables: Any

    @property
    def weights(self) -> list[Any]:
        """The weights of Keras, without the variables that hold loss weights."""
        weights = super().weights  # type: ignore[misc]
        settings = self._setting_ids()
        return [weight for weight in weights if id(weight) not in settings]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep the settings where a class has a `get_config` or `from_config` of its own."""
        super().__init_subclass__(**kwargs)
        if "get_config" in vars(cls):
            type.__setattr__(cls, "get_config", _add_settings(vars(cls)["get_config"]))
        if isinstance(restore := vars(cls).get("from_config"), classmethod):
            type.__setattr__(cls, "from_config", classmethod(_take_settings(restore.__func__)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, the loss weights if changed, and the frozen layers.

        If the constructor makes the networks, the edition of their defaults is there too.
        """
        config = super().get_config()  # type: ignore[misc]
        if self.loss_weights.changed():
            config |= self.changed_arguments()
        return {**config, **self.settings_beside(config)}

    def settings_beside(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings that constructor arguments `config` do not have."""
        settings: dict[str, Any] = {}
        if changed := self.loss_weights.changed():
            settings["changed_loss_weights"] = {
                name: keras.saving.serialize_keras_object(weight)
                for name, weight in changed.items()
            }
        if not ("activation" in config or {"encoder", "decoder"} <= config.keys()):
            settings["network_defaults"] = self.network_defaults
        if frozen := [i for i, layer in enumerate(_layers(self)) if not layer.trainable]:
            settings["frozen_layers"] = frozen
        return settings

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a model from the result of `get_config`."""
        return _take_settings(super().from_config.__func__)(cls, config)  # type: ignore[misc]

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save the model as `keras.Model.save` does, to a file whose name ends in .keras.

        Raises:
            ValueError: If the name ends otherwise.
        """
        check_suffix(filepath, kwargs.get("zipped"))
        super().save(filepath, *args, **kwargs)  # type: ignore[misc]

    def save_own_variables(self, store: Any) -> None:
        """Save the variables of the model itself, the states of random generators, the sampler."""
        for number, variable in enumerate(self._own_weights()):
            store[f"{number}"] = variable
        sampler_files.save(self.sampler, store)
        for number, state in enumerate(self._seed_states()):
            store[f"seed_{number}"] = state

    def load_own_variables(self, store: Any) -> None:
        """Load the result of `save_own_variables`."""
        own, ours = self._own_weights(), ("seed_", sampler_files.PREFIX)
        count = len([name for name in store.keys() if not name.startswith(ours)])
        values = [np.asarray(store[f"{number}"]) for number in range(count)]
        values = self._take_loss_weights(values, count - len(own))
        wanted, found = ([(v.shape, _is_integer(v)) for v in part] for part in (own, values))
        if wanted != found:
            raise UsageError(
                f"Expected the variables of a {type(self).__name__} of these arguments, of shapes "
                f"{[v.shape for v in own]}. Received: {[value.shape for value in values]}."
            )
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)
        self.sampler = sampler_files.load(store)
        for number, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_{number}"])

    def _take_loss_weights(self, values: list[Any], count: int) -> list[Any]:
        """Return `values` without the loss weights that files had among weights before 0.2.

        They stand after `steps`. A whole model gets them; of weights alone they are left out.
        """
        places = [i for i, v in enumerate(self._own_weights()) if v is self.steps]
        start = places[0] + 1
        stored = values[start : start + max(count, 0)]
        if count > 0 and all(value.shape == () for value in stored):
            values = [*values[:start], *values[start + count :]]
            names = self.loss_weights.variables()
            if self.loss_weights.may_be_in_file and len(names) == count:
                for name, value in zip(names, stored, strict=True):
                    self.loss_weights[name] = float(value)
        self.loss_weights.may_be_in_file = False
        return values

    def _own_weights(self) -> list[Any]:
        settings = self._setting_ids()
        return [variable for variable in own_variables(self) if id(variable) not in settings]

    def _setting_ids(self) -> set[int]:
        weights = getattr(self, "loss_weights", None)
        return set() if weights is None else {id(one) for one in weights.variables().values()}

    def _seed_states(self) -> list[Any]:
        """Return the states of all random number generators, those of layers too."""
        weights = {id(weight) for weight in super().weights}  # type: ignore[misc]
        return [variable for variable in self.variables if id(variable) not in weights]


def _layers(model: Any) -> list[Any]:
    """Return `model` and all layers in it, in the same order before and after a reload."""
    inputs = keras.layers.InputLayer
    return [layer for layer in flatten_layers(model) if not isinstance(layer, inputs)]


def _add_settings(get_config: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Wrap the `get_config` of a class, so that it returns the settings too."""

    @functools.wraps(get_config)
    def with_settings(self: Saving) -> dict[str, Any]:
        config = get_config(self)
        return {**self.settings_beside(config), **config}

    return with_settings


def _take_settings(from_config: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the `from_config` of a class: it gets constructor arguments alone, settings follow."""

    @functools.wraps(from_config)
    def restore(cls: type, config: dict[str, Any]) -> Any:
        with trust_networks(), _use_edition_of(config):
            model = from_config(cls, {k: v for k, v in config.items() if k not in SETTINGS})
        for name, weight in config.get("changed_loss_weights", {}).items():
            model.loss_weights[name] = keras.saving.deserialize_keras_object(weight)
        # Older files count the inputs of models too, of which a reloaded model may have more.
        for name, layers in (("frozen", flatten_layers), ("frozen_layers", _layers)):
            for number, layer in enumerate(layers(model)) if name in config else ():
                layer.trainable = number not in config[name]
        model.loss_weights.may_be_in_file = True
        return model

    return restore


@contextlib.contextmanager
def _use_edition_of(config: dict[str, Any]) -> Iterator[None]:
    """Make networks with the defaults that a configuration states, in a context.

    If it states none, they are those of the configuration around it, as where a `from_config`
    passes its own on to `super()`, or else the first.
    """
    around = _restored.get() or network_defaults.FIRST
    token = _restored.set(config.get("network_defaults", around))
    try:
        with network_defaults.use_edition(_restored.get() or around):
            yield
    finally:
        _restored.reset(token)


def check_suffix(filepath: Any, zipped: bool | None = None) -> None:
    """Raise ValueError for a file of another format than .keras, which would lose some state."""
    is_path = isinstance(filepath, str | os.PathLike)
    if is_path and zipped is not False and not os.fspath(filepath).endswith(".keras"):
        advice = "Files for servers and devices are written by model.export."
        if os.fspath(filepath).endswith(WEIGHTS_SUFFIX):
            advice = "Weights alone are written by model.save_weights."
        raise UsageError(
            f"Expected a file whose name ends in .keras. Received: {os.fspath(filepath)!r}. "
            f"({advice})"
        )


def _is_integer(array: Any) -> bool:
    return "int" in keras.backend.standardize_dtype(array.dtype)
