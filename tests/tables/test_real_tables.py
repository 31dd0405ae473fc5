"""On the tables of scikit-learn, the imputer has a smaller error than IterativeImputer."""

import functools

import numpy as np
import pytest
from sklearn import datasets
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from benchmarks.imputation import hide, standardize
from keras_vae.tables import VAEImputer


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*Early stopping criterion not reached")
@pytest.mark.parametrize("rate", [0.2, 0.5])
@pytest.mark.parametrize("name", ["wine", "diabetes", "breast_cancer"])
def test_its_error_is_smaller_than_that_of_iterative_imputer(name, rate):
    x = standardize(getattr(datasets, f"load_{name}")().data)
    holes = hide(x, rate, seed=1000)  # Not one of the seeds of the documents.

    @functools.cache
    def error(imputer):
        return float(np.sqrt(np.mean((imputer.fit_transform(holes) - x)[np.isnan(holes)] ** 2)))

    ours = error(VAEImputer(random_state=0))
    theirs = error(IterativeImputer(random_state=0))
    print(f"{name}, {rate:.0%} missing: {ours:.4f}, IterativeImputer {theirs:.4f}")
    assert ours < theirs
