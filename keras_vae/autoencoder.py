"""The base of every model: an encoder, a decoder, and one method that is the objective."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_vae import checks, distributions
from keras_vae.construction import Constructed
from keras_vae.controllers import Controller
from keras_vae.steps import Step, sum_over_replicas
from keras_vae.weights import LossWeight, as_loss_weight

Tensor = Any


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """What can be served: a pure function of named tensors, without state or random ops.

    Attributes:
        function: Takes the inputs in order, returns a dictionary of named tensors.
        inputs: Shape, dtype and name of each input; the batch axis is None.
    """

    function: Callable[..., dict[str, Tensor]]
    inputs: tuple[keras.InputSpec, ...]


@keras.saving.register_keras_serializable("keras_vae")
class Autoencoder(Constructed, Step, keras.Model):
    """Deterministic autoencoder: minimizes -log p(x | encoder(x)), summed over the event.

    A subclass overrides `loss_terms`, lists the names in `terms`, and writes nothing about
    training: the weighted sum of the terms is averaged over the batch and minimized, and each
    term is logged unweighted as its mean over the examples of an epoch.

    Example:
        >>> encoder, decoder = keras_vae.nets.dense((64,), latent_dim=8)
        >>> model = keras_vae.Autoencoder(encoder, decoder)
        >>> model.compile("adam")
        >>> history = model.fit(np.random.rand(256, 64), epochs=2, verbose=0)

    Args:
        encoder: Layer or model from `(batch, *event)` to codes.
        decoder: Layer or model from codes to the parameters of p(x | z), each `(batch, *event)`.
        likelihood: Name or class of p(x | z), see `keras_vae.distributions.get`. "normal" is
            squared error: its unit variance makes -log p = 0.5 * ||x - mean||^2 + constant.
        loss_weights: Weight of each term by name, 1 where it is left out: a number, a Keras
            schedule over training steps, or one of `keras_vae.controllers`.
        seed: Seed of the model's own random numbers; None for a new one at each construction.
        **kwargs: `name` and `dtype` of `keras.Model`.

    Raises:
        ValueError: If the shapes of the networks do not meet, a name is unknown, or a network
            has an activity regularizer (a penalty is a loss term here).
    """

    terms: tuple[str, ...] = ("reconstruction",)

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        likelihood: str | type[distributions.Distribution] = "normal",
        loss_weights: Mapping[str, LossWeight] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.family = distributions.get(likelihood)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.steps = self.add_weight(
            name="steps",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.shared_parameters = [
            self.add_weight(name=name, shape=(), initializer="zeros", autocast=False)
            for name in self.family.shared
        ]
        self.loss_weights = {
            name: as_loss_weight(self, name, weight)
            for name, weight in (loss_weights or {}).items()
        }
        bound = ("elbo",) if {"reconstruction", "kl"} <= set(self.terms) else ()
        self.trackers = [keras.metrics.Mean(name=n) for n in ("loss", *bound, *self.terms)]

    def constructed(self) -> None:
        """Build at once when the encoder knows its input, as functional models do."""
        inputs = getattr(self.encoder, "inputs", None)
        if inputs and not self.built:
            shapes = [tuple(tensor.shape) for tensor in inputs]
            self.build(shapes[0] if len(shapes) == 1 else shapes)

    def build(self, input_shape: Any) -> None:
        """Make all variables, and check that encoder, decoder and likelihood meet.

        Args:
            input_shape: Shape of x with the batch axis, `(None, *event)`.
        """
        codes = self.encoder(keras.KerasTensor(input_shape, dtype="float32"))
        code = self.check_codes(codes, tuple(input_shape))
        self.event_shape = tuple(input_shape[1:])
        self.latent_shape = tuple(code.shape[1:])
        self._check_decoder()
        self._refuse_activity_regularizers()

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """The one output of an encoder; raises ValueError when there are more."""
        codes = keras.tree.flatten(codes)
        if len(codes) != 1:
            raise ValueError(
                f"Expected an encoder with one output, the code, for {type(self).__name__}. "
                f"Received: {len(codes)} outputs (heads=1 in keras_vae.nets gives one)."
            )
        return codes[0]

    # Nouns give distributions, verbs give tensors.

    def observation(self, z: Tensor, training: bool = False) -> distributions.Distribution:
        """p(x | z) for codes of shape `(batch, *latent_shape)`."""
        outputs = distributions.parameters(self.decoder(z, training=training))
        return self.family(*outputs, *self.shared_parameters)

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """Codes `(batch, *latent_shape)` of `x`, float32, the same at each call."""
        return distributions.parameters(self.encoder(x, training=training))[0]

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | z), `(batch, *event_shape)`, in the range of the data."""
        return self.observation(z).mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """`decode(encode(x))`, the shape of `x`."""
        return self.decode(self.encode(x))

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """What `model(x)` and `model.predict(x)` give: `reconstruct(x)`."""
        return self.reconstruct(x)

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The parts of `score` by name, each `(batch,)`, in nats."""
        return {"reconstruction": -self.observation(self.encode(x)).log_prob(x)}

    def score(self, x: Tensor) -> Tensor:
        """How unusual each example is, `(batch,)`, in nats; higher is more, deterministic."""
        return sum(self.score_terms(x).values())

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The objective: named terms of shape `(batch,)`, in nats, summed over the event.

        Args:
            x: Input, `(batch, *event_shape)`.
            y: Target, the same shape; `x` itself unless the data have a target.
            training: Whether layers such as dropout are active.
        """
        p = self.observation(self.encode(x, training), training)
        return {"reconstruction": -p.log_prob(y)}

    # Training. `steps.py` differentiates `loss_and_logs`; the rest is Keras.

    def loss_and_logs(self, data: Any, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """The number to minimize for a batch, and the running mean of all that is logged."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not self.built:  # A hand-written loop; `fit` and `evaluate` have built it.
            self.build(keras.tree.map_structure(lambda t: (None, *t.shape[1:]), x))
        y = ops.cast(keras.tree.flatten(x)[0] if y is None else y, "float32")
        terms = self._checked(self.loss_terms(x, y, training))
        weight = _row_weights(sample_weight)
        objective = sum(self._weighted(n, term, weight, training) for n, term in terms.items())
        penalty = self._weight_regularization()
        values = {"loss": objective + penalty, **terms}
        if "elbo" in self.metrics_names:
            values["elbo"] = -(terms["reconstruction"] + terms["kl"])
        for tracker in self.trackers:
            tracker.update_state(values[tracker.name], weight)
        if training:
            self.steps.assign_add(1)
        total = ops.sum(objective if weight is None else objective * weight)
        count = sum_over_replicas(ops.cast(ops.shape(objective)[0], "float32"))
        loss = total / count + penalty / sum_over_replicas(ops.ones(()))
        return loss, {tracker.name: tracker.result() for tracker in self.trackers}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One mean per logged number, reset by Keras at each epoch."""
        return self.trackers

    def compile(self, optimizer: Any = "adam", **kwargs: Any) -> None:
        """Choose the optimizer and how to run, as `keras.Model.compile` does.

        Raises:
            ValueError: If a loss or metrics are given: this model's objective is `loss_terms`.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"Expected no {name} in compile(). Received: {name}={kwargs[name]!r}. "
                    f"(The objective of {type(self).__name__} is its method loss_terms; choose "
                    "likelihood=... and loss_weights=... in the constructor, or override "
                    "loss_terms in a subclass.)"
                )
        super().compile(optimizer=optimizer, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as saved, and make the optimizer's variables so that they can be restored."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.fit`, after a check of the data (`keras_vae.checks.check_data`)."""
        x = checks.check_data(self, x, y)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.evaluate`, after a check of the data (`keras_vae.checks.check_data`)."""
        x = checks.check_data(self, x, y)
        return super().evaluate(x, y, *args, **kwargs)

    # Serving.

    def endpoints(self) -> dict[str, Endpoint]:
        """What this model serves: name to `Endpoint`; the first is the default."""
        x = keras.InputSpec(shape=(None, *self.event_shape), dtype="float32", name="x")
        z = keras.InputSpec(shape=(None, *self.latent_shape), dtype="float32", name="z")
        return {
            "reconstruct": Endpoint(lambda x: {"reconstruction": self.reconstruct(x)}, (x,)),
            "encode": Endpoint(self.encoded, (x,)),
            "decode": Endpoint(lambda z: {"reconstruction": self.decode(z)}, (z,)),
            "score": Endpoint(self._scores, (x,)),
        }

    def encoded(self, x: Tensor) -> dict[str, Tensor]:
        """What the `encode` endpoint answers."""
        return {"z": self.encode(x)}

    def _scores(self, x: Tensor) -> dict[str, Tensor]:
        terms = self.score_terms(x)
        answer = {"score": sum(terms.values()), "reconstruction_error": terms["reconstruction"]}
        return {**answer, **{k: v for k, v in terms.items() if k != "reconstruction"}}

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **kwargs: Any) -> Path:
        """Write the endpoints as a SavedModel or a LiteRT file; see `keras_vae.exporting`.

        Args:
            filepath: A new folder for a SavedModel, a new file for LiteRT.
            format: "tf_saved_model" or "litert".
            **kwargs: `endpoints`; for LiteRT also `quantize`, `calibration`, `batch_size`.
        """
        from keras_vae import exporting

        return exporting.export(self, filepath, format=format, **kwargs)

    # Small print.

    def _weighted(self, name: str, term: Tensor, rows: Tensor | None, training: bool) -> Tensor:
        weight = self.loss_weights.get(name)
        if weight is None:
            return term
        if isinstance(weight, Controller):
            mean = _batch_mean(term, rows)
            minimized = weight.minimized(term, mean, self.steps)
            if training:
                weight.update(mean, self.steps)
            return minimized
        return term * (weight(self.steps) if callable(weight) else weight)

    def _weight_regularization(self) -> Tensor:
        penalties = [v.regularizer(v) for v in self.trainable_variables if v.regularizer]
        return sum(penalties, start=ops.zeros(()))

    def _checked(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        shapes = {name: tuple(term.shape) for name, term in terms.items()}
        if set(shapes) != set(self.terms) or any(len(s) != 1 for s in shapes.values()):
            raise ValueError(
                f"Expected {type(self).__name__}.loss_terms to return tensors of shape (batch,) "
                f"named {self.terms}. Received: {shapes}."
            )
        return terms

    def _check_decoder(self) -> None:
        code_shape = (None, *self.latent_shape)
        try:
            outputs = self.decoder(keras.KerasTensor(code_shape, dtype="float32"))
        except ValueError as error:
            takes = getattr(self.decoder, "input_shape", "something else")
            raise ValueError(
                f"Expected a decoder that takes codes of shape {code_shape}, as the encoder "
                f"gives. Received: a decoder that takes {takes}. ({error})"
            ) from error
        shapes = [tuple(t.shape) for t in keras.tree.flatten(outputs)]
        if not self.family.accepts(len(shapes)):
            raise ValueError(
                f"Expected a decoder with {self.family.heads} output(s) for the likelihood "
                f"{self.likelihood!r}. Received: {len(shapes)} "
                "(decoder_heads=... in keras_vae.nets sets it)."
            )
        for shape in shapes:
            checks.check_output_shape(shape, self.event_shape)

    def _refuse_activity_regularizers(self) -> None:
        for layer in self._flatten_layers(include_self=False):
            if getattr(layer, "activity_regularizer", None) is not None:
                raise ValueError(
                    "Expected networks without activity regularizers, which not every backend "
                    f"adds to a custom training step. Received: layer {layer.name!r} with one. "
                    "(Make the penalty a loss term, as keras_vae.SparseAutoencoder does.)"
                )


def _batch_mean(term: Tensor, rows: Tensor | None) -> Tensor:
    """The mean of `term` with weights `rows`, over all replicas, without gradient."""
    rows = ops.ones_like(term) if rows is None else rows
    total = sum_over_replicas(ops.sum(ops.stop_gradient(term) * rows))
    return total / ops.maximum(sum_over_replicas(ops.sum(rows)), keras.config.epsilon())


def _row_weights(sample_weight: Tensor | None) -> Tensor | None:
    """Sample weights as float32 of shape `(batch,)`."""
    if sample_weight is None:
        return None
    if len(sample_weight.shape) > 1 and tuple(sample_weight.shape[1:]) != (1,):
        raise ValueError(
            "Expected sample_weight of shape (batch,), one number for each example. "
            f"Received: {tuple(sample_weight.shape)}."
        )
    return ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
