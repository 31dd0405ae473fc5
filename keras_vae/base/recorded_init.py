"""A mixin that records the arguments of a constructor as the configuration of the object.

So no class writes its own `get_config`. A model whose networks know their shapes is also built
when its constructor returns. So no variable that is made late can be missing from a file or an
optimizer.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_vae.errors import UsageError

KERAS_ARGUMENTS = ("name", "dtype", "trainable")


class RecordedInit:
    """A mixin that records the arguments of the outermost constructor for `get_config`.

    After the last constructor it calls `finish_construction`. Layers that a constructor makes
    get the `dtype` that was passed to it.
    """

    _arguments: dict[str, Any]
    # What else may help who sets an argument later, for the message.
    instead_of_settings = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the constructor that `cls` defines or inherits."""
        super().__init_subclass__(**kwargs)
        type.__setattr__(cls, "__init__", _record_arguments(cls, cls.__init__))

    def finish_construction(self) -> None:
        """Do the work that comes after all constructors have run: here nothing."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, unless it is a constructor argument whose change has no effect."""
        made = "_arguments" in self.__dict__
        kind: Any = type(self)
        if made and name in _arguments_of(kind) and not _is_settable(kind, name):
            raise UsageError(
                f"Expected {name} in the constructor of {type(self).__name__}. Received: "
                f"{name}={value!r} afterwards, when steps are compiled and variables made. (Make a "
                f"new {type(self).__name__}{self.instead_of_settings}.)"
            )
        if made and isinstance(getattr(kind, name, None), property) and _is_settable(kind, name):
            # Keras would refuse the state in a value, such as a controller's, before it is set.
            getattr(kind, name).fset(self, value)
            return
        super().__setattr__(name, value)

    def changed_arguments(self) -> dict[str, Any]:
        """Return the serialized values of constructor arguments that may be set later."""
        names = [name for name in self._arguments if name not in KERAS_ARGUMENTS]
        changed = {}
        for name in names:
            if _is_settable(type(self), name):
                with contextlib.suppress(UsageError):  # Not expressed by one number any more.
                    changed[name] = getattr(self, name)
        # Keras looks for the state of layers in recorded arguments too.
        plain = {k: v for k, v in changed.items() if not isinstance(v, keras.layers.Layer)}
        return {name: _serialize(value) for name, value in plain.items()}

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments, with the defaults of Keras."""
        inherited = super().get_config()  # type: ignore[misc]
        takes = inspect.signature(type(self)).parameters
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in takes.values()):
            inherited = {name: value for name, value in inherited.items() if name in takes}
        own = {name: _serialize(value) for name, value in self._arguments.items()}
        return {**inherited, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make an object from the result of `get_config`."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{name: deserialize(value) for name, value in config.items()})


@functools.cache
def _arguments_of(cls: Any) -> frozenset[str]:
    """Return the names of all arguments of the constructors of a class and its bases."""
    kinds = [kind for kind in cls.__mro__ if issubclass(kind, RecordedInit)]
    inits = [vars(kind)["__init__"] for kind in kinds if "__init__" in vars(kind)]
    named = {name: p for init in inits for name, p in inspect.signature(init).parameters.items()}
    several = inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL
    return frozenset(name for name, p in named.items() if p.kind not in several) - {"self"}


def _is_settable(cls: type, name: str) -> bool:
    """Return whether setting the attribute `name` has an effect: Keras's own, and properties."""
    found = getattr(cls, name, None)
    return name in KERAS_ARGUMENTS or (isinstance(found, property) and found.fset is not None)


def _record_arguments(cls: type[RecordedInit], init: Callable[..., None]) -> Callable[..., None]:
    """Wrap `init` so that it records its arguments if the object is exactly a `cls`."""

    @functools.wraps(init)
    def __init__(self: RecordedInit, *args: Any, **kwargs: Any) -> None:
        if type(self) is not cls:
            return init(self, *args, **kwargs)
        arguments = _bind_by_name(init, (self, *args), kwargs)
        with _default_dtype(arguments.get("dtype")):
            init(self, *args, **kwargs)
        # Set without Keras, which would wrap a dictionary and track the layers in it.
        object.__setattr__(self, "_arguments", arguments)
        self.finish_construction()

    # Keras reads the signature of the constructor and does not follow `__wrapped__`.
    __init__.__signature__ = inspect.signature(init)  # type: ignore[attr-defined]
    return __init__


def _bind_by_name(init: Callable[..., None], args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of a call by name, with defaults and `**kwargs`, without `self`."""
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
    """Set `policy` as the dtype of new layers inside the context."""
    before = keras.config.dtype_policy()
    try:
        if policy is not None:
            keras.config.set_dtype_policy(keras.dtype_policies.get(policy))
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _serialize(value: Any) -> Any:
    """Serialize `value` for a file; a class becomes its registered or own name."""
    if isinstance(value, type):
        return keras.saving.get_registered_name(value)
    return keras.saving.serialize_keras_object(value)
