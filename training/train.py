"""Train a recipe.

    python -m training.train --list
    python -m training.train conv_vae_digits
    python -m training.train conv_vae_digits --epochs 100 --latent-dim 16 --out runs/wide
    python -m training.train my_recipe.py --data my_pictures/ --image-size 64 64
    python -m training.train conv_vae_digits --out runs/wide --resume --epochs 200

The first argument is a recipe of training/recipes or a .py file of yours; the rest are options,
which `python -m training.train RECIPE --help` explains. Everything that a run leaves is in one
folder, see training/runs.py.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from training import cli, options, recipes, runs
from training.options import Settings
from training.recipes import Recipe

MOST_STEPS_PER_EXECUTION = 32
REPORTED_IMAGES = 500
# The old and the new file of the model side by side, each with the two moments of Adam.
COPIES = 2 * 3
BYTES_FOR_PICTURES = 10_000_000
NOT_STORED = ("out", "resume")


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the program; see the text above."""
    words = sys.argv[1:] if words is None else list(words)
    sys.exit(cli.run(lambda: command(words)))


def command(words: Sequence[str]) -> int:
    """Do what the first word asks for."""
    if not words or words[0] in ("-h", "--help"):
        print(str(__doc__).strip(), "\n\nThe recipes:\n")
        print(*recipes.summaries(), sep="\n")
        return 0 if words else cli.BAD_INPUT
    if words[0] == "--list":
        print(*recipes.summaries(), sep="\n")
        return 0
    if words[0].startswith("-"):
        raise ValueError(
            f"Expected a recipe before all options. Received: {words[0]}. "
            "(python -m training.train --list shows the recipes.)"
        )
    return train_recipe(words[0], words[1:])


def train_recipe(name: str, words: Sequence[str]) -> int:
    """Train, or train on, the recipe `name` with these options."""
    function = recipes.find(name)
    name = str(Path(name).resolve()) if name.endswith(".py") else name
    settings, arguments = options.parse(name, function, words)
    stored = None
    if settings.resume:
        stored = runs.open_run(str(settings.out)).config
        if stored["recipe"] != name:
            raise ValueError(
                f"Expected the recipe of {settings.out}, {stored['recipe']}. Received: {name}."
            )
        settings, arguments = options.parse(name, function, words, stored)
        options.refuse_changes(stored, settings, arguments)
    elif settings.out is not None:
        runs.check_new(Path(settings.out))
    cli.prepare_tensorflow(training=True)
    return train(name, function, arguments, settings, stored)


def train(
    name: str,
    function: Callable[..., Recipe],
    arguments: dict[str, Any],
    settings: Settings,
    stored: dict[str, Any] | None,
) -> int:
    """Train with options that are known to be good; returns the exit code.

    Args:
        name: Of the recipe.
        function: The recipe.
        arguments: Of `function`.
        settings: The other options.
        stored: The config.json of the run to continue, None for a new run.
    """
    from training import data as data_sets

    recipe, data = prepare(function, arguments, settings)
    settings = replace(
        settings, data=recipe.data, epochs=recipe.epochs, batch_size=recipe.batch_size
    )
    steps = data_sets.steps_per_epoch(len(data.train), recipe.batch_size)
    at_once = steps_per_execution(steps, settings.steps_per_execution)
    config = {
        "recipe": name,
        "arguments": arguments,
        "settings": {k: v for k, v in asdict(settings).items() if k not in NOT_STORED},
        "data": recipe.data,
        "image_shape": data.image_shape,
        "training_images": len(data.train),
        "test_images": len(data.test),
        "parameters": sum(math.prod(v.shape) for v in recipe.model.trainable_variables),
        "steps_per_epoch": steps,
        "steps_per_execution": at_once,
        "versions": runs.versions(),
    }
    print(data_sets.describe(data))
    print(f"{type(recipe.model).__name__} of {config['parameters']:,} parameters")
    print(f"Seed {settings.seed}, of the weights, of the order of the images and of the noise")
    print(f"{steps} steps an epoch, of {recipe.batch_size} images, {at_once} steps in one go")
    model, done = start(recipe, settings, stored, config)
    folder = Path(str(settings.out)) if stored else runs.create(_path(settings.out), name)
    runs.check_room(folder, 4 * COPIES * config["parameters"] + BYTES_FOR_PICTURES)
    runs.write_config(folder, config)
    runs.keep_epochs(folder, done)
    print(f"Run directory: {folder}", flush=True)
    try:
        fit(model, data, recipe, settings, folder, done, steps)
    except KeyboardInterrupt:
        print(f"\nInterrupted. To train on: {_resume_command(name, folder)}", file=sys.stderr)
        return cli.INTERRUPTED
    finish(model, data, folder)
    return 0


def prepare(
    function: Callable[..., Recipe], arguments: dict[str, Any], settings: Settings
) -> tuple[Recipe, Any]:
    """The recipe with all options applied, and its data.

    Raises:
        ValueError: If the model is for images of another shape.
    """
    from training.data import load

    recipe = call_recipe(function, arguments, settings.seed)
    recipe = replace(
        recipe,
        data=settings.data or str(options.absolute(recipe.data)),
        epochs=settings.epochs or recipe.epochs,
        batch_size=settings.batch_size or recipe.batch_size,
    )
    data = load(
        recipe.data,
        image_size=settings.image_size,
        limit=settings.limit,
        data_dir=settings.data_dir,
    )
    if tuple(recipe.model.event_shape) != data.image_shape:
        with_shape = {**arguments, "image_shape": data.image_shape}
        recipe = replace(recipe, model=call_recipe(function, with_shape, settings.seed).model)
    if tuple(recipe.model.event_shape) != data.image_shape:
        raise ValueError(
            f"Expected images of shape {tuple(recipe.model.event_shape)}, which the recipe's "
            f"model takes. Received: {data.image_shape} in {data.name}. (Give --image-size, or "
            "let the recipe have an argument image_shape.)"
        )
    return recipe, data


