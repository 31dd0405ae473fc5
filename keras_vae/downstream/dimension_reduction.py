"""Autoencoders as scikit-learn transformers; only this module needs scikit-learn.

from keras_vae.dimension_reduction import AutoencoderTransformer
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae import nets
from keras_vae.acceleration.batching import map_batches
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import get
from keras_vae.errors import MissingExtraError, UsageError, UsageTypeError
from keras_vae.random import temporary_seed
from keras_vae.validation import arguments, data_checks, precision
from keras_vae.validation.containers import refuse_masked

__all__ = ["AutoencoderTransformer"]

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_array, check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError(
        "Expected scikit-learn 1.6 or newer, whose transformer this is. Received: no such package. "
        '(pip install "keras-vae[samplers]")'
    ) from error

# Rows of each batch, small data too: the code of a row then does not depend on other rows.
ROWS = 256


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A scikit-learn transformer that reduces dimensions by an autoencoder.

    The latent codes are the new features.

    With `hidden=()` it is linear and, trained long enough, spans the subspace of the principal
    components (Baldi & Hornik 1989). Scale the features first, for instance with a
    `StandardScaler` in a `Pipeline`. It can be cloned, searched over and pickled; a pickle holds
    the model as a .keras file.

    Example:
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> transformer = keras_vae.dimension_reduction.AutoencoderTransformer(2, random_state=0)
        >>> reduce = make_pipeline(StandardScaler(), transformer)
        >>> codes = reduce.fit_transform(images.reshape(-1, 784))
        >>> rebuilt = reduce.inverse_transform(codes)

    Args:
        n_components: Size of the code, at least 1.
        hidden: Widths of the encoder's hidden layers, which the decoder mirrors.
        likelihood: Likelihood of the features, see `keras_vae.distributions.get`; "normal" is
            squared error.
        build: A function from the number of features and `n_components` to another autoencoder, of
            examples `(features,)` and codes `(n_components,)`; `hidden` and `likelihood` are then
            unused.
        epochs: Passes through the data.
        batch_size: Rows per step.
        learning_rate: Learning rate of Adam.
        random_state: Seed of weights, order and noise: an integer, a `RandomState` or None. A fit
            sets the global seed of Keras and of its backend; those of Python and NumPy stay.
        verbose: As in `keras.Model.fit`: 1 for a progress bar of each epoch.

    Attributes:
        model_: The trained `keras_vae.Autoencoder`.
        history_: Logged numbers: a list of one for each epoch, by name.
        n_features_in_: Number of features of the training data.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden: Sequence[int] = (64,),
        likelihood: str = "normal",
        build: Callable[[int, int], Autoencoder] | None = None,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.likelihood = likelihood
        self.build = build
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "AutoencoderTransformer":  # noqa: N803
        """Train a new autoencoder on the rows of `X`, `(samples, features)`; `y` is ignored.

        Raises:
            ValueError: If `X` has numbers that are not finite or outside the support of the
                likelihood, or an argument of the constructor is out of range.
            TypeError: If `build` returns no autoencoder.
        """
        refuse_masked("X", X)
        # Whole numbers of 64 bits become float64, so that the model sees what float32 would lose.
        x = validate_data(self, X, dtype=[np.float64, np.float32])
        self._check_arguments()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with temporary_seed(seed):
            model = self._make_model(x.shape[1], seed)
            model.compile(keras.optimizers.Adam(self.learning_rate))
            data_checks.check_batch(model, x)
            precision.check_precision(x)
            x = x.astype("float32")
            history = model.fit(
                x, epochs=self.epochs, batch_size=self.batch_size, verbose=self.verbose
            )
        self.model_, self.history_ = model, history.history
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return codes `(samples, n_components)` of the rows of `X`, in its floating-point type."""
        check_is_fitted(self)
        refuse_masked("X", X)
        return _apply_in_batches(self.model_.encode, self._rows(X))

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Decode codes `X` to rows `(samples, features)`, in the range of the data.

        Raises:
            ValueError: If the codes have another size.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64])
        if codes.shape[1] != self._n_features_out:
            raise UsageError(
                f"Expected codes of {self._n_features_out} numbers. Received: {codes.shape[1]}."
            )
        return _apply_in_batches(self.model_.decode, codes)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Return minus the mean squared error of the reconstruction of `X`; `y` is ignored."""
        check_is_fitted(self)
        refuse_masked("X", X)
        x = self._rows(X)
        rebuilt = _apply_in_batches(self.model_.reconstruct, x)
        return -float(np.mean(np.square(rebuilt - x, dtype="float64")))

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.latent_shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _rows(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return rows as floats; raise ValueError for counts that float32 cannot hold."""
        x = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        self.model_.check_columns(x)
        return x

    def _check_arguments(self) -> None:
        for name in ("n_components", "epochs", "batch_size"):
            arguments.integer(name, getattr(self, name))
        arguments.verbose(self.verbose)
        if arguments.real("learning_rate", self.learning_rate) <= 0:
            raise UsageError(
                f"Expected learning_rate above 0. Received: learning_rate={self.learning_rate!r}."
            )
        if self.build is None:
            arguments.sizes("hidden", self.hidden, some=False)
        elif not callable(self.build):
            raise UsageTypeError(
                "Expected build to be a function that makes an autoencoder, or None. Received: "
                f"build={self.build!r}."
            )

    def _make_model(self, features: int, seed: int) -> Autoencoder:
        """Make a new autoencoder for this number of features."""
        if self.build is None:
            heads = get(self.likelihood).heads
            size, hidden = int(self.n_components), tuple(self.hidden)
            networks = nets.dense((features,), size, hidden, decoder_heads=heads)
            return Autoencoder(*networks, likelihood=self.likelihood, seed=seed)
        model = self.build(features, self.n_components)
        if not isinstance(model, Autoencoder):
            raise UsageTypeError(
                f"Expected build to give an autoencoder of keras_vae. Received: {model!r}."
            )
        model.build_for(np.zeros((1, features), "float32"))
        shapes = (tuple(model.event_shape), tuple(model.latent_shape))
        if shapes != ((features,), (self.n_components,)):
            raise UsageError(
                f"Expected build to give a model of examples ({features},) and codes "
                f"({self.n_components},). Received: {shapes[0]} and {shapes[1]}."
            )
        return model


def _apply_in_batches(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Apply `function` to all rows, in the floating-point type of `x`."""
    return map_batches(function, x.astype("float32"), ROWS).astype(x.dtype)
