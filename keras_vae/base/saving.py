"""The parts of a model's state that Keras does not save by itself."""

from typing import Any

from keras_vae.backend.keras_private import flatten_layers
from keras_vae.variational import mixture_sampler


class Saving:
    """The configuration with frozen layers; random states and the sampler beside the weights."""

    sampler: Any
    weights: Any
    variables: Any

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, and the numbers of the layers that are frozen."""
        frozen = [i for i, layer in enumerate(flatten_layers(self)) if not layer.trainable]
        return {**super().get_config(), **({"frozen": frozen} if frozen else {})}  # type: ignore[misc]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a model from the result of `get_config`."""
        arguments = {name: value for name, value in config.items() if name != "frozen"}
        model = super().from_config(arguments)  # type: ignore[misc]
        for number, layer in enumerate(flatten_layers(model)) if "frozen" in config else ():
            layer.trainable = number not in config["frozen"]
        return model

    def save_own_variables(self, store: Any) -> None:
        """Save the variables of Keras, the states of random generators, and the sampler."""
        super().save_own_variables(store)  # type: ignore[misc]
        mixture_sampler.save(self.sampler, store)
        for number, state in enumerate(self._seed_states()):
            store[f"seed_{number}"] = state

    def load_own_variables(self, store: Any) -> None:
        """Load the result of `save_own_variables`."""
        ours = ("seed_", mixture_sampler.PREFIX)
        own = {name: store[name] for name in store.keys() if not name.startswith(ours)}
        super().load_own_variables(own)  # type: ignore[misc]
        self.sampler = mixture_sampler.load(store)
        for number, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_{number}"])

    def _seed_states(self) -> list[Any]:
        """Return the states of all random number generators, those of layers too."""
        weights = {id(weight) for weight in self.weights}
        return [variable for variable in self.variables if id(variable) not in weights]
