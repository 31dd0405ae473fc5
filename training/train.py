"""Train a recipe.

    keras-vae train --list
    keras-vae train conv_vae_digits
    keras-vae train conv_vae_digits --epochs 100 --latent-dim 16 --out runs/wide
    keras-vae train my_recipe.py --data my_pictures/ --image-size 64 64
    keras-vae train conv_vae_digits --out runs/wide --resume --epochs 200
    keras-vae train conv_vae_fashion_mnist --out runs/spot --checkpoint-minutes 0.5
    keras-vae train conv_vae_fashion_mnist --strategy mirrored           # on all GPUs
    keras-vae train conv_vae_fashion_mnist --precision mixed_bfloat16    # on a GPU

The first argument is the name of a recipe or a .py file of yours; the rest are options, which
`keras-vae train RECIPE --help` explains. `keras-vae train --list` shows the recipes, and the folder
of their files: copy one to begin your own. All files of a run are in one folder, which is printed.

A run that was killed at any moment goes on with --resume, and its result is the same as without the
interruption. SIGTERM writes a checkpoint and ends with status 75. Run the command again to
continue.
"""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.training import precision, recipes, session, train_options
from keras_vae.training.distributed import workers
from keras_vae.training.distributed.workers import Workers
from keras_vae.training.recipes import Recipe
from keras_vae.training.runs import folder_lock, provenance, run_callbacks, run_directory
from keras_vae.training.train_options import Settings
from keras_vae.typing import LatentModel

