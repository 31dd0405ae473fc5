"""Charts of training histories and of latent codes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.acceleration.batching import default_batch_size, map_batches
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.plots.examples import MOST_CLASSES, check_labels, examples
from keras_vae.plots.figures import FONT_SIZE, TEXT_COLOR, Figure, new_figure
from keras_vae.preprocessing.pipeline import fills_gaps
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, data_checks

TRAINING_COLOR = "#1f77b4"
VALIDATION_COLOR = "#e8710a"
NOT_CURVES = ("epoch", "seconds")
# Ends of the names of numbers whose unit is not nats.
UNITLESS = ("units", "perplexity", "learning_rate", "lr", "accuracy", "beta")
OF_CSV = " (Of keras.callbacks.CSVLogger, give pandas.read_csv(path).to_dict(orient='list').)"


def read_history(path: str | Path) -> dict[str, list[float]]:
    """Read the curves of a `metrics.jsonl` that `keras_vae.callbacks.JsonLines` wrote.

    Example:
        >>> log = keras_vae.callbacks.JsonLines("metrics.jsonl")
        >>> model.fit(images, epochs=2, callbacks=[log])
        >>> len(keras_vae.plots.read_history("metrics.jsonl")["loss"])
        2

    Args:
        path: The file.

    Returns:
        The numbers of each epoch by name, as `keras.callbacks.History.history` has them.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If `path` is neither text nor a path.
        ValueError: If a line is not a JSON object.
    """
    lines, path = [], arguments.path("path", path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a metrics.jsonl, as JsonLines writes it. Received: {path}, which is no file."
        )
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            lines.append(arguments.mapping("line", json.loads(text)))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"Expected a JSON object on each line of {path}. Received: {text[:60]!r} on "
                f"line {number}.{OF_CSV * (path.suffix.lower() == '.csv')}"
            ) from error
    names = dict.fromkeys(name for line in lines for name in line)
    return {
        name: [np.nan if line.get(name) is None else line[name] for line in lines] for name in names
    }


def loss_curves(history: Any, validation_freq: int | Sequence[int] | None = None) -> Figure:
    """Draw a panel for each logged number, training and validation together, over epochs.

    Example:
        >>> history = model.fit(train, validation_data=(test,), epochs=10)
        >>> figure = keras_vae.plots.loss_curves(history)

    Args:
        history: The result of `model.fit`, its `.history`, or the path of a `metrics.jsonl`.
        validation_freq: Epochs between two validations, or a list of the epochs with one, from 1,
            as in `fit`. None takes that of the `fit` whose result is given. Of other histories, it
            finds the former in the number of validations, if one alone leads to it.

    Raises:
        ValueError: If it holds no epoch, the file is no `metrics.jsonl`, or there are fewer
            validations than epochs, by an unknown `validation_freq`.
        TypeError: If it is no history of numbers.
    """
    curves = _curves(history)
    epochs = max((len(values) for values in curves.values()), default=0)
    if validation_freq is None:  # `fit` of this package keeps it.
        validation_freq = getattr(history, "params", {}).get("validation_freq")
    places = _epochs_of(curves, epochs, validation_freq)
    names = _panels(curves)
    if not names:
        raise UsageError("Expected the logs of at least one epoch. Received: none.")
    columns = len(names) if len(names) <= 4 else 3
    rows = -(-len(names) // columns)
    figure = new_figure(3.4 * columns, 3.0 * rows, layout="constrained")
    for place, name in enumerate(names, start=1):
        _draw_curve(figure.add_subplot(rows, columns, place), curves, places, name)
    return figure


def latent_scatter(
    model: LatentModel, x: Any, labels: Any = None, label_names: Sequence[str] | None = None
) -> Figure:
    """Draw codes of examples as points; more than two latent units are projected by PCA.

    Example:
        >>> figure = keras_vae.plots.latent_scatter(model, test, test_labels)

    Args:
        model: A built model of `keras_vae`.
        x: Examples, `(batch, *event_shape)`, with NaN for gaps if the model fills them.
        labels: Integer class of each, `(batch,)`, for the colors.
        label_names: Names of classes 0, 1, ... for the legend of up to 20 classes.

    Raises:
        ValueError: If there are no examples, labels are none of them, or a class has no name.
        TypeError: If the examples are not numbers.
    """
    data_checks.refuse_condition(model)
    x = examples("x", x, fills_gaps(model))
    labels = check_labels(labels, label_names, len(x))
    label_names = None if label_names is None else list(label_names)
    size = min(len(x), default_batch_size(x.shape[1:]))
    codes = arguments.array("codes", map_batches(model.encode, x, size)).reshape(len(x), -1)
    points, names = project(codes)
    figure = new_figure(7.2, 5.6, layout="constrained")
    axes = figure.add_subplot()
    _draw_points(figure, axes, points, labels, label_names)
    axes.set_title(f"Codes of {len(x):,} examples", loc="left", fontsize=FONT_SIZE + 1)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_aspect("equal", adjustable="datalim")
    _plain(axes)
    return figure


def project(codes: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Project codes `(batch, size)` to the plane, `(batch, 2)`, and name the two axes."""
    if codes.shape[1] == 1:
        return np.column_stack([codes[:, 0], np.arange(len(codes))]), ("z0", "example")
    if codes.shape[1] == 2:
        return codes, ("z0", "z1")
    centered = codes - codes.mean(axis=0)
    left, scale, _ = np.linalg.svd(centered, full_matrices=False)
    left, scale = (np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, 2)]) for part in (left, scale))
    share = np.square(scale) / max(np.square(scale).sum(), np.finfo("float32").tiny)
    first, second = (
        f"{rank} principal component ({part:.0%} of variance)"
        for rank, part in zip(("first", "second"), share, strict=False)
    )
    return left[:, :2] * scale[:2], (first, second)


