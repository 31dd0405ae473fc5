"""Measures of rows, next to the baselines that training rows give: imputed numbers and counts."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_vae.training.data.loading import Data
from keras_vae.training.evaluation.base import Measure
from keras_vae.typing import LatentModel

# Counts above this have too many levels for a table of their frequencies.
LARGEST_COUNT = 1000


def of_rows(model: LatentModel, data: Data) -> dict[str, Measure]:
    """Return the baseline of counts, and the errors of imputed numbers with their baselines.

    Args:
        model: A `keras_vae.Autoencoder`.
        data: Training and test rows; for others, the result is empty.
    """
    if data.kind != "rows":
        return {}
    rows: dict[str, Measure] = {}
    known = not (np.isnan(data.train).any() or np.isnan(data.test).any())
    if getattr(model.family, "whole", False) and known:
        rows |= independent_counts(data.train, data.test)
    if hasattr(model, "schema") and data.test_complete is not None:
        rows |= imputation(model, data)
    return rows


def independent_counts(train: np.ndarray, test: np.ndarray) -> dict[str, Measure]:
    """Return -log p of test rows whose columns are independent, with frequencies of training rows.

    The probability of a count in a column is (n + 1) / (rows + levels), with n training rows that
    have it there, and a level for each count up to the largest one (Laplace's rule). The result is
    empty if counts are above 1,000.

    Args:
        train: Whole numbers from 0, `(rows, columns)`.
        test: The same.
    """
    highest = int(max(train.max(), test.max()))
    if highest > LARGEST_COUNT:
        return {}
    seen = np.stack([np.bincount(column, minlength=highest + 1) for column in train.T.astype(int)])
    log_p = np.log((seen + 1) / (len(train) + highest + 1))
    nats = -log_p[np.arange(len(seen)), test.astype(int)].sum(axis=1)
    meaning = "-log p(x) of independent columns, frequencies of training rows"
    return {"nll_independent": Measure(float(nats.mean()), "nats", meaning)}


def imputation(model: Any, data: Data) -> dict[str, Measure]:
    """Return errors of missing numbers of test rows: of the model, of means, of IterativeImputer.

    All of them have seen the training rows alone.

    Args:
        model: A `keras_vae.tables.TabularVAE` of numbers.
        data: Rows with NaN for missing numbers, and the complete test rows.
    """
    from keras_vae.tables.conditional import expected_rows
    from keras_vae.tables.verbs import noise_of_codes

    assert data.test_complete is not None
    if not np.isnan(data.test).any():
        return {}
    scale = np.nanstd(data.train, axis=0, dtype="float64")
    found = {
        "rmse_imputed": expected_rows(model, data.test, noise_of_codes(model)),
        "rmse_imputed_mean": impute(simple_imputer(), data.train, data.test),
        "rmse_imputed_iterative": impute(iterative_imputer(0), data.train, data.test),
    }
    meanings = (
        "error of missing numbers, in standard deviations of their columns",
        "of the means of the columns there",
        "of scikit-learn's IterativeImputer there",
    )
    return {
        name: Measure(error_of_missing(filled, data.test_complete, data.test, scale), "", meaning)
        for (name, filled), meaning in zip(found.items(), meanings, strict=True)
    }


def error_of_missing(
    filled: np.ndarray, complete: np.ndarray, holed: np.ndarray, scale: np.ndarray | float = 1.0
) -> float:
    """Return the root of the mean squared error over the missing numbers.

    Args:
        filled: Rows with numbers in place of missing ones, `(rows, columns)`.
        complete: The true rows.
        holed: The rows with NaN for missing numbers.
        scale: The unit of each column, `(columns,)`.
    """
    errors = (np.asarray(filled, "float64") - complete) / scale
    return float(np.sqrt(np.mean(np.square(errors)[np.isnan(holed)])))


def impute(imputer: Any, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows with the numbers of an imputer that was fitted on training rows."""
    with ignore_early_stopping():
        return imputer.fit(train).transform(rows)


@contextlib.contextmanager
def ignore_early_stopping() -> Iterator[None]:
    """Ignore that IterativeImputer has not converged in its 10 rounds."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Early stopping criterion not reached")
        yield


def simple_imputer() -> Any:
    """Return scikit-learn's imputer of the means of columns."""
    from sklearn.impute import SimpleImputer

    return SimpleImputer()


def iterative_imputer(seed: int) -> Any:
    """Return scikit-learn's IterativeImputer with its defaults."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    return IterativeImputer(random_state=seed)
