"""The number that a training step minimizes, from the loss terms of a model."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.backend import after, sum_over_replicas
from keras_vae.errors import UsageError
from keras_vae.losses.extra_terms import (
    ExtraTerm,
    check_extra_terms,
    combine_factors,
    extra_values,
    weights_of,
)
from keras_vae.losses.observed import Observed, observe
from keras_vae.losses.weights import LossWeights, weigh_term
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks, networks
from keras_vae.validation.examples import first_input


class Objective:
    """The weighted sum of the loss terms, averaged over the batch, and the logs.

    A training step differentiates `loss_and_logs`.
    """

    loss_terms: Any
    build_for: Any
    event_shape: Any
    metrics_names: Any
    steps: Any

    terms: tuple[str, ...] = ("reconstruction",)
    # Whether p(x | z) has a row for each example, as extra terms need it.
    takes_extra_terms = True
    loss_weights: Any
    extra_terms: Sequence[ExtraTerm] = ()
    trackers: list[keras.metrics.Metric]

    def set_objective(self, loss_weights: Any, extra_terms: Any) -> None:
        """Set the extra terms, the weights of all terms, and the means that logs hold."""
        if extra_terms and not (self.takes_extra_terms and "reconstruction" in self.terms):
            raise UsageError(
                "Expected no extra_terms, since p(x | z) of "
                f"{type(self).__name__} has no single row for each image. Received: "
                f"{extra_terms!r:.80}."
            )
        self.extra_terms = check_extra_terms(extra_terms, self.terms)
        self.terms = (*self.terms, *(name for term in self.extra_terms for name in term.names))
        given = arguments.mapping("loss_weights", loss_weights)
        weights = LossWeights(self, weights_of(self.extra_terms, given))
        # Set without Keras, which would replace it by a dictionary of its own.
        object.__setattr__(self, "loss_weights", weights)
        bound = ("elbo",) if {"reconstruction", "kl"} <= set(self.terms) else ()
        measures = [name for term in self.extra_terms for name in term.measures]
        names = ("loss", *bound, *self.terms, *measures)
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    def loss_and_logs(self, data: Any, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one batch and the logs, and update the state of training.

        See `reduce_terms` for the variables that change.

        Args:
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.
            training: Whether this is a training step.

        Returns:
            The loss, a scalar, and the running mean of each logged number by name.
        """
        x, y, rows = self.batch_of(data)
        with observe(self.image_target(x, y), rows) as seen:
            terms = self.loss_terms(x, y, training)
        return self.reduce_terms(terms, seen, training)

    def image_target(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the images that extra terms compare: y, or x if y is no event, such as labels."""
        if not self.extra_terms or getattr(y, "shape", ())[1:] == self.event_shape:
            return y
        return ops.cast(first_input(x), "float32")

    def batch_of(self, data: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return x, the target in float32, and the sample weights or None, of a Keras batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.build_for(x)
        y = first_input(x) if y is None else y
        y = keras.tree.map_structure(lambda part: ops.cast(part, "float32"), y)
        return x, y, data_checks.row_weights(sample_weight)

    def reduce_terms(
        self, terms: dict[str, Tensor], seen: Observed, training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Reduce per-example terms to the loss of the batch, and advance the state of training.

        Each call updates the means in `trackers`. If `training` is true, it also updates the
        controllers among `loss_weights` and adds 1 to `steps`. So call it once for each batch.

        Args:
            terms: The terms of the loss by name, each `(batch,)`, in nats.
            seen: The batch with its sample weights, and p(x | z) for extra terms.
            training: Whether this is a training step.

        Returns:
            The loss, and the running mean of each logged number by name. The loss is the sum
            over examples of sample weight times weighted terms, divided by the number of
            examples on all replicas, plus weight regularization.

        Raises:
            ValueError: If the terms have other names or shapes than the model promises.
        """
        model: Any = self
        rows = seen.rows
        if self.extra_terms:
            terms = {**terms, **extra_values(model, seen, training)}
        terms = networks.check_terms(model, terms)
        factors, measures = combine_factors(model, seen, training)
        objective = self._weigh_terms(terms, factors, rows, training)
        penalty = ops.cast(sum(networks.weight_regularization(model)), "float32")
        if training:
            self.steps.assign_add(after(objective, 1))
        measures = {name: ops.full_like(objective, value) for name, value in measures.items()}
        logs = self._update_trackers({"loss": objective + penalty, **terms, **measures}, rows)
        count = ops.cast(ops.shape(objective)[0], "float32")
        total = ops.sum(objective if rows is None else objective * rows) + count * penalty
        return total / sum_over_replicas(count), logs

    def _weigh_terms(
        self,
        terms: dict[str, Tensor],
        factors: dict[str, Tensor],
        rows: Tensor | None,
        training: bool,
    ) -> Tensor:
        """Return the weighted sum of the terms, `(batch,)`; in training, update controllers."""
        return sum(
            weigh_term(self.loss_weights.get(name), term, rows, self.steps, training)
            * factors.get(name, 1.0)
            for name, term in terms.items()
        )

    def _update_trackers(self, values: dict[str, Tensor], rows: Tensor | None) -> dict[str, Tensor]:
        """Add a batch to the running means, those of the terms and of the bound; return them."""
        if "elbo" in self.metrics_names:
            values["elbo"] = -(values["reconstruction"] + values["kl"])
        for tracker in self.trackers:
            tracker.update_state(values[tracker.name], rows)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running mean of each logged number; Keras resets them at each epoch."""
        return self.trackers
