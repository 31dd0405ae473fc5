"""The models of `benchmarks.generative`, their training, and the two ways without a model."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

LATENT, CLASSES, BATCH, SAMPLES_OF_BOUND = 16, 10, 128, 8
LABELS_OF_CLASS, CLASSIFIER_EPOCHS = 100, 30
ONE_HOT = np.eye(CLASSES, dtype="float32")


@dataclasses.dataclass(frozen=True)
class Images:
    """Training and test images in [0, 1], and their classes.

    Attributes:
        train: `(count, 28, 28, 1)`.
        labels: Class of each training image.
        test: As `train`.
        test_labels: Class of each test image.
    """

    train: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    @functools.cached_property
    def features(self) -> np.ndarray:
        """HOG features of the test images."""
        from keras_vae import metrics

        return metrics.HOG(self.test)

    @functools.cached_property
    def with_labels(self) -> np.ndarray:
        """Numbers of the training images whose label is known, the first ones of each class."""
        each = [np.flatnonzero(self.labels == c)[:LABELS_OF_CLASS] for c in range(CLASSES)]
        return np.concatenate(each)


def _classes() -> dict[str, Callable[..., Any]]:
    """Return the function that makes each model from its networks."""
    import keras_vae as kv

    iwae = functools.partial(kv.IWAE, samples=SAMPLES_OF_BOUND)
    grouped = functools.partial(kv.IWAE, samples=4, groups=SAMPLES_OF_BOUND // 4)
    return {
        "VAE": kv.VAE,
        "AAE": kv.AdversarialAutoencoder,
        "VAEGAN": kv.VAEGAN,
        "DIP-VAE-I": kv.DIPVAE,
        "DIP-VAE-II": functools.partial(
            kv.DIPVAE, covariance="codes", lambda_od=10.0, lambda_d=10.0
        ),
        "IWAE": iwae,
        "MIWAE": grouped,
        "CIWAE": functools.partial(iwae, elbo_share=0.5),
        "PIWAE": functools.partial(grouped, gradient="piwae"),
        "RAE-GP": functools.partial(kv.RAE, regularizer="gradient", decoder_weight=1.0),
        "VaDE": functools.partial(kv.VaDE, components=CLASSES, beta=0.0),
        "planar flow": functools.partial(kv.FlowVAE, flow_kind="planar"),
        "radial flow": functools.partial(kv.FlowVAE, flow_kind="radial"),
    }


WITHOUT_NOISE = ("AAE", "RAE-GP")
MODELS = (
    *("VAE", "AAE", "DIP-VAE-I", "DIP-VAE-II", "IWAE", "MIWAE", "CIWAE", "PIWAE", "RAE-GP"),
    *("planar flow", "radial flow", "VaDE", "k-means", "M2", "classifier", "VAEGAN"),
)


def make(name: str, shape: tuple[int, ...]) -> Any:
    """Return a new model.

    Args:
        name: One of MODELS.
        shape: Shape of an image.
    """
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    settings: dict[str, Any] = {"likelihood": "bernoulli", "seed": 0}
    if name == "M2":
        networks = kv.nets.conditional(kv.nets.dense, shape, LATENT, CLASSES)
        head = kv.nets.dense_encoder(shape, CLASSES)
        return kv.SemiSupervisedVAE(*networks, head, **settings)
    networks = kv.nets.dense(shape, LATENT, heads=1 if name in WITHOUT_NOISE else 2)
    return _classes()[name](*networks, **settings)


def fit(model: Any, x: Any, epochs: int, adversarial: bool = False) -> None:
    """Train with Adam, whose learning rate falls to 0."""
    import keras

    import keras_vae as kv

    steps = epochs * math.ceil(len(keras.tree.flatten(x)[0]) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(3e-4 if adversarial else 2e-3, steps)
    adam = keras.optimizers.Adam(rate, beta_1=0.5 if adversarial else 0.9)
    kv.compile_fast(model, adam, say=lambda text: None)
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=2)


def train_model(name: str, images: Images, epochs: int) -> Any:
    """Return a trained model; a third of the epochs of `VaDE` goes without its prior."""
    model = make(name, images.train.shape[1:])
    if name == "M2":
        given = np.zeros((len(images.train), CLASSES), "float32")
        given[images.with_labels] = ONE_HOT[images.labels[images.with_labels]]
        fit(model, (images.train, given), epochs)
    elif name == "VaDE":
        first = max(1, epochs // 3)
        fit(model, images.train, first)
        model.adapt(images.train)
        model.beta = 1.0
        fit(model, images.train, max(1, epochs - first))
    else:
        fit(model, images.train, epochs, adversarial=name == "VAEGAN")
    return model


def k_means(images: Images) -> tuple[np.ndarray, np.ndarray]:
    """Return the clusters that k-means finds in pixels, of training and of test images."""
    from sklearn.cluster import KMeans

    flat = images.train.reshape(len(images.train), -1)
    found = KMeans(CLASSES, n_init=1, random_state=0).fit(flat)
    return found.labels_, found.predict(images.test.reshape(len(images.test), -1))


def classify(images: Images) -> np.ndarray:
    """Return the class that the classifier of `M2`, trained on labeled images alone, gives."""
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    network = kv.nets.dense_encoder(images.train.shape[1:], CLASSES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss)
    some = images.with_labels
    network.fit(images.train[some], images.labels[some], BATCH, CLASSIFIER_EPOCHS, verbose=0)
    return network.predict(images.test, 500, verbose=0).argmax(axis=1)
