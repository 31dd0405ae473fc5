"""The detector among the presets: a model of one class of images, and its threshold."""

from typing import Any

from keras_vae.training.data.loading import Data, as_floats

CLASS, RATE = "Sneaker", 0.05


def make(recipe: Any, data: Data) -> Any:
    """Train on images of one class, fit the threshold to others of it, and return the detector.

    A sixth of the training images of the class is held out for the threshold.

    Args:
        recipe: A new `keras_vae.training.recipes.Recipe` of a VAE.
        data: Images with labels, in memory.
    """
    import keras_vae as kv
    from keras_vae.training import one_class
    from keras_vae.training.data import splits

    seen = splits.training_data(data, "held_out")
    label = label_of(data)
    one_class.fit(recipe, seen.train[seen.train_labels == label])
    detector = kv.AnomalyDetector(recipe.model, score="elbo")
    held_out = as_floats(seen.test[seen.test_labels == label])
    detector.fit_threshold(held_out, false_positive_rate=RATE)
    return detector


def measure(detector: Any, data: Data) -> dict[str, dict[str, Any]]:
    """Return the metrics of a detector on the test images, by name."""
    from keras_vae import metrics

    scores = detector.predict(as_floats(data.test), verbose=0)
    flagged = ~(scores <= detector.threshold.value)
    normal = data.test_labels == label_of(data)
    others = f"test images of the other {len(data.label_names or ()) - 1} classes"
    area = metrics.auroc(scores[normal], scores[~normal])
    return {
        "auroc": _metric(area, f"area under the ROC curve of the score, against {others}"),
        "false_positive_rate": _metric(flagged[normal].mean(), f"{CLASS} test images flagged"),
        "detection_rate": _metric(flagged[~normal].mean(), f"{others} flagged"),
    }


def label_of(data: Data) -> int:
    """Return the label of the normal class."""
    return list(data.label_names or ()).index(CLASS)


def _metric(value: Any, meaning: str) -> dict[str, Any]:
    return {"value": float(value), "unit": "", "meaning": meaning}
