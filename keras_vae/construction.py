"""The constructor call is the configuration.

What a model was constructed with is recorded once, here, so that no class writes a `get_config`;
and a model whose networks know their shapes is built when its constructor returns, so that no
lazily made state can be missing from a file or from an optimizer.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras


class Constructed:
    """Records the arguments of the outermost constructor; calls `constructed` when it is done.

    Layers that a constructor makes take the `dtype` that it is given, as a file does too.
    """

    _arguments: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the constructor that `cls` defines or inherits."""
        super().__init_subclass__(**kwargs)
        type.__setattr__(cls, "__init__", _recorded(cls, cls.__init__))

    def constructed(self) -> None:
        """Called once, after the whole chain of constructors has run."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, serialized, with the defaults of Keras it takes."""
        inherited = super().get_config()  # type: ignore[misc]
        takes = inspect.signature(type(self)).parameters
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in takes.values()):
            inherited = {name: value for name, value in inherited.items() if name in takes}
        own = {name: _serialized(value) for name, value in self._arguments.items()}
        return {**inherited, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object that was constructed with `config`."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{name: deserialize(value) for name, value in config.items()})


def _recorded(cls: type[Constructed], init: Callable[..., None]) -> Callable[..., None]:
    """`init`, with its arguments kept when the object is a `cls` itself."""

    @functools.wraps(init)
    def __init__(self: Constructed, *args: Any, **kwargs: Any) -> None:
        if type(self) is not cls:
            return init(self, *args, **kwargs)
        arguments = _arguments(init, (self, *args), kwargs)
        with _default_dtype(arguments.get("dtype")):
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


@contextlib.contextmanager
def _default_dtype(policy: Any) -> Iterator[None]:
    """New layers have `policy` inside, unless they are given another one."""
    before = keras.config.dtype_policy()
    try:
        if policy is not None:
            keras.config.set_dtype_policy(keras.dtype_policies.get(policy))
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _serialized(value: Any) -> Any:
    """`value` for a file; a class is kept by its name, registered with Keras or its own."""
    if isinstance(value, type):
        return keras.saving.get_registered_name(value)
    return keras.saving.serialize_keras_object(value)
