"""The parts of a model's state that Keras does not save by itself, and its settings."""

import os
from typing import Any

import keras
import numpy as np

from keras_vae.backend.keras_private import flatten_layers, own_variables
from keras_vae.base import network_defaults
from keras_vae.errors import UsageError
from keras_vae.losses.weights import LossWeights
from keras_vae.validation.activations import trust_networks
from keras_vae.variational import mixture_sampler


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

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, the loss weights if changed, and the frozen layers.

        If the constructor makes the networks, the edition of their defaults is there too.
        """
        config = super().get_config()  # type: ignore[misc]
        frozen = [i for i, layer in enumerate(flatten_layers(self)) if not layer.trainable]
        changed = self.loss_weights.changed()
        if changed:
            weights = {k: keras.saving.serialize_keras_object(v) for k, v in changed.items()}
            config["changed_loss_weights"] = weights
            config |= self.changed_arguments()
        if not ("activation" in config or {"encoder", "decoder"} <= config.keys()):
            config["network_defaults"] = self.network_defaults
        return {**config, **({"frozen": frozen} if frozen else {})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a model from the result of `get_config`."""
        ours = ("frozen", "changed_loss_weights", "network_defaults")
        edition = config.get("network_defaults", network_defaults.FIRST)
        with trust_networks(), network_defaults.use_edition(edition):
            model = super().from_config({k: v for k, v in config.items() if k not in ours})  # type: ignore[misc]
        for name, weight in config.get("changed_loss_weights", {}).items():
            model.loss_weights[name] = keras.saving.deserialize_keras_object(weight)
        for number, layer in enumerate(flatten_layers(model)) if "frozen" in config else ():
            layer.trainable = number not in config["frozen"]
        model.loss_weights.may_be_in_file = True
        return model

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
        mixture_sampler.save(self.sampler, store)
        for number, state in enumerate(self._seed_states()):
            store[f"seed_{number}"] = state

    def load_own_variables(self, store: Any) -> None:
        """Load the result of `save_own_variables`."""
        own, ours = self._own_weights(), ("seed_", mixture_sampler.PREFIX)
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
        self.sampler = mixture_sampler.load(store)
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


def check_suffix(filepath: Any, zipped: bool | None = None) -> None:
    """Raise ValueError for a file of another format than .keras, which would lose some state."""
    is_path = isinstance(filepath, str | os.PathLike)
    if is_path and zipped is not False and not os.fspath(filepath).endswith(".keras"):
        raise UsageError(
            f"Expected a file whose name ends in .keras. Received: {os.fspath(filepath)!r}. "
            "(Files for servers and devices are written by model.export.)"
        )


def _is_integer(array: Any) -> bool:
    return "int" in keras.backend.standardize_dtype(array.dtype)
