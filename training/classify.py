"""Turn the encoder of a run into a classifier, and compare it with the same network untrained.

    keras-vae classify runs/vae --labels 100,1000,all

For each number of labels, three networks are trained in the same way on the same labeled examples:

- the head alone, on the frozen encoder of the run,
- the whole network, from the encoder of the run,
- the whole network, from new weights.

Nothing is selected on the test examples. Each network is measured once, after a fixed number of
steps.
"""

import math
import time
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.files import outputs
from keras_vae.training import recipes
from keras_vae.training.runs import run_directory
from keras_vae.training.runs.provenance import provenance
from keras_vae.training.tables import table
from keras_vae.typing import LatentModel

if TYPE_CHECKING:
    import numpy as np

KINDS = {
    "frozen": "the head alone, on the frozen encoder",
    "fine_tuned": "the whole network, from the encoder on",
    "scratch": "the same network from new weights",
}


def classify(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    labels: str = "100,1000,all",
    data: str | None = None,
    layer: str | None = None,
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
    repeats: int = 3,
    epochs: int = 10,
    least_steps: int = 1000,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> int:
    """Compare classifiers that start from the encoder of a run with the same ones from scratch.

    Prints a table, and saves it in the run directory as classification.json and
    classification.md. With --data, the files are classification-DATA.json and
    classification-DATA.md. A lone .keras file needs --data, and its table is only printed.

    Args:
        run: A run directory of keras-vae train, or a .keras file.
        labels: Numbers of training examples that keep their labels, the same for each class; or
            `all`. Separate them by commas. A smaller set is a part of a larger one.
        data: A data set in place of the run's own.
        layer: Read this layer of the encoder in place of the code.
        hidden: Widths of dense layers between the features and the classes.
        dropout: Share of the features that training drops before each dense layer.
        repeats: Number of times that each network is trained, each with other examples and
            weights. The table has the means. `all` has the same examples each time.
        epochs: Number of passes over the labeled examples.
        least_steps: Smallest number of training steps, which may mean more epochs.
        batch_size: Examples per step.
        learning_rate: Of Adam at the first step; it falls to zero along half a cosine.
        seed: Seed of the choice of examples, of the weights and of the order.
    """
    wanted = numbers_of_labels(labels)
    options.at_least(
        1, repeats=repeats, epochs=epochs, least_steps=least_steps, batch_size=batch_size
    )
    if not 0.0 < learning_rate < math.inf:
        raise UsageError(f"Expected --learning-rate above 0. Received: {learning_rate:g}.")
    opened = run_directory.open_run(run)
    if opened.path.is_dir():
        outputs.check_folder(opened.path)
    cli.prepare_tensorflow(training=True)
    images = opened.data(data)
    check(images, wanted, run)
    network = {"layer": layer, "hidden": hidden, "dropout": dropout}
    schedule = {"epochs": epochs, "least_steps": least_steps, "batch_size": batch_size}
    settings = {**network, **schedule, "learning_rate": learning_rate, "seed": seed}
    report = compare(opened.model(), images, wanted, repeats, settings)
    text = markdown(report)
    print(text, end="")
    if opened.path.is_dir():
        from keras_vae.training.evaluate import keep_report

        keep_report(report, text, opened.path, "classification", data)
    return 0


def numbers_of_labels(text: str) -> list[int | None]:
    """Return the numbers in "100,1000,all", with None for all.

    Raises:
        ValueError: If a word is neither a number above 0 nor `all`.
    """
    words = [word.strip().replace("_", "") for word in text.split(",")]
    if bad := [w for w in words if w != "all" and not (w.isdigit() and int(w) > 0)]:
        raise UsageError(
            f"Expected --labels as numbers above 0 and `all`, with commas. Received: {bad[0]!r} in "
            f"{text!r}."
        )
    return [None if word == "all" else int(word) for word in words]


def check(data: Any, wanted: list[int | None], run: str) -> None:
    """Raise ValueError unless each class of the data has enough labels."""
    if data.train_labels is None:
        raise UsageError(
            f"Expected data with labels. Received: {data.name}, which has none. (Give --data with "
            "labels, such as a folder for each class.)"
        )
    import numpy as np

    counts = np.bincount(data.train_labels)
    for count in wanted:
        each = 0 if count is None else count // len(counts)
        if count is not None and (count % len(counts) or each > counts.min()):
            raise UsageError(
                f"Expected numbers of labels that are multiples of {len(counts)}, the number of "
                f"classes, up to {counts.min() * len(counts):,}. Received: {count}."
            )


def choose_images(labels: "np.ndarray", count: int | None, seed: int) -> "np.ndarray":
    """Choose the images that keep their labels, equally many of each class.

    With the same seed, a smaller set is a part of a larger one.

    Args:
        labels: The labels of all training images, `(count,)`.
        count: Number of images to choose, a multiple of the number of classes; None for all.
        seed: Seed of the choice.

    Returns:
        Indices in ascending order.
    """
    import numpy as np

    if count is None:
        return np.arange(len(labels))
    order = np.random.RandomState(seed).permutation(len(labels))
    classes = range(int(labels.max()) + 1)
    each = count // len(classes)
    return np.sort(np.concatenate([order[labels[order] == c][:each] for c in classes]))


def compare(
    model: LatentModel,
    data: Any,
    wanted: list[int | None],
    repeats: int,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Train and measure all networks, and return the content of classification.json.

    Args:
        model: A trained `keras_vae.Autoencoder`.
        data: A `keras_vae.training.data.loading.Data` with labels.
        wanted: Numbers of labels; None is all.
        repeats: Number of times that each network is trained.
        settings: Layer, hidden, dropout, epochs, least_steps, batch_size, learning_rate, seed.
    """
    import numpy as np

    from keras_vae.training.data.kinds import count_of

    begin, cpu = time.perf_counter(), time.process_time()
    count = len(wanted) * repeats * len(KINDS)
    least = count_of(settings["least_steps"], "steps")
    print(f"{count} trainings of at least {least} each", flush=True)
    rows: list[dict[str, Any]] = []
    done = 0
    for labels in wanted:
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for repeat in range(repeats):
            seed = settings["seed"] + repeat
            indices = choose_images(data.train_labels, labels, seed)
            for kind in KINDS:
                found[kind].append(accuracy(model, data, indices, kind, seed, settings))
                done += 1
                given = count_of(len(indices), "labels")
                print(f"{done}/{count} {given}, {kind}: {found[kind][-1]:.2%}", flush=True)
        means = {kind: float(np.mean(values)) for kind, values in found.items()}
        rows.append({"labels": len(indices), "accuracy": means, "each": found})
        print(f"{given}: " + ", ".join(f"{k} {v:.2%}" for k, v in means.items()))
    return {
        "data": data.name,
        "model": type(model).__name__,
        "test_images": len(data.test),
        "kind": data.kind,
        "repeats": repeats,
        "settings": {**settings, "hidden": list(settings["hidden"])},
        "kinds": KINDS,
        "rows": rows,
        "seconds": round(time.perf_counter() - begin, 1),
        "processor_seconds": round(time.process_time() - cpu, 1),
        **provenance(),
    }


def accuracy(
    model: LatentModel,
    data: Any,
    indices: "np.ndarray",
    kind: str,
    seed: int,
    settings: dict[str, Any],
) -> float:
    """Train one network on the labels of the images `indices`, and return its test accuracy."""
    from keras_vae.training.data.loading import (
        evaluation_batches,
        steps_per_epoch,
        training_batches,
    )

    classifier = network(model, data, kind, seed, settings)
    size = min(settings["batch_size"], len(indices))
    steps = steps_per_epoch(len(indices), size) * settings["epochs"]
    steps = max(steps, settings["least_steps"])
    classifier.compile(
        recipes.cosine_adam(settings["learning_rate"])(steps),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    batches = training_batches(data.train[indices], size, seed, labels=data.train_labels[indices])
    classifier.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    test = evaluation_batches(data.test, 500, labels=data.test_labels)
    return float(classifier.evaluate(test, verbose=0, return_dict=True)["accuracy"])


def network(model: Any, data: Any, kind: str, seed: int, settings: dict[str, Any]) -> Any:
    """Return the classifier of one of `KINDS`; new weights are initialized from `seed`."""
    import keras
    import numpy as np

    import keras_vae as kv

    keras.utils.set_random_seed(seed)
    start = type(model).from_config(model.get_config()) if kind == "scratch" else model
    start.build_for(np.zeros((1, *data.image_shape), "float32"))
    parts = {name: settings[name] for name in ("layer", "hidden", "dropout")}
    classes = int(data.train_labels.max()) + 1
    return kv.classifier_from(start, classes, freeze=kind == "frozen", **parts)


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a Markdown table with a title."""
    from keras_vae.training.data.kinds import count_of

    tested = count_of(report["test_images"], report["kind"])
    title = (
        f"Test accuracy on {tested} of {report['data']}, in %, of classifiers from the encoder "
        f"of a {report['model']}; mean of {report['repeats']} and, in brackets, the smallest and "
        "the largest."
    )
    columns = [(heading, "r") for heading in ("labels", *report["kinds"].values())]
    rows = []
    for row in report["rows"]:
        cells = [
            f"{100 * row['accuracy'][kind]:.2f} ({100 * min(each):.2f} - {100 * max(each):.2f})"
            for kind, each in row["each"].items()
        ]
        rows.append([f"{row['labels']:,}", *cells])
    return f"{title}\n\n{table(columns, rows)}\n"


if __name__ == "__main__":
    cli.main(classify)
