"""Tell the images of one class from all others with a model that saw that class alone.

    python -m training.one_class
    python -m training.one_class --validate     # on training images only, to choose a score by

Each class of the data in turn is the normal one: a small model learns its training images, and
the area under the ROC curve says how well a score sets the test images of all other classes apart.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import tyro

from training import cli

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
    """Train a model of each class, and measure how well scores find the images of the others.

    Prints the area under the ROC curve in percent, for each class and the mean; 50 is chance.

    Args:
        recipe: A recipe of training/recipes, or a .py file.
        data: A data set with labels.
        epochs: Of each model; those of the recipe if left out.
        validate: Use no test image: score a sixth of the training images, which no model sees.
        limit: Keep only the first so many training and test images.
        seed: Of the weights, of the order of the images and of the noise.
    """
    for name, value in (("epochs", epochs), ("limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"Expected --{name} of at least 1. Received: {value}.")
    from training import recipes, splits
    from training.data import load

    function = recipes.find(recipe)
    cli.prepare_tensorflow(training=True)
    _expect_many_models()
    begin, cpu = time.perf_counter(), time.process_time()
    images = load(data, limit=limit)
    check(images)
    images = splits.for_training(images, "held_out" if validate else "plain")
    table = {}
    for label in classes(images):
        table[label] = areas(new_recipe(function, images, epochs, seed), images, label)
        print(f"Class {label} after {time.perf_counter() - begin:.0f} s", flush=True)
    print(markdown(table))
    kind = "training images that no model saw" if validate else "test images"
    print(f"Of {len(images.test):,} {kind} of {images.name}")
    print(f"{time.process_time() - cpu:,.0f} s of processor time")
    return 0


def _expect_many_models() -> None:
    """Drop TensorFlow's warning that a function is traced again, as each new model's must be."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")


def check(images: Any) -> None:
    """Raise ValueError unless there are two classes or more of enough training images."""
    from training.measures.unusual import NEIGHBORS

    labels = images.train_labels
    if labels is None or images.test_labels is None or len(classes(images)) < 2:
        raise ValueError(
            f"Expected data with labels of two classes or more. Received: {images.name}, which "
            "has none or only one."
        )
    if (smallest := min(np.bincount(labels)[classes(images)])) <= NEIGHBORS:
        raise ValueError(
            f"Expected more than {NEIGHBORS} training images of each class. Received: {smallest}."
        )


def classes(images: Any) -> list[int]:
    """The labels that training images have."""
    return np.unique(images.train_labels).tolist()


def new_recipe(function: Any, images: Any, epochs: int | None, seed: int) -> Any:
    """The recipe with a new model for these images."""
    from training.loop import call_recipe

    made = call_recipe(function, {"image_shape": images.image_shape}, seed)
    return replace(made, epochs=epochs or made.epochs)


def areas(recipe: Any, images: Any, label: int) -> dict[str, float]:
    """Areas under the ROC curves of all scores, when the class `label` is the normal one.

    Args:
        recipe: A new `training.recipes.Recipe`.
        images: A `training.data.Data` with labels.
        label: The class that the model learns.
    """
    from keras_vae import metrics
    from training.measures import unusual

    train, normal = images.train[images.train_labels == label], images.test_labels == label
    fit(recipe, unusual.roots(train))
    found = unusual.scores(recipe.model, train, images.test, BATCH_SIZE)
    return {name: metrics.auroc(each[normal], each[~normal]) for name, each in found.items()}


def fit(recipe: Any, train: np.ndarray) -> None:
    """Train the model of a recipe on these images, without a word."""
    from training.data import steps_per_epoch, training_batches
    from training.loop import compile_model

    steps = steps_per_epoch(len(train), recipe.batch_size)
    compile_model(recipe, steps)
    batches = training_batches(train, recipe.batch_size, recipe.model.seed)
    recipe.model.fit(batches, epochs=recipe.epochs, steps_per_epoch=steps, shuffle=False, verbose=0)


def markdown(table: Mapping[int, Mapping[str, float]]) -> str:
    """A row for each score: its mean, its value for each class in percent, what it is.

    Args:
        table: The areas, by class and by score.
    """
    from training.measures.unusual import MEANINGS

    head = ["measure", "mean", *map(str, table), "what it is"]
    rows = [head, ["---"] * len(head)]
    for name, meaning in MEANINGS.items():
        values = [100 * found[name] for found in table.values()]
        cells = [f"{np.mean(values):.2f}", *(f"{value:.1f}" for value in values)]
        rows.append([name, *cells, meaning])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    cli.main(one_class)
