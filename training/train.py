"""Train a recipe.

    python -m training.train --list
    python -m training.train conv_vae_digits
    python -m training.train conv_vae_digits --epochs 100 --latent-dim 16 --out runs/wide
    python -m training.train my_recipe.py --data my_pictures/ --image-size 64 64
    python -m training.train conv_vae_digits --out runs/wide --resume --epochs 200
    python -m training.train conv_vae_fashion_mnist --out runs/spot --checkpoint-minutes 0.5
    python -m training.train conv_vae_fashion_mnist --strategy mirrored       # docs/scaling.md
    python -m training.train conv_vae_fashion_mnist --precision mixed_bfloat16    # on a GPU

The first argument is a recipe of training/recipes or a .py file of yours; the rest are options,
which `python -m training.train RECIPE --help` explains. Everything that a run leaves is in one
folder, see training/runs.py.

A run that was killed at any moment goes on with --resume and ends as if it had not been, see
docs/reliability.md. SIGTERM writes a checkpoint and ends with exit code 75: run it again.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from training import cli, folders, loop, options, precision, recipes, runs, workers
from training.options import Settings
from training.recipes import Recipe
from training.workers import Workers

# The old and the new file of the model side by side and the checkpoints likewise, each with the two
# moments of Adam.
COPIES = (2 + loop.KEPT + 1) * 3
BYTES_FOR_PICTURES = 10_000_000
NOT_STORED = ("out", "resume")


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the program; see the text above."""
    words, modules = cli.split_imports(sys.argv[1:] if words is None else words)
    sys.exit(cli.run(lambda: cli.after_imports(modules, lambda: command(words))))


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
        if stored.get("recipe") != name:
            raise ValueError(
                f"Expected the recipe of the run {settings.out}, {stored.get('recipe')}. "
                f"Received: {name}."
            )
        settings, arguments = options.parse(name, function, words, stored)
        options.refuse_changes(stored, settings, arguments)
    workers.check(settings)
    if settings.strategy != "multiworker" and not settings.resume and settings.out is not None:
        runs.check_new(Path(settings.out))
    cli.prepare_tensorflow(training=True)
    with workers.joined(settings) as group:
        return train(name, function, arguments, group.own(settings), stored, group)


def train(
    name: str,
    function: Callable[..., Recipe],
    arguments: dict[str, Any],
    settings: Settings,
    stored: dict[str, Any] | None,
    group: Workers,
) -> int:
    """Train with options that are known to be good; returns the exit code.

    Args:
        name: Of the recipe.
        function: The recipe.
        arguments: Of `function`.
        settings: The other options.
        stored: The config.json of the run to continue, None for a new run.
        group: Who trains.
    """
    from training import splits

    precision.use(settings.precision)
    with group.scope():
        recipe, data = loop.prepare(function, arguments, settings)
    group.check_batch(recipe.batch_size)
    settings = replace(
        settings, data=recipe.data, epochs=recipe.epochs, batch_size=recipe.batch_size
    )
    config = configuration(name, arguments, settings, recipe, data, stored or {})
    config["replicas"] = group.replicas
    print(splits.describe(data, recipe.protocol))
    print(f"{type(recipe.model).__name__} of {config['parameters']:,} parameters")
    print(f"Seed {settings.seed}, of the weights, of the order of the images and of the noise")
    print(f"{config['steps_per_epoch']} steps an epoch, of {recipe.batch_size} images")
    folder = Path(str(settings.out)) if stored else runs.create(_path(settings.out), name)
    with workers.runs_alone(group, folder):
        return train_in(folder, recipe, data, settings, stored, config, group)


def configuration(
    name: str,
    arguments: dict[str, Any],
    settings: Settings,
    recipe: Recipe,
    data: Any,
    stored: dict[str, Any],
) -> dict[str, Any]:
    """All that config.json holds; `stored` is that of the run to continue."""
    from training.data import steps_per_epoch

    steps = steps_per_epoch(len(data.train), recipe.batch_size)
    at_once = 1 if settings.strategy == "multiworker" else settings.steps_per_execution
    if at_once is None and stored.get("steps_per_epoch") == steps:
        at_once = stored["steps_per_execution"]  # Its checkpoints are where so many steps end.
    return {
        "recipe": name,
        "arguments": arguments,
        "settings": {k: v for k, v in asdict(settings).items() if k not in NOT_STORED},
        "data": recipe.data,
        "protocol": recipe.protocol,
        "image_shape": data.image_shape,
        "training_images": len(data.train),
        "test_images": len(data.test),
        "parameters": sum(math.prod(v.shape) for v in recipe.model.trainable_variables),
        "steps_per_epoch": steps,
        "steps_per_execution": loop.steps_per_execution(steps, at_once),
        "versions": runs.versions(),
    }


def train_in(
    folder: Path,
    recipe: Recipe,
    data: Any,
    settings: Settings,
    stored: dict[str, Any] | None,
    config: dict[str, Any],
    group: Workers,
) -> int:
    """Train in a run directory that no other process uses; returns the exit code."""
    resume = loop.resuming(folder, data, recipe, settings, group)
    with group.scope():
        model, position = loop.start(recipe, settings, stored, config, resume)
    folders.check_room(folder, 4 * COPIES * config["parameters"] + BYTES_FOR_PICTURES)
    runs.write_config(folder, config)
    print(f"Run directory: {folder}", flush=True)
    command = cli.with_imports(
        f"python -m training.train {config['recipe']} --out {folder} --resume"
    )
    try:
        loop.fit(model, data, recipe, settings, resume, position, config["steps_per_epoch"])
    except KeyboardInterrupt:
        print(f"\nInterrupted. To train on: {command}", file=sys.stderr)
        return cli.INTERRUPTED
    except SystemExit as end:
        if end.code == cli.TERMINATED:
            print(f"To train on: {command}", file=sys.stderr)
        raise
    if group.is_chief:
        finish(model, data, folder)
    return 0


def finish(model: Any, data: Any, folder: Path) -> None:
    """Draw the pictures and say where everything is."""
    from training import pictures

    drawn = pictures.draw(model, data, folder / runs.METRICS, folder / "pictures")
    print(f"Model:       {runs.open_run(folder).model_path}")
    print(f"Metrics:     {folder / runs.METRICS}")
    print(f"Pictures:    {folder / 'pictures'}: {', '.join(path.name for path in drawn)}")
    print(f"TensorBoard: tensorboard --logdir {folder / 'logs'}")
    print(f"Next:        {cli.with_imports(f'python -m training.evaluate {folder}')}")


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


if __name__ == "__main__":
    main()