def call_recipe(function: Callable[..., Recipe], arguments: dict[str, Any], seed: int) -> Recipe:
    """The recipe, all its random numbers from `seed`.

    Raises:
        TypeError: If the function returns something else.
    """
    import inspect

    import keras

    accepted = inspect.signature(function).parameters
    keras.utils.set_random_seed(seed)
    given = {k: v for k, v in {**arguments, "seed": seed}.items() if k in accepted}
    recipe = function(**given)
    if not isinstance(recipe, Recipe):
        raise TypeError(
            f"Expected the function to return a training.recipes.Recipe. Received: {recipe!r}."
        )
    return recipe


def steps_per_execution(steps: int, wanted: int | None) -> int:
    """How many steps run without going back to Python: the most up to 32 that divide an epoch.

    Keras runs past the end of an epoch when they do not.

    Raises:
        ValueError: If `wanted` does not divide `steps`.
    """
    divisors = [n for n in range(1, steps + 1) if steps % n == 0]
    if wanted is None:
        return max(n for n in divisors if n <= MOST_STEPS_PER_EXECUTION)
    if wanted not in divisors:
        raise ValueError(
            f"Expected --steps-per-execution to divide the {steps} steps of an epoch: "
            f"{', '.join(map(str, divisors))}. Received: {wanted}."
        )
    return wanted


def start(
    recipe: Recipe, settings: Settings, stored: dict[str, Any] | None, config: dict[str, Any]
) -> tuple[Any, int]:
    """The compiled model to train, and how many epochs it has behind it.

    Raises:
        ValueError: If the data are not those of the run to continue, or it has more epochs.
    """
    at_once = config["steps_per_execution"]
    model, done = recipe.model, 0
    if stored and (path := Path(str(settings.out)) / runs.MODEL).is_file():
        model = runs.load_model(path, compile=True)
        done = epochs_done(int(model.steps), stored, config)
        model.steps_per_execution = at_once
    else:
        model.compile(recipe.optimizer, jit_compile=False, steps_per_execution=at_once)
    if done > recipe.epochs:
        raise ValueError(
            f"Expected --epochs of at least {done}, which the run has already. "
            f"Received: {recipe.epochs}."
        )
    return model, done


def epochs_done(steps: int, stored: dict[str, Any], config: dict[str, Any]) -> int:
    """Epochs in `steps`; raises ValueError if the data are not those that were trained on."""
    before, now = (
        {key: c.get(key) for key in ("training_images", "steps_per_epoch")}
        for c in (stored, config)
    )
    if before != now or steps % config["steps_per_epoch"]:
        raise ValueError(
            f"Expected the data that the run was trained on, {before}. Received: {now} and a "
            f"model that was trained for {steps} steps."
        )
    return steps // config["steps_per_epoch"]


def fit(
    model: Any,
    data: Any,
    recipe: Recipe,
    settings: Settings,
    folder: Path,
    done: int,
    steps: int,
) -> None:
    """Train from epoch `done` to the last, and keep all of it in `folder`."""
    from training.data import evaluation_batches, training_batches

    if done == recipe.epochs:
        print(f"All {done} epochs are done.")
        return
    batches = training_batches(data.train, recipe.batch_size, settings.seed, done * steps)
    begin = time.perf_counter()
    model.fit(
        batches,
        validation_data=evaluation_batches(data.test, recipe.batch_size),
        epochs=recipe.epochs,
        initial_epoch=done,
        steps_per_epoch=steps,
        shuffle=False,  # The batches are shuffled already.
        callbacks=callbacks(folder, data),
        verbose=1 if sys.stdout.isatty() else 2,
    )
    seconds = time.perf_counter() - begin
    rate = (recipe.epochs - done) * len(data.train) / seconds
    print(f"Trained in {seconds:,.0f} s, {rate:,.0f} images/s with validation")


def callbacks(folder: Path, data: Any) -> list[Any]:
    """What happens after each epoch; the order matters: first look, then write."""
    import keras

    from keras_vae.callbacks import JsonLines, LatentReport, SafeCheckpoint, StopOnNonFinite
    from training.pictures import pixels

    return [
        StopOnNonFinite(),
        LatentReport(pixels(data.test[:REPORTED_IMAGES]), say=_warn),
        JsonLines(folder / runs.METRICS),
        SafeCheckpoint(folder / runs.MODEL),
        keras.callbacks.TensorBoard(folder / "logs", write_graph=False),
    ]


def finish(model: Any, data: Any, folder: Path) -> None:
    """Draw the pictures and say where everything is."""
    from training import pictures

    drawn = pictures.draw(model, data, folder / runs.METRICS, folder / "pictures")
    print(f"Model:       {folder / runs.MODEL}")
    print(f"Metrics:     {folder / runs.METRICS}")
    print(f"Pictures:    {folder / 'pictures'}: {', '.join(path.name for path in drawn)}")
    print(f"TensorBoard: tensorboard --logdir {folder / 'logs'}")
    print(f"Next:        python -m training.evaluate {folder}")


def _resume_command(name: str, folder: Path) -> str:
    return f"python -m training.train {name} --out {folder} --resume"


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _warn(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
