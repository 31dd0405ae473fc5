"""Import hooks that keep `import keras_vae` light: registration with Keras, and former names.

`keras.saving.load_model` finds a class only if its module was imported. So the public API is
imported as soon as somebody imports Keras after this package, or any module of the library.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

# Public modules that lie in a sub-package: `kv.schedules`, `from keras_vae.schedules import ...`.
PUBLIC_MODULES = {
    "keras_vae.controllers": "keras_vae.losses.controllers",
    "keras_vae.dimension_reduction": "keras_vae.downstream.dimension_reduction",
    "keras_vae.posteriors": "keras_vae.variational.posteriors",
    "keras_vae.priors": "keras_vae.variational.priors",
    "keras_vae.schedules": "keras_vae.losses.schedules",
    "keras_vae.weights": "keras_vae.losses.weights",
}
API = "keras_vae._api"
# What needs no Keras. All else is the library: the public API is imported before any part of it, so
# that its modules are always imported in one order.
WITHOUT_KERAS = {
    *("_api", "_imports", "__main__", "cli", "deferred", "errors", "export", "files", "options"),
    *("presets", "quiet", "terminal", "training", "typing"),
}


class _Alias(importlib.abc.Loader):
    """A loader that gives a module a second name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Import the module under its own name."""
        self.module = importlib.import_module(self.name)
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module, which has run, as it is."""
        module.__spec__ = self.spec

    def get_code(self, name: str) -> Any:
        """Return the code of the module, for `python -m`."""
        spec = importlib.util.find_spec(self.name)
        assert spec is not None
        return spec.loader.get_code(self.name)  # type: ignore[union-attr]


class _Loaded(importlib.abc.Loader):
    """A loader of a module that was imported while its specification was looked for.

    Python loads a module anew if it appears in that moment, by the specification that it has. So
    the module carries this one until it is "loaded".
    """

    def __init__(self, module: ModuleType) -> None:
        self.module, self.own = module, module.__spec__
        self.spec = module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return the module."""
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is, with its own specification."""
        module.__spec__ = self.own


class _ThenRegister(importlib.abc.Loader):
    """The loader of Keras, followed by the import of the public API."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Create the module as Keras's loader does."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run Keras, then register the classes of this package with it."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        importlib.import_module(API)


class _Finder(importlib.abc.MetaPathFinder):
    """A finder of public modules by their short names, and of Keras until it is imported."""

    def __init__(self) -> None:
        self.waits_for_keras = False
        self.clones: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a public module or of Keras; None for all others."""
        if name in PUBLIC_MODULES:
            return importlib.machinery.ModuleSpec(name, _Alias(PUBLIC_MODULES[name]))
        if name.startswith(tuple(self.clones)):
            known = importlib.util.find_spec(f"keras_vae.{name}")
            return known and importlib.machinery.ModuleSpec(
                name,
                _Alias(known.name),
                origin=known.origin,
                is_package=known.submodule_search_locations is not None,
            )
        if API not in sys.modules and _is_library(name):
            importlib.import_module(API)
            if name in sys.modules:
                return _Loaded(sys.modules[name]).spec
        if name != "keras" or not self.waits_for_keras:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self.waits_for_keras = False
                spec.loader = _ThenRegister(spec.loader)
                return spec
        return None


def _is_library(name: str) -> bool:
    package, _, rest = name.partition(".")
    return package == "keras_vae" and rest != "" and rest.split(".")[0] not in WITHOUT_KERAS


_finder = _Finder()
sys.meta_path.insert(0, _finder)


def register_with_keras() -> None:
    """Import the public API, which registers all classes with Keras, right after Keras."""
    _finder.waits_for_keras = True


def alias_clone(package: str) -> None:
    """Let the modules of a top-level folder of a clone be those of `keras_vae.PACKAGE`.

    Then `training.recipes` and `keras_vae.training.recipes` are one module, with one `Recipe`.

    Args:
        package: "training" or "export".
    """
    _finder.clones.add(f"{package}.")
