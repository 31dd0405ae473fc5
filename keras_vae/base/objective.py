"""The number that a training step minimizes, from the loss terms of a model."""

from typing import Any

import keras
from keras import ops

from keras_vae.backend import after, sum_over_replicas
from keras_vae.losses.weights import weigh_term
from keras_vae.typing import Tensor
from keras_vae.validation import data_checks, networks
from keras_vae.validation.examples import first_input


class Objective:
    """The weighted sum of the loss terms, averaged over the batch, and the logs.

    A training step differentiates `loss_and_logs`.
    """

    loss_terms: Any
    loss_weights: Any
    build_for: Any
    metrics_names: Any
    steps: Any
    trackers: list[keras.metrics.Metric]

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
        return self.reduce_terms(self.loss_terms(x, y, training), rows, training)

    def batch_of(self, data: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return x, the target in float32, and the sample weights or None, of a Keras batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.build_for(x)
        y = first_input(x) if y is None else y
        y = keras.tree.map_structure(lambda part: ops.cast(part, "float32"), y)
        return x, y, data_checks.row_weights(sample_weight)

    def reduce_terms(
        self, terms: dict[str, Tensor], rows: Tensor | None, training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Reduce per-example terms to the loss of the batch, and advance the state of training.

        Each call updates the means in `trackers`. If `training` is true, it also updates the
        controllers among `loss_weights` and adds 1 to `steps`. So call it once for each batch.

        Args:
            terms: The terms of the loss by name, each `(batch,)`, in nats.
            rows: Sample weights, `(batch,)`, or None for ones.
            training: Whether this is a training step.

        Returns:
            The loss, and the running mean of each logged number by name. The loss is the sum
            over examples of sample weight times weighted terms, divided by the number of
            examples on all replicas, plus weight regularization.

        Raises:
            ValueError: If the terms have other names or shapes than the model promises.
        """
        model: Any = self
        terms = networks.check_terms(model, terms)
        objective = self._weigh_terms(terms, rows, training)
        penalty = ops.cast(sum(networks.weight_regularization(model)), "float32")
        if training:
            self.steps.assign_add(after(objective, 1))
        logs = self._update_trackers({"loss": objective + penalty, **terms}, rows)
        count = ops.cast(ops.shape(objective)[0], "float32")
        total = ops.sum(objective if rows is None else objective * rows) + count * penalty
        return total / sum_over_replicas(count), logs

    def _weigh_terms(self, terms: dict[str, Tensor], rows: Tensor | None, training: bool) -> Tensor:
        """Return the weighted sum of the terms, `(batch,)`; in training, update controllers."""
        return sum(
            weigh_term(self.loss_weights.get(name), term, rows, self.steps, training)
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
