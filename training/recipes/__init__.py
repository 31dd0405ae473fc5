"""Recipes: each is one short file that describes one reproducible training.

A recipe is a function named `recipe`.

- Its body is the configuration, as plain constructor calls.
- Its typed keyword arguments are the command line of `keras-vae train`.
- Its docstring is the help.
- It imports Keras and `keras_vae` inside, so that `--help` answers at once.

The program fills in some arguments if a recipe has them: `seed`, and from the data `image_shape`,
`shape` for other examples than images, and `schema` for tables. A recipe takes other data of
the kind of its own, and of every kind if its `shape` is a `tuple[int, ...]`.
"""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_vae.cli import did_you_mean
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.files.scripts import run_python_file
from keras_vae.typing import LatentModel

FILLED_IN = ("image_shape", "shape", "schema", "seed")


@dataclass(frozen=True)
class Recipe:
    """A model, its data, and the settings of its training.

    Attributes:
        model: A `keras_vae.Autoencoder`, not compiled.
        optimizer: A Keras optimizer, or a function from the number of training steps to one. The
            learning rate of the latter follows a schedule over the whole training.
        data: Name of a data set, see `keras_vae.training.data.loading.load`.
        epochs: Number of passes over the training examples.
        batch_size: Examples per step.
        protocol: "plain", "held_out" or "dynamic", see `keras_vae.training.data.splits`. With the
            latter two, the model of the best epoch on validation examples is kept as best.keras.
        best: The metric that chooses the best epoch: "elbo", the higher the better, or the name of
            a loss term, the lower the better.
        patience: Number of epochs without a better one after which the training ends; None for no
            limit.
        adapt: True to call the model's `adapt` on training examples first.
    """

    model: LatentModel
    optimizer: Any
    data: str
    epochs: int
    batch_size: int
    protocol: str = "plain"
    best: str = "elbo"
    patience: int | None = None
    adapt: bool = False


def names() -> list[str]:
    """Return the names of the recipes of this package, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Callable[..., Recipe]:
    """Return the function of a recipe.

    Args:
        name: One of `names()`, or the path of a .py file, whose code is then run.

    Raises:
        ValueError: If there is no such recipe.
        FileNotFoundError: If there is no such file.
        TypeError: If the file has no function `recipe` with typed keyword arguments.
    """
    if name.endswith(".py"):
        return _check_recipe(getattr(run_python_file(Path(name)), "recipe", None), name)
    if name not in names():
        known = "\n".join(f"  {line}" for line in summaries())
        hint = did_you_mean(name, names())
        raise UsageError(
            f"Expected the name of a recipe, or the path of a .py file. Received: {name!r}.\n"
            f"The recipes:\n{known}\nThere is no recipe {name!r}.{hint}"
        )
    return _check_recipe(importlib.import_module(f"{__name__}.{name}").recipe, name)


def summaries() -> list[str]:
    """Return a line for each recipe: its name and the first line of its docstring."""
    width = max(map(len, names()))
    functions = {name: find(name) for name in names()}
    return [
        f"{name:{width}}  {inspect.getdoc(function).splitlines()[0]}"  # type: ignore[union-attr]
        for name, function in functions.items()
    ]


def defaults(function: Callable[..., Recipe]) -> dict[str, Any]:
    """Return the arguments that a command line can change, with their defaults."""
    parameters = inspect.signature(function).parameters
    return {name: p.default for name, p in parameters.items() if name not in FILLED_IN}


def call(function: Callable[..., Recipe], arguments: dict[str, Any], seed: int) -> Recipe:
    """Call the function of a recipe, with all random numbers from `seed`.

    Raises:
        TypeError: If the function returns something else.
    """
    import keras

    accepted = inspect.signature(function).parameters
    keras.utils.set_random_seed(seed)
    given = {k: v for k, v in {**arguments, "seed": seed}.items() if k in accepted}
    recipe = function(**given)
    if not isinstance(recipe, Recipe):
        raise UsageTypeError(
            f"Expected the function to return a training.recipes.Recipe. Received: {recipe!r}."
        )
    return recipe


def cosine_adam(learning_rate: float, **kwargs: Any) -> Callable[[int], Any]:
    """Return the usual optimizer of a recipe: Adam with cosine decay of the rate to zero.

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


def _check_recipe(function: Any, name: str) -> Callable[..., Recipe]:
    if not callable(function):
        raise UsageTypeError(f"Expected a function named recipe in {name}. Received: {function!r}.")
    bare = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.default is p.empty or p.annotation is p.empty
    ]
    if bare:
        raise UsageTypeError(
            f"Expected every argument of recipe in {name} to have a type and a default, as they "
            f"are its command line. Received: {', '.join(bare)} without."
        )
    return function


def check_learning_rate(optimizer: Any) -> None:
    """Raise ValueError for a negative learning rate; a schedule may begin at 0."""
    import keras

    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    if not 0.0 <= rate < math.inf:
        raise UsageError(f"Expected a learning rate of at least 0. Received: {rate:g}.")
