"""Classifiers that are trained on synthetic rows of a table and tested on real ones.

Prints a Markdown table. Each seed splits the rows, 70 % for training, and is the seed of all that
is trained. A cell is the accuracy on the real test rows in percent, as a mean over the seeds and
over a logistic regression and a random forest. As many synthetic rows are drawn as there are
training rows. The class is a column of the table like the others.

    python -m benchmarks.synthetic_tables [--tables wine iris] [--seeds 0 1 2]

TVAE of ctgan takes part if it is installed (`pip install ctgan`), with its defaults.
"""

import argparse
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

TABLES = ("breast_cancer", "wine", "iris", "digits")
LABEL = "class"

Frame = dict[str, list[Any]]
Generator = Callable[[Frame, int], Frame]


def real_rows(frame: Frame, seed: int) -> Frame:
    """Return the training rows themselves, the most that synthetic ones can be."""
    return frame


def bootstrap_of_columns(frame: Frame, seed: int) -> Frame:
    """Return rows whose columns are drawn apart from the others, so that nothing depends."""
    random = np.random.default_rng(seed)
    return {name: random.permutation(values).tolist() for name, values in frame.items()}


def tabular_vae(frame: Frame, seed: int) -> Frame:
    """Return rows of a `TabularVAE`."""
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(seed)
    schema = kv.tables.Schema.infer(frame, kinds={LABEL: "categorical"})
    rows = len(frame[LABEL])
    latent_dim = int(np.clip(len(schema), 2, 16))
    model = kv.tables.TabularVAE(schema, latent_dim=latent_dim, hidden=(128, 128), seed=seed)
    epochs = max(100, 3_000 * 64 // rows)
    kv.compile_fast(model, keras.optimizers.Adam(1e-3))
    model.fit(schema.to_array(frame), batch_size=64, epochs=epochs, verbose=0)
    return model.sample_table(rows, seed=seed)


def tvae_of_ctgan(frame: Frame, seed: int) -> Frame:
    """Return rows of the TVAE of ctgan (Xu et al. 2019, arXiv:1907.00503), with its defaults."""
    import pandas as pd
    import torch
    from ctgan import TVAE

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (It has no other seed.)
    model = TVAE(enable_gpu=False)
    model.fit(pd.DataFrame(frame), [LABEL])
    return {name: list(column) for name, column in model.sample(len(frame[LABEL])).items()}


def generators() -> dict[str, Generator]:
    """Return what makes rows from rows and a seed, by name."""
    found: dict[str, Generator] = {
        "real rows": real_rows,
        "columns apart": bootstrap_of_columns,
        "TabularVAE": tabular_vae,
    }
    return found | ({"TVAE of ctgan": tvae_of_ctgan} if importlib.util.find_spec("ctgan") else {})


def accuracy(train: Frame, test: Frame, seed: int) -> float:
    """Return the mean accuracy of two classifiers on the rows `test`."""
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = [name for name in test if name != LABEL]
    x, y = np.array([train[name] for name in names], float).T, np.array(train[LABEL])
    known, wanted = np.array([test[name] for name in names], float).T, np.array(test[LABEL])
    classifiers = [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        RandomForestClassifier(random_state=seed),
    ]
    if len(set(train[LABEL])) == 1:
        classifiers = [DummyClassifier()]
    return float(np.mean([c.fit(x, y).score(known, wanted) for c in classifiers]))


def split(name: str, seed: int) -> tuple[Frame, Frame]:
    """Return the training and the test rows of a table of scikit-learn."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    bunch = getattr(datasets, f"load_{name}")()
    parts = train_test_split(
        bunch.data, bunch.target, test_size=0.3, random_state=seed, stratify=bunch.target
    )
    varies = parts[0].std(axis=0) > 0

    def frame(x: np.ndarray, y: np.ndarray) -> Frame:
        columns = {f"x{i}": column.tolist() for i, column in enumerate(x.T) if varies[i]}
        return columns | {LABEL: [f"c{label}" for label in y]}

    return frame(parts[0], parts[2]), frame(parts[1], parts[3])


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    makers = generators()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1, 2))
    parser.add_argument("--generators", nargs="+", choices=makers, default=[*makers])
    given = parser.parse_args(words)

    from keras_vae.training.tables import table

    cells = []
    for name in given.tables:
        splits = {seed: split(name, seed) for seed in given.seeds}
        found = {
            each: np.array(
                [accuracy(makers[each](train, s), test, s) for s, (train, test) in splits.items()]
            )
            for each in given.generators
        }
        print(name, {each: np.round(values, 3).tolist() for each, values in found.items()})
        cells.append([name, *(f"{100 * values.mean():.1f}" for values in found.values())])
    print(table([("table", "l")] + [(each, "r") for each in given.generators], cells))


if __name__ == "__main__":
    main()
