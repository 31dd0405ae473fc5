"""The parts of a training: recipe and data, the model to start from, and the epochs."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.training import raw_data, recipes
from keras_vae.training.data.kinds import count_of, kind_of
from keras_vae.training.data.sources.registry import make_absolute
from keras_vae.training.recipes import Recipe
from keras_vae.training.runs import metrics_file, run_directory
from keras_vae.training.train_options import Settings
from keras_vae.typing import LatentModel


def prepare(
    function: Callable[..., Recipe], arguments: dict[str, Any], settings: Settings
) -> tuple[Recipe, Any]:
    """Return the recipe with all options, and the data that its protocol lets training see.

    Raises:
        ValueError: If the recipe is for data of another kind or shape, or its likelihood for other
            values.
    """
    from keras_vae.training import fits
    from keras_vae.training.data import splits
    from keras_vae.training.data.loading import as_floats, load

    recipe = recipes.call(function, arguments, settings.seed)
    recipe = replace(
        recipe,
        data=make_absolute(recipe.data) if settings.data is None else settings.data,
        epochs=settings.epochs or recipe.epochs,
        batch_size=settings.batch_size or recipe.batch_size,
    )
    data = load(
        recipe.data,
        image_size=settings.image_size,
        crop_to_aspect_ratio=settings.crop_to_aspect_ratio,
        limit=settings.limit,
        data_dir=settings.data_dir,
        window=settings.window,
        stride=settings.stride,
        skip_columns=settings.skip_columns,
        gaps=True,
        kind=kind_of(recipe.model.event_shape),
    )
    if not settings.resume:  # A run that has begun goes on.
        fits.check_kind(function, recipe.model, data)
    recipe = replace(
        recipe, model=fits.model_for(function, arguments, recipe.model, data, settings.seed)
    )
    seen = splits.training_data(data, recipe.protocol)
    model = raw_data.take_raw(recipe.model, data, seen.train, settings.standardize)
    recipe = replace(recipe, model=model)
    any_kind = fits.takes_any_kind(function)
    fits.check_values(recipe.model, data, recipe.data, ("train", "test"), any_kind)
    first = as_floats(data.train[:1])
    recipe.model.observation(recipe.model.encode(first))  # Checks that the likelihood fits.
    return recipe, seen


def steps_per_execution(steps: int, wanted: int | None) -> int:
    """Return the number of steps in one execution, which divides the steps of an epoch.

    Keras runs past the end of an epoch if it does not.

    Args:
        steps: Steps of an epoch.
        wanted: The option of the user; None to choose it for speed.

    Raises:
        ValueError: If `wanted` does not divide `steps`.
    """
    from keras_vae.acceleration import compile_fast

    if wanted is None:
        return compile_fast.steps_at_once(steps)
    divisors = [n for n in range(1, steps + 1) if steps % n == 0]
    if wanted not in divisors:
        raise UsageError(
            f"Expected --steps-per-execution to divide the {steps} steps of an epoch: "
            f"{', '.join(map(str, divisors))}. Received: {wanted}."
        )
    return wanted


def start(
    recipe: Recipe,
    settings: Settings,
    stored: dict[str, Any] | None,
    config: dict[str, Any],
    resume: Any,
) -> tuple[Any, Any]:
    """Return the compiled model to train, and the `Position` from which to continue.

    If there is a checkpoint, the model is that of the recipe, and `fit` restores its state. Without
    one, the model of the last epoch is loaded.

    Args:
        recipe: The recipe with all options applied.
        settings: The settings of the run.
        stored: The config.json of the run to continue; None for a new run.
        config: The configuration of this training.
        resume: From `make_checkpoint`.

    Raises:
        ValueError: If the data are not those of the run to continue, it has more epochs, or its
            learning rate follows a schedule over another number of them.
    """
    before = recipe.epochs if stored is None else stored["settings"].get("epochs", recipe.epochs)
    if has_schedule(recipe) and before != recipe.epochs:
        raise UsageError(
            f"Expected --epochs {before}, over which the learning rate of the run falls. "
            f"Received: {recipe.epochs}. (Start a new run.)"
        )
    at_once, steps = config["steps_per_execution"], config["steps_per_epoch"]
    model, position = recipe.model, resume.position
    path = Path(str(settings.out)) / run_directory.MODEL
    if stored is not None:
        refuse_other_data(stored, config)
    if stored and not resume.found and path.is_file():
        model = run_directory.load_model(path, compile=True)
        model.steps_per_execution = at_once
        position = type(position)(*divmod(steps_of(model), steps))
        sync_with_model(path.parent, recipe, position)
    else:
        if stored and not resume.found:  # Nothing is left of the epochs that were recorded.
            metrics_file.keep_epochs(path.parent, 0)
        compile_model(recipe, steps, at_once)
    if position.epoch > recipe.epochs:
        raise UsageError(
            f"Expected --epochs of at least {position.epoch}, which the run has already. "
            f"Received: {recipe.epochs}."
        )
    return model, position


def has_schedule(recipe: Recipe) -> bool:
    """Return whether the learning rate follows a schedule over the whole training."""
    import keras

    return not isinstance(recipe.optimizer, keras.optimizers.Optimizer)


def compile_model(recipe: Recipe, steps: int, at_once: int | None = None) -> None:
    """Compile the recipe's model for epochs of `steps` steps, `at_once` in one execution."""
    import keras_vae as kv

    total = recipe.epochs * steps
    optimizer = recipe.optimizer(total) if has_schedule(recipe) else recipe.optimizer
    recipes.check_learning_rate(optimizer)
    kv.compile_fast(recipe.model, optimizer, steps, steps_per_execution=at_once)


