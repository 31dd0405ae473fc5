"""Anomaly detector: a trained model, a score and a threshold."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import CompiledMap, predict_batches, predict_checked
from keras_vae.anomalies import references
from keras_vae.anomalies.calibration import Calibration
from keras_vae.anomalies.references import fit_reference
from keras_vae.anomalies.scores import (
    SCORES,
    check_reference,
    check_score,
    check_settings,
    choose_per,
    per_feature,
    per_step,
    unused_settings,
)
from keras_vae.anomalies.untrainable import Untrainable
from keras_vae.anomalies.wrapping import Wrapping
from keras_vae.base.endpoint import Endpoint
from keras_vae.base.recorded_init import RecordedInit
from keras_vae.base.saving import check_suffix
from keras_vae.base.serving import Serving
from keras_vae.distributions import sum_event
from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, data_checks, objects, sources
from keras_vae.validation.examples import first_input
from keras_vae.validation.finite_rows import nan_unless_finite
from keras_vae.validation.of_keras import check_counts, name_arguments


@keras.saving.register_keras_serializable("keras_vae")
class AnomalyDetector(RecordedInit, Untrainable, Calibration, Wrapping, Serving, keras.Model):
    """A model that flags examples with a score above a threshold from held-out normal examples.

    The detector has no weights of its own: train the model first. `predict(x)` returns scores,
    `is_anomaly(x)` decisions. Saved and exported files keep the threshold.

    Example:
        >>> model.fit(train, epochs=10)
        >>> detector = keras_vae.AnomalyDetector(model, score="elbo")
        >>> detector.fit_threshold(test, false_positive_rate=0.05)
        >>> flags = detector.is_anomaly(images)  # bool, (count,)
        >>> detector.save("detector.keras")

    Args:
        model: A trained model of this library.
        score: "reconstruction", -log p(x | z); "elbo", the model's own score; "likelihood", the
            importance-weighted bound, all in nats; or "latent", a distance of codes, after
            `adapt(training_data)`.
        samples: Codes for each example with "likelihood".
        neighbors: k for the distance to the k-th nearest code of the training data with "latent";
            None for the Mahalanobis distance from all of them.
        seed: Seed of the noise of "likelihood", which all examples share.
        per: "example" for scores in nats, summed over what is present; "step" for nats per present
            step, so that missing steps change no score for their number. By default, "step" for
            models that take a mask, "example" for others, and for "latent".
        **kwargs: `name` and `dtype` of `keras.Model`.

    Attributes:
        threshold: Result of `fit_threshold`, None before. To set your own, assign
            `detector.threshold = keras_vae.anomalies.Threshold(12.5)`, or the number.
        reference: Result of `adapt`, None before.

    Raises:
        ValueError: If there is no such score, it does not use a setting that you give, or a number
            is less than 1.
        TypeError: If the model is none of this library, or lacks what the score needs.
    """

    def __init__(
        self,
        model: LatentModel,
        score: str = "reconstruction",
        samples: int = 16,
        neighbors: int | None = None,
        seed: int = 0,
        per: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**objects.check_keras_arguments(type(self), kwargs))
        check_score(model, score)
        samples = arguments.integer("samples", samples)
        neighbors = None if neighbors is None else arguments.integer("neighbors", neighbors)
        seed = arguments.integer("seed", seed, 0)
        arguments.seed(seed)
        check_settings(score, samples=samples, neighbors=neighbors, seed=seed)
        self.model = model
        self.score_name = score
        self.samples, self.neighbors, self.seed = samples, neighbors, seed
        self.per = choose_per(model, score, per)
        self.built = model.built

    # Scores.

    def score(self, x: Tensor) -> Tensor:
        """Return an anomaly score for each example, `(batch,)`, higher for more unusual ones.

        They are the same at each call, and NaN for values in tensors that are not finite. NumPy
        arrays are checked as by `predict`.
        """
        if data_checks.check_if_arrays(self.model, x):
            self.warn_of_codes()
        scores = SCORES[self.score_name](self, x)
        scores = per_step(self, x, scores) if self.per == "step" else scores
        return nan_unless_finite(self.preprocess.without_gaps(x), scores)

    def call(self, x: Tensor) -> Tensor:
        """Return `score(x)`, as `detector(x)` and `detector.predict(x)` do."""
        return self.score(x)

    def score_map(self, x: Tensor) -> Tensor:
        """Return -log p of each element of x given its code, `(batch, *event_shape)`, in nats.

        Its sum over an example is the "reconstruction" score per example. What is missing scores 0.
        """
        data_checks.check_if_arrays(self.model, x)
        p = self.model.observation(self.model.with_condition(self.model.encode(x), x))
        return 0.0 - p.element_log_prob(ops.convert_to_tensor(first_input(x), dtype="float32"))

    def score_steps(self, x: Tensor) -> Tensor:
        """Sum `score_map` over each step of sequences, `(batch, time)`, in nats.

        Time is the first axis of an example. With scores per step, a step with missing features
        scores as if they were like the others.

        Raises:
            ValueError: If the model is one of vectors, which have no steps.
        """
        each = self.score_map(x)
        if len(self.event_shape) < 2 and self.event_dtype != "int32":  # Each token is a step.
            raise UsageError(
                "Expected a model of sequences, of shape (batch, time, features). Received: one of "
                f"vectors, of shape {('batch', *self.event_shape)}. (score_map(x) has the score of "
                "each element.)"
            )
        time = (-1, each.shape[1])
        steps = ops.reshape(sum_event(ops.reshape(each, (-1, *each.shape[2:]))), time)
        return per_feature(self, x, steps) if self.per == "step" else steps

    # Adaptation to data after training.

    def adapt(self, x: Any, examples: int | None = None) -> None:
        """Learn the distribution of the codes of normal examples, for the score "latent".

        Call it again if the model is trained further. Until then, scores come with a warning.

        Args:
            x: The training data: arrays, or a source of batches.
            examples: Largest number of codes to keep, evenly spaced in x: only for `neighbors`, and
                at least as many; 1000 by default.

        Raises:
            ValueError: If the score is another one, `examples` is too small or not used, or the
                data do not fit the model.
        """
        if self.score_name != "latent":
            raise UsageError(
                f"Expected score='latent'. Received: {self.score_name!r}, which needs no codes of "
                "the training data. (Call fit_threshold(held_out_data, ...).)"
            )
        most = references.check_most_codes(examples, self.neighbors)
        codes = predict_checked(CompiledMap(self.model, self.model.encode), self.model, x)
        if self.neighbors is not None and len(codes) > most:
            codes = codes[np.linspace(0, len(codes) - 1, most).astype(int)]
        self.reference = fit_reference(codes, self.neighbors)
        self._note_state("adapt", self._state())

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """Score arrays or a source of batches, `(count,)`, after a check of all rows.

        Of the arguments of `keras.Model.predict`, a source uses `steps` alone.

        Raises:
            ValueError: If they do not fit the model, as in
                `keras_vae.validation.sources.check_data`, a number is less than 1, or a source
                comes with callbacks.
        """
        given = name_arguments(keras.Model.predict, self, (x, *args), kwargs)
        check_counts(given)
        check_reference(self)
        given["x"] = sources.check_data(self.model, x)
        self.warn_of_codes()
        self.built = True
        if data_checks.are_arrays(given["x"]):
            return super().predict(**given)
        if given.get("callbacks"):
            raise UsageError(
                "Expected no callbacks with a source of batches, which does not call them. "
                f"Received: callbacks={given['callbacks']!r}. (Give arrays, or leave them out.)"
            )
        batches = sources.checked_batches(self.model, given["x"], given.get("steps"))
        return predict_batches(super().predict_on_batch, batches)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Score one batch of arrays, `(count,)`; errors are those of `predict`."""
        check_reference(self)
        data_checks.check_batch(self.model, x)
        self.warn_of_codes()
        self.built = True
        return super().predict_on_batch(x)

    def is_anomaly(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return True for each example with a score above the threshold, bool `(count,)`.

        Raises:
            ValueError: If there is no threshold yet, or the data do not fit the model.
        """
        value = self.require_threshold().value
        scores = self.predict(x, batch_size=batch_size, verbose=0)
        self.warn_of_threshold()
        return ~(scores <= np.float32(value))

    # Saving and serving.

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a detector from `get_config()`; older files score per example."""
        unused = unused_settings(config.get("score", "reconstruction"))
        known = {"per": "example", **config}
        return super().from_config({k: v for k, v in known.items() if k not in unused})

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save the detector with its model; see `keras_vae.base.saving.Saving.save`.

        Raises:
            ValueError: If the name of the file does not end in .keras.
        """
        check_suffix(filepath, kwargs.get("zipped"))
        super().save(filepath, *args, **kwargs)

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints of the model, with `score` first and with `score_map`.

        `score` also answers the decision. `score_map` locates the anomaly within an example.
        """
        inner = self.model.endpoints()
        inputs, wrapped = inner["score"].inputs, len(inner["score"].inputs) > 1
        decide = _as_endpoint_function(self.decide, wrapped)
        return {
            "score": Endpoint(decide, inputs, no_number=1, constants=("threshold",)),
            "score_map": Endpoint(_as_endpoint_function(self._score_map_answer, wrapped), inputs),
            **{name: endpoint for name, endpoint in inner.items() if name != "score"},
        }

    def decide(self, x: Tensor) -> dict[str, Tensor]:
        """Return the answer of the `score` endpoint: `score`, `is_anomaly` (int32) and `threshold`.

        A score of NaN is an anomaly.
        """
        score = self.score(x)
        threshold = ops.full_like(score, self.require_threshold().value)
        # Not logical_not: optimizers make `score > threshold` of it, which NaN is not.
        is_anomaly = 1 - ops.cast(score <= threshold, "int32")
        return {"score": score, "is_anomaly": is_anomaly, "threshold": threshold}

    def _score_map_answer(self, x: Tensor) -> dict[str, Tensor]:
        return {"score_map": self.score_map(x)}

    def metadata(self) -> dict[str, Any]:
        """Return the score and the threshold, for exported files."""
        about = {"score": self.score_name, "model": type(self.model).__name__}
        return {"anomaly": {**about, "threshold": dataclasses.asdict(self.require_threshold())}}

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **kwargs: Any) -> Path:
        """Write the endpoints and the threshold to a file; see `Serving.export`.

        Raises:
            ValueError: If there is no threshold, or scores would be of int8.
        """
        self.require_threshold()
        self.warn_of_codes()
        self.warn_of_threshold()
        endpoints = kwargs.get("endpoints") or ["score"]
        if kwargs.get("quantize") == "int8" and "score" in keras.tree.flatten(endpoints):
            raise UsageError(
                "Expected scores of floats: int8 ends at the largest score of its calibration, "
                "which may be below the threshold. Received: quantize='int8'. (Use 'dynamic', "
                "whose weights are int8, or leave out the endpoint 'score'.)"
            )
        return super().export(filepath, format, **kwargs)


def _as_endpoint_function(answer: Any, several: bool) -> Any:
    """Return `answer` as a function of as many tensors as the model has inputs."""
    return (lambda x, condition: answer([x, condition])) if several else (lambda x: answer(x))
