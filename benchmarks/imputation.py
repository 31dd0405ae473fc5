"""Errors of imputers on the tables of scikit-learn, with numbers that are missing at random.

Prints a Markdown table. A cell is the root of the mean squared error over the missing numbers, in
standard deviations of their columns, as a mean over the seeds. Columns are standardized by the
complete table. Each seed hides other numbers and is the `random_state` of the imputers.

    python -m benchmarks.imputation [--tables wine iris] [--seeds 0 1 2] [--rates 0.2 0.5]
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_vae.training.data.sources.tables import hide
from keras_vae.training.evaluation import baselines

TABLES = ("breast_cancer", "wine", "diabetes", "iris", "digits")


def standardize(x: np.ndarray) -> np.ndarray:
    """Return the columns that vary, with mean 0 and variance 1."""
    x = x[:, x.std(axis=0) > 0].astype("float64")
    return (x - x.mean(axis=0)) / x.std(axis=0)


def error(imputer: Any, x: np.ndarray, holes: np.ndarray) -> float:
    """Return the root of the mean squared error over the missing numbers."""
    with baselines.ignore_early_stopping():
        return baselines.error_of_missing(imputer.fit_transform(holes), x, holes)


def imputers() -> dict[str, Callable[[int], Any]]:
    """Return functions from a seed to an imputer with its defaults, by name."""
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.impute import KNNImputer

    from keras_vae.tables import VAEImputer

    def trees(seed: int) -> Any:
        forest = ExtraTreesRegressor(n_estimators=50, random_state=seed)
        return baselines.iterative_imputer(seed).set_params(estimator=forest, max_iter=5)

    return {
        "mean": lambda seed: baselines.simple_imputer(),
        "KNNImputer": lambda seed: KNNImputer(),
        "IterativeImputer": baselines.iterative_imputer,
        "IterativeImputer, extra trees": trees,
        "VAEImputer": lambda seed: VAEImputer(random_state=seed),
    }


def rows(
    tables: Sequence[str], rates: Sequence[float], seeds: Sequence[int], names: Sequence[str]
) -> list[list[str]]:
    """Return a row for each table and rate, with a cell for each imputer."""
    from sklearn import datasets

    makers, found = imputers(), []
    for table in tables:
        x = standardize(getattr(datasets, f"load_{table}")().data)
        for rate in rates:
            holes = {seed: hide(x, rate, seed) for seed in seeds}
            means = [
                np.mean([error(makers[name](seed), x, holes[seed]) for seed in seeds])
                for name in names
            ]
            shape = f"{x.shape[0]:,} x {x.shape[1]}"
            found.append([table, shape, f"{100 * rate:.0f} %", *(f"{m:.3f}" for m in means)])
            print(f"{table}, {rate}: {dict(zip(names, np.round(means, 4), strict=True))}")
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--rates", nargs="+", type=float, default=(0.2, 0.5))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2))
    parser.add_argument("--imputers", nargs="+", choices=imputers(), default=[*imputers()])
    given = parser.parse_args()

    from keras_vae.training.tables import table

    cells = rows(given.tables, given.rates, given.seeds, given.imputers)
    header = [("table", "l"), ("shape", "l"), ("missing", "r")]
    print(table(header + [(name, "r") for name in given.imputers], cells))


if __name__ == "__main__":
    main()