def sync_with_model(folder: Path, recipe: Recipe, position: Any) -> None:
    """Make the other files of a run agree with its model.keras, as there is no checkpoint.

    Raises:
        ValueError: If the model has trained for a part of an epoch.
    """
    from keras_vae.training.runs.best_epoch import KeepBest

    if position.step:
        raise UsageError(
            f"Expected a {run_directory.MODEL} of whole epochs of the data. Received: one of "
            f"{position.epoch} epochs and {position.step} steps."
        )
    print(
        f"No checkpoint in {folder}: going on from {run_directory.MODEL}, "
        f"after {count_of(position.epoch, 'epochs')}."
    )
    metrics_file.keep_epochs(folder, position.epoch)
    if recipe.protocol != "plain":
        KeepBest(folder, recipe.best, recipe.patience).keep()


def refuse_other_data(stored: dict[str, Any], config: dict[str, Any]) -> None:
    """Raise ValueError if the data are not those that the run was trained on."""
    before, now = (
        {
            "training examples": c.get("training_images"),
            "steps an epoch": c.get("steps_per_epoch"),
            "replicas": c.get("replicas", 1),
        }
        for c in (stored, config)
    )
    if before != now:
        raise UsageError(
            f"Expected the data, and as many replicas, as the run was trained on, {before}. "
            f"Received: {now}."
        )


def fit(
    model: LatentModel,
    data: Any,
    recipe: Recipe,
    settings: Settings,
    resume: Any,
    position: Any,
    steps: int,
) -> None:
    """Train from `position` to the last epoch.

    Args:
        model: The compiled model.
        data: A `keras_vae.training.data.loading.Data`.
        recipe: The recipe with all options applied.
        settings: The settings of the run.
        resume: From `make_checkpoint`, with all callbacks.
        position: The `Position` from which to continue.
        steps: Steps of an epoch.
    """
    from keras_vae.training.data import splits
    from keras_vae.training.data.loading import evaluation_batches, training_batches

    done = position.epoch
    if position.ended or done == recipe.epochs:
        resume.restore(model)
        run_directory.rewrite_if_damaged(resume.folder.parent, model)
        if position.ended:
            print(f"The training has ended by itself after {count_of(done, 'epochs')}.")
        else:
            all_done = "1 epoch is" if done == 1 else f"All {done} epochs are"
            print(f"{all_done} done. (Give --epochs N to train on.)")
        return
    first = done * steps + position.step
    batches = splits.batches(recipe.protocol, data.train, recipe.batch_size, settings.seed, first)
    if recipe.adapt and not first:
        model.adapt(training_batches(data.train, recipe.batch_size, settings.seed, epochs=1))
    begin, cpu = time.perf_counter(), time.process_time()
    with raise_read_failure(data):
        model.fit(
            batches,
            validation_data=evaluation_batches(data.test, recipe.batch_size),
            epochs=recipe.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            shuffle=False,  # The batches are shuffled already.
            callbacks=resume.fit_callbacks,
            verbose=1 if sys.stdout.isatty() else 2,
        )
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    rate = (steps_of(model) - first) / steps * len(data.train) / seconds
    print(
        f"Trained in {seconds:,.0f} s ({cpu:,.0f} s of processor time), {rate:,.0f} "
        f"{data.kind}/s with validation"
    )


@contextlib.contextmanager
def raise_read_failure(data: Any) -> Iterator[None]:
    """Raise the error of a file that could not be read, in place of TensorFlow's error."""
    try:
        yield
    except Exception as error:
        for part in (data.train, data.test):
            if failure := getattr(part, "failure", None):
                raise failure from error
        raise


def steps_of(model: LatentModel) -> int:
    """Return the number of steps that a model was trained for, also on several devices."""
    import keras

    return int(keras.ops.convert_to_numpy(model.steps))
