"""Imports that wait for the first use: packages that TensorFlow and Keras load and few need.

`import tensorflow` also imports JAX, SciPy, Matplotlib and scikit-learn where they are installed.
That is half of its time and 200 MB, for functions that programs seldom call.
"""

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Collection, Iterator, Sequence
from types import ModuleType
from typing import Any

# Used by tf.lite, tf.compat.v1.keras, keras.visualization. The others import scikit-learn and JAX
# themselves.
OF_TENSORFLOW = (
    *("jax", "scipy", "matplotlib"),
    *("keras.wrappers", "keras._tf_keras.keras.wrappers", "keras.src.callbacks.orbax_checkpoint"),
)
# The code in which Python asks a module for `name` of `from module import name`.
PROBES = "<frozen importlib._bootstrap>"


def import_tensorflow(light: bool = True) -> None:
    """Import TensorFlow and this package, for a program.

    Args:
        light: Whether packages that only few functions of TensorFlow and Keras need wait for their
            use. A backend of Keras that is one of them must not wait.
    """
    if "tensorflow" in sys.modules:
        return
    with defer(OF_TENSORFLOW if light else ()), without_collections():
        import tensorflow  # noqa: F401

        import keras_vae._api  # noqa: F401


@contextlib.contextmanager
def defer(modules: Collection[str]) -> Iterator[None]:
    """Let imports of these modules inside the block wait until something of them is used.

    Modules that are loaded already stay, and those that are not installed are missing as ever.
    After the block, an import statement imports the module itself.

    Args:
        modules: Names of packages, and of modules in packages.
    """
    finder = _Finder({name for name in modules if name not in sys.modules})
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.end(finder.modules)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Collect no garbage inside the block, and never look at what is left of it again.

    Imports make a million objects that stay. To search them for garbage takes a tenth of the time
    of the imports, and of each compilation after them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


class _Deferred(ModuleType):
    """A module, or a member of one, that is imported when it is used."""

    _finder: "_Finder"

    def __getattr__(self, name: str) -> Any:
        hidden = name.startswith("__") and name != "__version__"
        if hidden or sys._getframe(1).f_code.co_filename == PROBES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        return getattr(self._real(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._real(),)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._real())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._real())

    def __dir__(self) -> list[str]:
        return dir(self._real())

    def _real(self) -> Any:
        name = self.__name__
        self._finder.end(self._finder.deferred_by(name))
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            package, _, member = name.rpartition(".")
            if not package or error.name != name:
                raise
            return getattr(importlib.import_module(package), member)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A finder, and the loader, of deferred modules."""

    def __init__(self, modules: set[str]) -> None:
        self.modules, self.made = modules, set[str]()

    def deferred_by(self, name: str) -> set[str]:
        """Return the deferred modules that `name` is, or is a part of."""
        return {one for one in self.modules if f"{name}.".startswith(f"{one}.")}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module to defer, if it is installed; None for all others."""
        found = self.deferred_by(name)
        if not found:
            return None
        if name in found and importlib.machinery.PathFinder.find_spec(name, path) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return the module that waits."""
        module = _Deferred(spec.name)
        module._finder = self
        self.made.add(spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing yet."""

    def end(self, modules: Collection[str]) -> None:
        """Defer these modules no more: the next import is that of the module itself."""
        ended = {name for name in self.made if self.deferred_by(name) & set(modules)}
        for name in ended:
            if isinstance(sys.modules.get(name), _Deferred):
                del sys.modules[name]
        self.made -= ended
        self.modules = self.modules - set(modules)
