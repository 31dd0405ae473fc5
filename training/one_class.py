"""Detect images of other classes with a model that was trained on one class alone.

    keras-vae one-class
    keras-vae one-class --validate     # on training images only, to choose a score by

Each class of the data in turn is the normal one. A small model is trained on its training images.
The area under the ROC curve measures how well a score separates the test images of other classes.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.training.tables import table

if TYPE_CHECKING:
    import numpy as np

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]
BATCH_SIZE = 500


def one_class(
    recipe: str = "one_class_fashion_mnist",
    data: str = "fashion_mnist",
    epochs: int | None = None,
    validate: Flag = False,
    limit: int | None = None,
    seed: int = 0,
) -> int:
    """Train a model of each class, and measure how well scores detect images of other classes.

    Prints the area under the ROC curve in percent, for each class and the mean; 50 is chance.

    Args:
        recipe: A recipe of training/recipes, or a .py file.
        data: A data set with labels.
        epochs: Epochs of each model; by default those of the recipe.
        validate: Use no test images. Score a held-out sixth of the training images instead.
        limit: Number of training images and of test images to keep; all by default.
        seed: Seed of the weights, of the order of the images and of the noise.
    """
    options.at_least(1, epochs=epochs, limit=limit)
    from keras_vae.training import recipes
    from keras_vae.training.data import splits
    from keras_vae.training.data.kinds import count_of
    from keras_vae.training.data.loading import load

    function = recipes.find(recipe)
    cli.prepare_tensorflow(training=True)
    _silence_retracing()
    begin, cpu = time.perf_counter(), time.process_time()
    images = load(data, limit=limit)
    check(images)
    images = splits.training_data(images, "held_out" if validate else "plain")
    areas = {}
    for label in classes(images):
        areas[label] = measure_class(new_recipe(function, images, epochs, seed), images, label)
        print(f"Class {label} after {time.perf_counter() - begin:.0f} s", flush=True)
    print(markdown(areas))
    unseen = " that no model saw" if validate else ""
    tested = count_of(len(images.test), "training images" if validate else "test images")
    print(f"Of {tested}{unseen} of {images.name}")
    print(f"{time.process_time() - cpu:,.0f} s of processor time")
    return 0


def _silence_retracing() -> None:
    """Hide TensorFlow's warnings about retracing, which each new model causes."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")


def check(images: Any) -> None:
    """Raise ValueError unless there are at least two classes with enough training images."""
    import numpy as np

    from keras_vae.training.data import source_advice
    from keras_vae.training.evaluation.unusual import NEIGHBORS

    if images.kind != "images":
        raise UsageError(
            f"Expected images, whose pixels the scores compare. Received: {images.kind} in "
            f"{images.name}. ({source_advice.advise('images')})"
        )
    labels = images.train_labels
    if labels is None or images.test_labels is None or len(classes(images)) < 2:
        raise UsageError(
            f"Expected data with labels of two classes or more. Received: {images.name}, which "
            "has none or only one."
        )
    if (smallest := min(np.bincount(labels)[classes(images)])) <= NEIGHBORS:
        raise UsageError(
            f"Expected more than {NEIGHBORS} training images of each class. Received: {smallest}."
        )


def classes(images: Any) -> list[int]:
    """Return the labels of the training images, without duplicates."""
    import numpy as np

    return np.unique(images.train_labels).tolist()


def new_recipe(function: Any, images: Any, epochs: int | None, seed: int) -> Any:
    """Return the recipe with a new model for these images."""
    from keras_vae.training import fits, recipes

    made = recipes.call(function, {}, seed)
    model = fits.model_for(function, {}, made.model, images, seed)
    return replace(made, model=model, epochs=epochs or made.epochs)


def measure_class(recipe: Any, images: Any, label: int) -> dict[str, float]:
    """Return the areas under the ROC curves of all scores, if `label` is the normal class.

    Args:
        recipe: A new `training.recipes.Recipe`.
        images: A `keras_vae.training.data.loading.Data` with labels.
        label: The class that the model is trained on.
    """
    from keras_vae import metrics
    from keras_vae.training.evaluation import unusual

    train, normal = images.train[images.train_labels == label], images.test_labels == label
    fit(recipe, unusual.roots(train))
    found = unusual.scores(recipe.model, train, images.test, BATCH_SIZE)
    return {name: metrics.auroc(each[normal], each[~normal]) for name, each in found.items()}


def fit(recipe: Any, train: "np.ndarray") -> None:
    """Train the model of a recipe on these images, without output."""
    from keras_vae.training.data.loading import steps_per_epoch, training_batches
    from keras_vae.training.session import compile_model

    steps = steps_per_epoch(len(train), recipe.batch_size)
    compile_model(recipe, steps)
    batches = training_batches(train, recipe.batch_size, recipe.model.seed)
    recipe.model.fit(batches, epochs=recipe.epochs, steps_per_epoch=steps, shuffle=False, verbose=0)


def markdown(areas: Mapping[int, Mapping[str, float]]) -> str:
    """Return a Markdown table with a row for each score: its mean and its value for each class.

    Args:
        areas: The areas under the ROC curves, by class and by score.
    """
    import numpy as np

    from keras_vae.training.evaluation.unusual import MEANINGS

    columns = [("measure", "l"), *((name, "r") for name in ("mean", *map(str, areas)))]
    columns.append(("what it is", "l"))
    rows = []
    for name, meaning in MEANINGS.items():
        values = [100 * found[name] for found in areas.values()]
        cells = [f"{np.mean(values):.2f}", *(f"{value:.1f}" for value in values)]
        rows.append([name, *cells, meaning])
    return table(columns, rows)


if __name__ == "__main__":
    cli.main(one_class)