# The model and the checkpoints, each as an old and a new file at the same time, all with the two
# moments of Adam.
COPIES = (2 + run_callbacks.KEPT + 1) * 3
BYTES_FOR_PICTURES = 10_000_000
FEW_STEPS = 10
NOT_STORED = ("out", "resume")


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the program, see the text above."""
    words, modules = cli.split_imports(sys.argv[1:] if words is None else words)
    # Workers that wait in C++ must end at once, and a training handles SIGTERM itself.
    sys.exit(cli.run(lambda: cli.after_imports(modules, lambda: command(words)), clean_up=False))


def command(words: Sequence[str]) -> int:
    """Run the command in the first word: show the help or the recipes, or train one."""
    if not words or words[0] in ("-h", "--help"):
        print(str(__doc__).strip(), "\n\nThe recipes:\n")
        print(*recipes.summaries(), sep="\n")
        return 0 if words else cli.BAD_INPUT
    if words[0] == "--list":
        if words[1:]:
            raise UsageError(
                f"Expected --list alone, which shows all recipes. Received: {words[1]!r} after it. "
                "(keras-vae train RECIPE --help explains one of them.)"
            )
        print(*recipes.summaries(), sep="\n")
        print(f"\nTheir files are in {Path(recipes.__file__).parent}. Copy one to begin your own.")
        return 0
    if words[0].startswith("-"):
        raise UsageError(
            f"Expected a recipe before all options. Received: {words[0]}. "
            "(keras-vae train --list shows the recipes.)"
        )
    return train_recipe(words[0], words[1:])


def train_recipe(name: str, words: Sequence[str]) -> int:
    """Train the recipe `name` with the options in `words`, or continue a run of it."""
    function = recipes.find(name)
    name = str(Path(name).resolve()) if name.endswith(".py") else name
    settings, arguments = train_options.parse(name, function, words)
    given, stored = settings, None
    if settings.resume:
        stored = run_directory.open_run(str(settings.out)).config
        if stored.get("recipe") != name and not is_moved(str(stored.get("recipe")), name):
            raise UsageError(
                f"Expected the recipe of the run {settings.out}, {stored.get('recipe')}. "
                f"Received: {name}."
            )
        settings, arguments = train_options.parse(name, function, words, stored)
        train_options.refuse_changes(stored, settings, arguments)
    train_options.refuse_unused(given, settings.strategy)
    workers.check(settings)
    if settings.strategy != "multiworker" and not settings.resume and settings.out is not None:
        run_directory.check_new(Path(settings.out))
    cli.prepare_tensorflow(training=True)
    with workers.join(settings) as group:
        own = group.with_own_folder(settings)
        return train(name, function, arguments, own, stored, group)


def train(
    name: str,
    function: Callable[..., Recipe],
    arguments: dict[str, Any],
    settings: Settings,
    stored: dict[str, Any] | None,
    group: Workers,
) -> int:
    """Train with checked options, and return the exit status.

    Args:
        name: The name of the recipe.
        function: The function of the recipe.
        arguments: The arguments of `function`.
        settings: The other options.
        stored: The config.json of the run to continue; None for a new run.
        group: The processes that train together.
    """
    from keras_vae.base import network_defaults
    from keras_vae.training.data import loading, splits
    from keras_vae.training.data.advice import advise_scale
    from keras_vae.training.data.kinds import count_of

    precision.use(settings.precision)
    edition = network_defaults.NEWEST
    if stored:
        edition = stored.get("network_defaults", network_defaults.FIRST)
    with (
        group.scope(),
        network_defaults.use_edition(edition),
        loading.explain_moved_data(settings.data if stored else None),
    ):
        recipe, data = session.prepare(function, arguments, settings)
    if stored:
        refuse_other_data(stored, data)
    group.check_batch(recipe.batch_size)
    settings = replace(
        settings, data=recipe.data, epochs=recipe.epochs, batch_size=recipe.batch_size
    )
    config = configuration(name, arguments, settings, recipe, data, stored or {})
    config |= {"replicas": group.replicas, "network_defaults": edition}
    print(splits.describe(data, recipe.protocol))
    if data.gaps:
        print(f"Gaps: {data.gaps:.2%} of the numbers, which the model fills and no loss counts")
    if not settings.standardize and (advice := advise_scale(data)):
        print(advice)
    print(f"{type(recipe.model).__name__} of {config['parameters']:,} parameters")
    print(f"Seed {settings.seed}, of the weights, of the order of the {data.kind} and of the noise")
    steps = count_of(config["steps_per_epoch"], "steps")
    print(f"{steps} an epoch, of {count_of(recipe.batch_size, data.kind)}")
    if advice := few_steps_advice(config["steps_per_epoch"], recipe, len(data.train)):
        print(advice)
    out = None if settings.out is None else Path(settings.out)
    folder = out if stored and out is not None else run_directory.create(out, name)
    with workers.lock_run(group, folder):
        return train_in(folder, recipe, data, settings, stored, config, group)


def few_steps_advice(steps: int, recipe: Recipe, images: int) -> str:
    """Return advice for many epochs of few steps, which train little; else an empty text."""
    size = max(images // FEW_STEPS, 1)
    if steps >= FEW_STEPS or recipe.epochs < FEW_STEPS or size >= recipe.batch_size:
        return ""
    return (
        f"These are few steps for {recipe.epochs} epochs. A smaller batch gives more steps, and "
        f"often a better model in as many epochs: --batch-size {size}"
    )


def is_moved(before: str, now: str) -> bool:
    """Return whether a recipe file is no more where it was, and the other has its name."""
    gone = before.endswith(".py") and not Path(before).exists()
    return gone and Path(before).name == Path(now).name


def refuse_other_data(stored: dict[str, Any], data: Any) -> None:
    """Raise ValueError if the data of a continuation are not those of the run.

    Runs of earlier versions have no digest: only the number and the shape are compared.
    """
    from keras_vae.training.data.digest import digest
    from keras_vae.training.data.kinds import count_parts
    from keras_vae.training.data.sources.base import shape_text

    counts = {"training_images": len(data.train), "test_images": len(data.test)}
    now: dict[str, Any] = {**counts, "image_shape": list(data.image_shape)}
    before = {name: stored.get(name, value) for name, value in now.items()}
    if before != now:
        was, found = (
            f"{count_parts(one['training_images'], one['test_images'], data.kind)} of "
            f"{shape_text(one['image_shape'])}"
            for one in (before, now)
        )
        raise UsageError(
            f"Expected the data of the run, {was}. Received: {found} in {data.name}. (Put the same "
            "data there, or start a new run.)"
        )
    if stored.get("data_digest", found := digest(data)) != found:
        raise UsageError(
            f"Expected the {data.kind} that the run was trained on. Received: as many others, or "
            f"in another order, in {data.name}. (Put the same data there, or start a new run.)"
        )


def configuration(
    name: str,
    arguments: dict[str, Any],
    settings: Settings,
    recipe: Recipe,
    data: Any,
    stored: dict[str, Any],
) -> dict[str, Any]:
    """Return the content of config.json; `stored` is that of the run to continue."""
    from keras_vae.base.parameters import count_parameters
    from keras_vae.preprocessing.pipeline import fills_gaps
    from keras_vae.training.data.digest import digest
    from keras_vae.training.data.loading import steps_per_epoch

    steps = steps_per_epoch(len(data.train), recipe.batch_size)
    at_once = 1 if settings.strategy == "multiworker" else settings.steps_per_execution
    if at_once is None and stored.get("steps_per_epoch") == steps:
        at_once = stored["steps_per_execution"]  # Its checkpoints are at the ends of these.
    return {
        "recipe": name,
        "arguments": arguments,
        "settings": {k: v for k, v in asdict(settings).items() if k not in NOT_STORED},
        "data": recipe.data,
        "protocol": recipe.protocol,
        "image_shape": data.image_shape,
        "training_images": len(data.train),
        "test_images": len(data.test),
        "data_digest": stored.get("data_digest") or digest(data),
        "gaps": fills_gaps(recipe.model),
        "columns": data.columns,
        "parameters": count_parameters(recipe.model),
        "steps_per_epoch": steps,
        "steps_per_execution": session.steps_per_execution(steps, at_once),
        "versions": provenance.versions(),
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
    """Train in a locked run directory, and return the exit status."""
    resume = run_callbacks.make_checkpoint(folder, data, recipe, settings, group)
    with group.scope():
        model, position = session.start(recipe, settings, stored, config, resume)
    folder_lock.check_room(folder, 4 * COPIES * config["parameters"] + BYTES_FOR_PICTURES)
    run_directory.write_config(folder, config)
    print(f"Run directory: {folder}", flush=True)
    command = cli.next_command("train", config["recipe"], "--out", folder, "--resume")
    try:
        session.fit(model, data, recipe, settings, resume, position, config["steps_per_epoch"])
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


def finish(model: LatentModel, data: Any, folder: Path) -> None:
    """Draw the pictures, and print the paths of all files."""
    from keras_vae.training.runs import pictures

    drawn = pictures.draw(model, data, folder / run_directory.METRICS, folder / "pictures")
    run = run_directory.open_run(folder)
    print(f"Model:       {run.model_path}")
    print(f"Metrics:     {folder / run_directory.METRICS}")
    print(f"Pictures:    {folder / 'pictures'}: {', '.join(path.name for path in drawn)}")
    print(f"TensorBoard: {shlex.join(['tensorboard', '--logdir', str(folder / 'logs')])}")
    recipe = str(run.config["recipe"])
    imports = [recipe] if recipe.endswith(".py") else []
    print(f"Next:        {cli.next_command('evaluate', folder, imports=imports)}")


if __name__ == "__main__":
    main()