def _curves(history: Any) -> dict[str, list[float]]:
    path = isinstance(history, (str, Path))
    logs = read_history(history) if path else getattr(history, "history", history)
    if not isinstance(logs, Mapping):
        raise UsageTypeError(
            "Expected the result of fit, its history, or the path of a metrics.jsonl. Received: "
            f"{_describe(history)}"
        )
    arguments.names("the names in history", list(logs), "loss")
    curves = {name: arguments.array(name, found, finite=False) for name, found in logs.items()}
    for name, values in curves.items():
        if values.ndim != 1:
            raise UsageError(
                f"Expected {name} with a number for each epoch. Received: {logs[name]!r}."
            )
    return {name: values.tolist() for name, values in curves.items()}


def _describe(history: Any) -> str:
    """Return what a user gave in place of a history, and what to do."""
    if hasattr(history, "columns"):
        columns = "{name: frame[name].to_numpy() for name in frame.columns}"
        return f"a {type(history).__name__}. (Give its columns: {columns}.)"
    return f"{history!r}."


def _panels(curves: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the names of the numbers to draw, without `val_`, in the order of logging."""
    names = dict.fromkeys(name.removeprefix("val_") for name in curves if name not in NOT_CURVES)
    loss, bound = curves.get("loss"), curves.get("elbo")
    if loss and bound and np.allclose(loss, np.negative(bound), rtol=1e-3, equal_nan=True):
        names.pop("loss")
    return [name for name in names if curves.get(name) or curves.get(f"val_{name}")]


def _epochs_of(
    curves: Mapping[str, Sequence[float]], count: int, validation_freq: Any
) -> dict[str, Sequence[int]]:
    """Return the epochs of the numbers of each curve, from 1, of `count` epochs."""
    if arguments.is_list(validation_freq):
        listed = [arguments.integer("validation_freq", epoch) for epoch in validation_freq]
        choices = [sorted({epoch for epoch in listed if epoch <= count})]
    elif validation_freq is not None:
        choices = [_each(arguments.integer("validation_freq", validation_freq), count)]
    else:
        choices = [_each(spacing, count) for spacing in range(2, count + 1)]
    every: Sequence[int] = _each(1, count)
    found = {}
    for name, values in curves.items():
        fitting = [each for each in (every, *choices) if len(each) == len(values)]
        if values and (not fitting or any(each != fitting[0] for each in fitting)):
            raise UsageError(
                f"Expected {name} at each of {count} epochs, or at those of validation_freq. "
                f"Received: {len(values)} numbers and validation_freq={validation_freq!r}. (Give "
                "the validation_freq of fit.)"
            )
        found[name] = fitting[0] if values else every
    return found


def _each(spacing: int, count: int) -> list[int]:
    return list(range(spacing, count + 1, spacing))


def _draw_curve(
    axes: Any,
    curves: Mapping[str, Sequence[float]],
    places: Mapping[str, Sequence[int]],
    name: str,
) -> None:
    shown = {"training": (name, TRAINING_COLOR), "validation": (f"val_{name}", VALIDATION_COLOR)}
    drawn = []
    for label, (logged, color) in shown.items():
        if values := curves.get(logged):
            drawn.append(values)
            marker = "o" if len(values) < 10 else None
            epochs = places[logged]
            axes.plot(epochs, values, color=color, label=label, marker=marker, markersize=4)
    counts = name.endswith("units")
    if counts:
        axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
        axes.yaxis.get_major_locator().set_params(integer=True)
    else:
        _scale_to_end(axes, drawn)
    axes.xaxis.get_major_locator().set_params(integer=True)
    title = name.replace("_", " ") + ("" if name.endswith(UNITLESS) else " (nats)")
    axes.set_title(title, loc="left", fontsize=FONT_SIZE + 1)
    axes.set_xlabel("epoch")
    axes.legend(frameon=False, fontsize=FONT_SIZE - 1)
    _plain(axes)


def _scale_to_end(axes: Any, curves: Sequence[Sequence[float]]) -> None:
    """Scale to the last nine tenths of a long training; the steep start would flatten the rest."""
    first = len(curves[0]) // 10
    late = np.concatenate([np.asarray(values[first:], "float64") for values in curves])
    late = late[np.isfinite(late)]
    if first and late.size and np.ptp(late) > 0:
        room = 0.08 * np.ptp(late)
        axes.set_ylim(late.min() - room, late.max() + room)


def _draw_points(
    figure: Any, axes: Any, points: np.ndarray, labels: Any, names: Sequence[str] | None
) -> None:
    size = float(np.clip(24000 / len(points), 6, 40))
    style = {"s": size, "linewidths": 0, "alpha": 0.75}
    if labels is None:
        axes.scatter(*points.T, color=TRAINING_COLOR, **style)
        return
    classes = np.unique(labels)
    if len(classes) > MOST_CLASSES:
        scatter = axes.scatter(*points.T, c=labels, cmap="viridis", **style)
        figure.colorbar(scatter, ax=axes, label="class")
        return
    from matplotlib import colormaps

    colors = colormaps["tab10" if len(classes) <= 10 else "tab20"]
    for index, label in enumerate(classes):
        chosen = points[labels == label]
        name = _plain_name(str(names[label] if names else label))
        axes.scatter(*chosen.T, color=colors(index), label=name, **style)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, markerscale=2
    )


def _plain_name(name: str) -> str:
    """Return a name as Matplotlib shows it: without mathematics, and not hidden."""
    name = name.replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name or "(no name)"


def _plain(axes: Any) -> None:
    """Draw no box, a light grid and gray text."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=TEXT_COLOR, labelsize=FONT_SIZE - 1)
