"""Autoencoders as a transformer of scikit-learn, which this module needs and `keras_vae` does not.

from keras_vae.dimension_reduction import AutoencoderTransformer
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

import keras
import numpy as np

from keras_vae import nets
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import get
from keras_vae.estimators.compiled import padded
from keras_vae.latents import as_numpy

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_array, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "Expected scikit-learn 1.6 or newer, whose transformer this is. Received: no such package. "
        '(pip install "keras-vae[samplers]")'
    ) from error

# Rows at a time; always so many, so that a row's code does not depend on those beside it.
ROWS = 256


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Dimension reduction by an autoencoder: codes are the new features.

    With `hidden=()` it is linear and, trained long enough, spans the subspace of the principal
    components (Baldi & Hornik 1989). Scale the features first, for instance with a
    `StandardScaler` in a `Pipeline`. It can be cloned, searched over and pickled; a pickle holds
    the model as a .keras file.

    Example:
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> reduce = make_pipeline(StandardScaler(), AutoencoderTransformer(2, random_state=0))
        >>> codes = reduce.fit_transform(x)
        >>> rebuilt = reduce.inverse_transform(codes)

    Args:
        n_components: Size of the code, at least 1.
        hidden: Widths of the encoder's hidden layers, which the decoder mirrors.
        likelihood: Of the features, see `keras_vae.distributions.get`; "normal" is squared error.
        build: A function from the number of features and `n_components` to another autoencoder, of
            examples `(features,)` and codes `(n_components,)`; `hidden` and `likelihood` are then
            unused.
        epochs: How often to go through the data.
        batch_size: Rows per step.
        learning_rate: Of Adam.
        random_state: Seed of weights, order and noise: an integer, a `RandomState` or None. A fit
            sets the global seed of Keras and of its backend; those of Python and NumPy stay.

    Attributes:
        model_: The trained `keras_vae.Autoencoder`.
        history_: What was logged, a list of a number for each epoch, by name.
        n_features_in_: How many features there were.
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
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.likelihood = likelihood
        self.build = build
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "AutoencoderTransformer":  # noqa: N803
        """Train a new autoencoder on the rows of `X`, `(samples, features)`; `y` is ignored.

        Raises:
            ValueError: If `X` is not of finite numbers within the support of the likelihood, or an
                argument of the constructor is out of range.
            TypeError: If `build` gives no autoencoder.
        """
        x = validate_data(self, X, dtype=[np.float32, np.float64]).astype("float32")
        self._check_arguments()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with _seeded(seed):
            model = self._built(x.shape[1], seed)
            model.compile(keras.optimizers.Adam(self.learning_rate))
            history = model.fit(x, epochs=self.epochs, batch_size=self.batch_size, verbose=0)
        self.model_, self.history_ = model, history.history
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Codes `(samples, n_components)` of the rows of `X`, in its floating-point type."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        return _mapped(self.model_.encode, x)

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Rows `(samples, features)` of codes `X`, in the range of the data.

        Raises:
            ValueError: If codes have another size.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64])
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"Expected codes of {self._n_features_out} numbers. Received: {codes.shape[1]}."
            )
        return _mapped(self.model_.decode, codes)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Minus the mean squared error of a feature after `transform` and back; `y` is ignored."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        rebuilt = _mapped(self.model_.reconstruct, x)
        return -float(np.mean(np.square(rebuilt - x, dtype="float64")))

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.latent_shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_arguments(self) -> None:
        for name in ("n_components", "epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"Expected {name} of at least 1. Received: {value!r}.")

    def _built(self, features: int, seed: int) -> Autoencoder:
        """A new autoencoder for so many features."""
        if self.build is None:
            heads = get(self.likelihood).heads
            size, hidden = int(self.n_components), tuple(self.hidden)
            networks = nets.dense((features,), size, hidden, decoder_heads=heads)
            return Autoencoder(*networks, likelihood=self.likelihood, seed=seed)
        model = self.build(features, self.n_components)
        if not isinstance(model, Autoencoder):
            raise TypeError(
                f"Expected build to give an autoencoder of keras_vae. Received: {model!r}."
            )
        model.build_for(np.zeros((1, features), "float32"))
        shapes = (tuple(model.event_shape), tuple(model.latent_shape))
        if shapes != ((features,), (self.n_components,)):
            raise ValueError(
                f"Expected build to give a model of examples ({features},) and codes "
                f"({self.n_components},). Received: {shapes[0]} and {shapes[1]}."
            )
        return model


def _mapped(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """`function` of all rows, in the floating-point type of `x`."""
    rows = x.astype("float32")
    parts = [as_numpy(function(padded(rows[i : i + ROWS], ROWS))) for i in range(0, len(x), ROWS)]
    return np.concatenate(parts)[: len(x)].astype(x.dtype)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The seeds of Keras and its backend are `seed`; those of Python and NumPy come back."""
    states = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
