"""Import hooks that keep `import keras_vae` light: registration with Keras, and former names.

`keras.saving.load_model` finds a class only if its module was imported. `register_with_keras`
therefore imports the public API as soon as somebody imports Keras, whichever comes first.
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
    "keras_vae.samplers": "keras_vae.variational.mixture_sampler",
    "keras_vae.schedules": "keras_vae.losses.schedules",
    "keras_vae.weights": "keras_vae.losses.weights",
}
API = "keras_vae._api"
BACKEND = "keras_vae.backend"


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
        if BACKEND not in sys.modules:  # Otherwise it is importing Keras, and goes on to the API.
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
        if name != "keras" or not self.waits_for_keras:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self.waits_for_keras = False
                spec.loader = _ThenRegister(spec.loader)
                return spec
        return None


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
