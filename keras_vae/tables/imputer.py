"""A scikit-learn imputer, by a VAE of the columns of a table; needs scikit-learn."""

from typing import Any

import keras
import numpy as np

from keras_vae.acceleration.compile_fast import compile_fast
from keras_vae.errors import MissingExtraError, UsageError, UsageTypeError
from keras_vae.layers.gaps import FillGaps
from keras_vae.models.vae import VAE
from keras_vae.random import temporary_seed
from keras_vae.tables import networks
from keras_vae.tables.conditional import antithetic_noise, conditional_moments
from keras_vae.validation import arguments
from keras_vae.validation.containers import refuse_masked

__all__ = ["VAEImputer"]

try:
    from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
    from sklearn.impute import MissingIndicator
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data

    from keras_vae.tables.columns import Columns
except ImportError as error:
    raise MissingExtraError(
        "Expected scikit-learn 1.6 or newer, whose imputer this is. Received: no such package. "
        '(pip install "keras-vae[samplers]")'
    ) from error

# Steps of a fit, and smallest number of them in an epoch, if the number of epochs is left open: the
# start of an epoch takes as long as many steps.
STEPS, STEPS_OF_EPOCH = 1500, 50
LARGEST_CODE = 16
FLOATS = [np.float64, np.float32]


class VAEImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A scikit-learn imputer: missing numbers are their mean given the known ones, by a VAE.

    Each column is standardized, and made nearly normal by a power. A linear VAE, which is a factor
    analysis, learns the joint density of all columns from the known numbers alone. Missing numbers
    count nothing in its loss. Its encoder multiplies one Gaussian for each known column, and its
    decoder has a variance for each column. A missing number becomes the mean of the decoder over
    importance-weighted codes, in the units of the table.

    Known numbers are returned as they are. A pickle holds the model as a .keras file.

    Loss:
        loss = mean over rows of [ -log p(known | z) + KL(q(z | known) || p(z)) ] + decay / rows *
        sum of squared weights of the decoder, in nats of the standardized columns.

    Source: Mattei & Frellsen 2019 (arXiv:1812.02633) for bound and weights.

    Example:
        >>> table = np.random.default_rng(0).normal(size=(200, 1)) * [1.0, 2.0, 3.0]
        >>> table[5, 0] = table[8, 2] = np.nan
        >>> filled = keras_vae.tables.VAEImputer(random_state=0).fit_transform(table)
        >>> filled.shape, bool(np.isnan(filled).any())
        ((200, 3), False)

    Args:
        latent_dim: Size of the code. None for half of the columns and one more, at most 16.
        samples: Codes for each row, an even number or the next one.
        epochs: Passes through the rows. None for about 1,500 steps, with the rows of small tables
            several times in an epoch.
        batch_size: Rows per step.
        learning_rate: First learning rate of Adam, which falls to 0 by a cosine.
        decay: Weight of the squared weights, as if each had a normal prior of this precision
            times 2.
        add_indicator: Whether to append a column of 0 and 1 for each column with missing numbers
            in the training data.
        keep_empty_features: Whether columns without a known number become 0. If not, they are
            left out.
        verbose: As in `keras.Model.fit`: 1 for a progress bar.
        random_state: Seed of weights, order and noise: an integer, a `RandomState` or None. A fit
            sets the global seed of Keras and of its backend; those of Python and NumPy stay.

    Attributes:
        model_: The trained `keras_vae.VAE`, of transformed columns with NaN for missing numbers.
        columns_: The transformation of the columns: `forward` and `means`.
        known_: Which columns have a known number in the training data, bool `(features,)`.
        history_: Logged numbers: a list of one for each epoch, by name.
        n_features_in_: Number of features of the training data.
    """

    def __init__(
        self,
        *,
        latent_dim: int | None = None,
        samples: int = 100,
        epochs: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 0.02,
        decay: float = 0.5,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.samples = samples
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.decay = decay
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "VAEImputer":  # noqa: N803
        """Train a new VAE on `X`, `(samples, features)`, with NaN for missing; `y` is ignored.

        Raises:
            ValueError: If `X` has infinity, masked values or no known number, or an argument is
                out of range.
        """
        x = self._table(X)
        self._check_arguments()
        self.known_ = ~np.isnan(x).all(axis=0)
        if not self.known_.any():
            raise UsageError(
                f"Expected a table with a known number. Received: NaN in all of shape {x.shape}."
            )
        self.indicator_ = (
            MissingIndicator(error_on_new=False).fit(x) if self.add_indicator else None
        )
        self.columns_ = Columns(x[:, self.known_].astype("float64"))
        rows = self.columns_.forward(x[:, self.known_].astype("float64"))
        try:
            generator = check_random_state(self.random_state)
        except ValueError as error:
            raise UsageError(
                "Expected random_state to be an integer from 0 to 2^32 - 1, a numpy RandomState, "
                f"or None. Received: random_state={self.random_state!r:.80}."
            ) from error
        seed = int(generator.randint(2**31 - 1))
        with temporary_seed(seed):
            self._train(rows[~np.isnan(rows).all(axis=1)].astype("float32"), seed)
        return self

    def _train(self, rows: np.ndarray, seed: int) -> None:
        """Set `model_`, `history_` and the noise of `transform`."""
        size = min(1 + rows.shape[1] // 2, LARGEST_CODE)
        size = size if self.latent_dim is None else int(self.latent_dim)
        self._noise = antithetic_noise(self.samples, size, seed)
        parts = networks.table_networks(rows.shape[1], size, self.decay / len(rows))
        networks.start_at_principal_axes(*parts, rows)
        gaps = FillGaps(networks.MISSING)
        model = VAE(*parts, likelihood="normal_per_element", preprocess=gaps, seed=seed)
        if self.epochs is None:
            rows = np.tile(rows, (-(-STEPS_OF_EPOCH * self.batch_size // len(rows)), 1))
        steps = -(-len(rows) // self.batch_size)
        epochs = -(-STEPS // steps) if self.epochs is None else self.epochs
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, epochs * steps)
        compile_fast(model, keras.optimizers.Adam(rate), say=lambda text: None)
        history = model.fit(rows, epochs=epochs, batch_size=self.batch_size, verbose=self.verbose)
        self.model_, self.history_ = model, history.history

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return `X`, `(samples, features)`, with numbers in place of NaN, in its float type.

        Raises:
            ValueError: If `X` has infinity, or another number of features.
        """
        check_is_fitted(self)
        x = self._table(X, reset=False)
        filled = np.zeros_like(x)
        filled[:, self.known_] = self._fill(x[:, self.known_])
        filled = filled if self.keep_empty_features else filled[:, self.known_]
        if self.indicator_ is None:
            return filled
        return np.hstack([filled, self.indicator_.transform(x).astype(x.dtype)])

    def _table(self, X: Any, **options: Any) -> np.ndarray:  # noqa: N803
        """Return a table as floats; errors of scikit-learn tell what to do as others here do."""
        refuse_masked("X", X, gaps=True)
        if isinstance(X, np.ndarray) and X.dtype.kind in "Mm":
            raise UsageTypeError(f"Expected X of numbers. Received: {X.dtype}.")
        try:
            x = validate_data(self, X, dtype=FLOATS, ensure_all_finite="allow-nan", **options)
        except (TypeError, ValueError, RuntimeError) as error:
            kind = UsageTypeError if isinstance(error, TypeError) else UsageError
            raise kind(
                "Expected X, a table (samples, features) of numbers, with NaN for missing ones. "
                f"Received: {error}"
            ) from error
        return arguments.readings("X", x)

    def _fill(self, x: np.ndarray) -> np.ndarray:
        """Return rows of the known columns with their means in place of NaN."""
        holes = np.isnan(x)
        chosen = holes.any(axis=1)
        if not chosen.any():
            return x
        rows = self.columns_.forward(x[chosen].astype("float64"))
        moments = conditional_moments(self.model_, rows, self._noise, self.verbose)
        means = self.columns_.means(*moments)
        if not np.isfinite(means[holes[chosen]]).all():
            raise UsageError(
                "Expected X near the numbers of the training data. Received: numbers up to "
                f"{np.nanmax(np.abs(x[chosen])):g}, too far for a mean given them. (Use NaN for "
                "those that are wrong.)"
            )
        filled = x.copy()
        filled[chosen] = np.where(holes[chosen], means, x[chosen])
        return filled

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of `transform`, an array of objects.

        Args:
            input_features: Names of the columns of `X`; None for those that `fit` saw.
        """
        names = super().get_feature_names_out(input_features)
        kept = names if self.keep_empty_features else names[self.known_]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_arguments(self) -> None:
        for name in ("latent_dim", "epochs"):
            if getattr(self, name) is not None:
                arguments.integer(name, getattr(self, name))
        for name in ("samples", "batch_size"):
            arguments.integer(name, getattr(self, name))
        arguments.verbose(self.verbose)
        arguments.real("decay", self.decay, 0.0)
        if arguments.real("learning_rate", self.learning_rate) <= 0:
            raise UsageError(
                f"Expected learning_rate above 0. Received: learning_rate={self.learning_rate!r}."
            )
        for name in ("add_indicator", "keep_empty_features"):
            arguments.flag(name, getattr(self, name))
