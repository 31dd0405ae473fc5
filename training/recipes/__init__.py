"""Recipes: one short file, one reproducible training.

A recipe is a function named `recipe`. Its body is the configuration, as plain constructor calls;
its typed keyword arguments are the command line of `python -m training.train`, and its docstring
is the help. It imports Keras and `keras_vae` inside, so that `--help` answers at once. Some
arguments are filled in by the program where a recipe has them: `image_shape`, or `shape` for
series, from the data, and `seed`.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from training.cli import did_you_mean

FILLED_IN = ("image_shape", "shape", "seed")


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, for how long.

    Attributes:
        model: A `keras_vae.Autoencoder`, not compiled.
        optimizer: A Keras optimizer, or a function from the number of training steps to one, whose
            learning rate then follows a schedule over the whole training.
        data: Name of a data set, see `training.data.load`.
        epochs: How often to go through the training images.
        batch_size: Images per step.
        protocol: "plain", "held_out" or "dynamic", see `training.splits`. Under the latter two
            the model of the best epoch on the validation images is kept as best.keras.
        best: What is best: "elbo", which is to be high, or a loss term, which is to be low.
        patience: End the training after so many epochs without a better one; None for never.
        adapt: Whether the model's `adapt` is called on training images first.
    """

    model: Any
    optimizer: Any
    data: str
    epochs: int
    batch_size: int
    protocol: str = "plain"
    best: str = "elbo"
    patience: int | None = None
    adapt: bool = False


def names() -> list[str]:
    """The recipes of this package, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Callable[..., Recipe]:
    """The function of a recipe.

    Args:
        name: One of `names()`, or the path of a .py file, whose code is then run.

    Raises:
        ValueError: If there is no such recipe.
        FileNotFoundError: If there is no such file.
        TypeError: If the file has no function `recipe` with typed keyword arguments.
    """
    if name.endswith(".py"):
        return _checked(getattr(_run_file(Path(name)), "recipe", None), name)
    if name not in names():
        known = "\n".join(f"  {line}" for line in summaries())
        hint = did_you_mean(name, names())
        raise ValueError(
            f"Expected the name of a recipe, or the path of a .py file. Received: {name!r}.\n"
            f"The recipes:\n{known}\nThere is no recipe {name!r}.{hint}"
        )
    return _checked(importlib.import_module(f"{__name__}.{name}").recipe, name)


def summaries() -> list[str]:
    """A line for each recipe: its name and the first line of its docstring."""
    width = max(map(len, names()))
    functions = {name: find(name) for name in names()}
    return [
        f"{name:{width}}  {inspect.getdoc(function).splitlines()[0]}"  # type: ignore[union-attr]
        for name, function in functions.items()
    ]


def defaults(function: Callable[..., Recipe]) -> dict[str, Any]:
    """The arguments of a recipe that a command line can change, with their defaults."""
    parameters = inspect.signature(function).parameters
    return {name: p.default for name, p in parameters.items() if name not in FILLED_IN}


def cosine_adam(learning_rate: float, **kwargs: Any) -> Callable[[int], Any]:
    """The optimizer of a recipe: Adam, whose rate falls to zero along half a cosine.

    Args:
        learning_rate: At the start.
        **kwargs: Other arguments of `keras.optimizers.Adam`, such as `clipnorm`.

    Returns:
        A function from the number of training steps to the optimizer.
    """

    def optimizer(steps: int) -> Any:
        import keras

        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        return keras.optimizers.Adam(rate, **kwargs)

    return optimizer


def start_from(run: str | None, encoder: Any, decoder: Any) -> None:
    """Give the networks the weights of those of a trained run; None leaves them as they are.

    Args:
        run: A run directory, or a .keras file, of a model with networks of the same shapes.
        encoder: Of the new model.
        decoder: Of the new model.
    """
    if run is None:
        return
    from training import runs

    trained = runs.open_run(run).model()
    encoder.set_weights(trained.encoder.get_weights())
    decoder.set_weights(trained.decoder.get_weights())


def _run_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the path of a recipe file that exists. Received: {path} (relative paths "
            f"start at {Path.cwd()})."
        )
    name = f"recipe_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    beside = str(path.resolve().parent)
    if beside not in sys.path:  # As of a script: what lies beside it is found.
        sys.path.append(beside)
    spec.loader.exec_module(module)
    return module


def _checked(function: Any, name: str) -> Callable[..., Recipe]:
    if not callable(function):
        raise TypeError(f"Expected a function named recipe in {name}. Received: {function!r}.")
    bare = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.default is p.empty or p.annotation is p.empty
    ]
    if bare:
        raise TypeError(
            f"Expected every argument of recipe in {name} to have a type and a default, as they "
            f"are its command line. Received: {', '.join(bare)} without."
        )
    return function
