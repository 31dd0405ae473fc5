"""What figures refuse, in this package's words."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae import plots
from keras_vae.errors import KerasVAEError
from tests.plots.test_plots import ImageModel, images

X = images()
CLASSES = np.arange(12) % 3


def scatter(labels=CLASSES, names=None, x=X):
    return plots.latent_scatter(ImageModel(), x, labels, names)


def series(x):
    return plots.series_reconstructions(ImageModel(), x)


BAD = {
    "a class without a name": (lambda: scatter(names=["a", "b"]), "label_names, a name for each"),
    "classes below 0": (lambda: scatter(-CLASSES, ["a", "b", "c"]), "label_names, a name for each"),
    "text as names": (lambda: scatter(names="abc"), "label_names to be a list of names"),
    "names of text": (lambda: scatter(["a", "b"] * 6, ["a", "b"]), "label_names, a name for each"),
    "names alone": (lambda: scatter(None, ["a"]), "labels next to label_names"),
    "few labels": (lambda: scatter(CLASSES[:3]), r"labels of shape \(12,\).*\(3,\)"),
    "columns of labels": (lambda: scatter(CLASSES[:, None]), r"labels of shape \(12,\)"),
    "NaN labels": (lambda: scatter(CLASSES * np.nan), "labels of classes, integers"),
    "fractions as labels": (lambda: scatter(CLASSES + 0.5), "labels of classes, integers"),
    "text of many classes": (
        lambda: scatter([str(i) for i in range(40)], x=images(40)),
        "labels of integers for more than 20 classes",
    ),
    "no examples": (lambda: scatter(None, x=X[:0]), "x of at least one example"),
    "NaN examples": (lambda: scatter(x=X * np.nan), "finite values in x"),
    "no columns": (lambda: plots.reconstructions(ImageModel(), X, 0), "columns of at least 1"),
    "minus": (lambda: plots.reconstructions(ImageModel(), X, -1), "columns of at least 1"),
    "half": (lambda: plots.reconstructions(ImageModel(), X, 2.5), "columns of at least 1, an int"),
    "no images": (lambda: plots.reconstructions(ImageModel(), X[:0]), "x of at least one example"),
    "text images": (lambda: plots.reconstructions(ImageModel(), X.astype(str)), "numbers in x"),
    "two minus": (lambda: plots.samples(ImageModel(), -2, -3), "rows of at least 1"),
    "half of two": (lambda: plots.samples(ImageModel(), 2.5, 2), "rows of at least 1, an integer"),
    "no rows": (lambda: plots.traversal(ImageModel(), X, -1), "rows of at least 1"),
    "half a row": (lambda: plots.traversal(ImageModel(), X, 2.5), "rows of at least 1, an integer"),
    "text values": (lambda: plots.traversal(ImageModel(), X, 2, ["a"]), "real numbers in values"),
    "no series": (lambda: series(X[:0, ..., 0]), "x of at least one example"),
    "images for series": (lambda: series(X), "series .batch, time, features.*models of series"),
    "no history": (lambda: plots.loss_curves(None), "the result of fit, its history.*None"),
    "a list": (lambda: plots.loss_curves([1.0]), "the result of fit, its history"),
    "a data frame": (
        lambda: plots.loss_curves(SimpleNamespace(columns=["loss"])),
        "a SimpleNamespace. .Give its columns: {name: frame",
    ),
    "text in a history": (lambda: plots.loss_curves({"loss": ["a"]}), "real numbers in loss"),
    "one number": (lambda: plots.loss_curves({"loss": 1.0}), "loss with a number for each epoch"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_drawn_is_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        call()


def test_a_log_of_csv_logger_is_refused_with_the_call_that_reads_it(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss\n0,1.5\n")
    with pytest.raises(KerasVAEError, match=r"JSON object.*CSVLogger, give pandas.read_csv"):
        plots.loss_curves(tmp_path / "log.csv")


@pytest.mark.parametrize("line", ['{"loss": "x"}', '{"loss": [1]}', '[["loss", 1]]'])
def test_a_history_of_other_things_than_numbers_is_refused(tmp_path, line):
    (tmp_path / "metrics.jsonl").write_text('{"loss": 1.0}\n' + line + "\n")
    with pytest.raises(KerasVAEError, match="^Expected .*Received"):
        plots.loss_curves(tmp_path / "metrics.jsonl")
