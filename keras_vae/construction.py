"""The constructor call is the configuration.

What a model was constructed with is recorded once, here, so that no class writes a `get_config`;
and a model whose networks know their shapes is built when its constructor returns, so that no
lazily made state can be missing from a file or from an optimizer.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras


class Constructed:
    """Records the arguments of the outermost constructor; calls `constructed` when it is done."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the constructor that `cls` defines or inherits."""
        super().__init_subclass__(**kwargs)
        cls.__init__ = _recorded(cls, cls.__init__)  # type: ignore[misc]

    def constructed(self) -> None:
        """Called once, after the whole chain of constructors has run."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, serialized."""
        inherited = super().get_config()  # type: ignore[misc]
        serialize = keras.saving.serialize_keras_object
        own = {name: serialize(value) for name, value in self._arguments.items()}
        return {**inherited, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object that was constructed with `config`."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )


def _recorded(cls: type, init: Callable[..., None]) -> Callable[..., None]:
    """`init`, with its arguments kept when the object is a `cls` itself."""

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if type(self) is not cls:
            return init(self, *args, **kwargs)
        arguments = _arguments(init, (self, *args), kwargs)
        init(self, *args, **kwargs)
        # Keras would wrap a dictionary and look for layers in it; this one is only remembered.
        object.__setattr__(self, "_arguments", arguments)
        self.constructed()

    # Keras reads the signature of the constructor without looking behind decorators.
    __init__.__signature__ = inspect.signature(init)  # type: ignore[attr-defined]
    return __init__


def _arguments(init: Callable[..., None], args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """All arguments of a call by name, defaults included, `**kwargs` flattened, `self` left out."""
    signature = inspect.signature(init)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = {}
    for name, value in list(bound.arguments.items())[1:]:
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        else:
            arguments[name] = value
    return arguments
