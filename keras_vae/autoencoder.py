"""The base of every model: an encoder, a decoder, and one method that is the objective."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import arguments, assembly, checks, distributions, samplers
from keras_vae.construction import Constructed
from keras_vae.fitting import Fitting
from keras_vae.sampling import Sampling
from keras_vae.serving import Serving
from keras_vae.steps import ReplicaSeedGenerator, Step, sum_over_replicas
from keras_vae.weights import LossWeight, as_loss_weight, weighted

Tensor = Any


def event(x: Any) -> Tensor:
    """What is reconstructed: the first array of an input that has several."""
    return keras.tree.flatten(x)[0]


@keras.saving.register_keras_serializable("keras_vae")
class Autoencoder(Constructed, Serving, Sampling, Fitting, Step, keras.Model):
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
            Initial weights come with the networks; `keras.utils.set_random_seed` seeds those.
        **kwargs: `name` and `dtype` of `keras.Model`.

    Raises:
        ValueError: If the shapes of the networks do not meet or a name is unknown.
        TypeError: If a network is not a Keras layer or a loss weight is none.
    """

    terms: tuple[str, ...] = ("reconstruction",)
    latent_dtype = "float32"
    event_dtype = "float32"

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        likelihood: str | type[distributions.Distribution] = "normal",
        loss_weights: Mapping[str, LossWeight] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments.of_keras(type(self), kwargs))
        self.encoder = assembly.check_network("encoder", encoder)
        self.decoder = assembly.check_network("decoder", decoder)
        self.likelihood = likelihood
        self.family = distributions.get(likelihood)
        self.seed = arguments.seed(seed)
        self.seed_generator = ReplicaSeedGenerator(self.seed)
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
            for name, weight in arguments.mapping("loss_weights", loss_weights).items()
        }
        bound = ("elbo",) if {"reconstruction", "kl"} <= set(self.terms) else ()
        self.trackers = [keras.metrics.Mean(name=n) for n in ("loss", *bound, *self.terms)]

    def constructed(self) -> None:
        """Build at once when the encoder knows its input, as functional models do."""
        shape = getattr(self.encoder, "input_shape", None)
        if shape and not self.built:
            self.build(shape)

    def build(self, input_shape: Any) -> None:
        """Make all variables, and check that encoder, decoder and likelihood meet.

        Args:
            input_shape: Shape of x with the batch axis, `(None, *event)`; of several inputs, a
                list of shapes, the event first.
        """
        x = keras.tree.map_shape_structure(keras.KerasTensor, input_shape)
        code = self.check_codes(self.encoder(x), tuple(keras.tree.flatten(x)[0].shape))
        self.event_shape = tuple(keras.tree.flatten(x)[0].shape[1:])
        self.latent_shape = tuple(code.shape[1:])
        self.check_decoder(x)

    def build_for(self, x: Any) -> None:
        """Build for a batch `x`, if that was not possible without it."""
        checks.check_count_of_parts(self.encoder, x)
        if not self.built:
            self.build(keras.tree.map_structure(lambda t: (None, *t.shape[1:]), x))

    def check_parts(self, x: Any) -> None:
        """Raise for values that no part of an input of several parts may have: none here."""

    def check_event(self, name: str, values: Any) -> None:
        """Raise ValueError unless `values` have a density: finite, and within the support."""
        checks.check_values(
            name, values, self.family.support, f"the {self.likelihood!r} likelihood"
        )

    def check_decoder(self, x: Any) -> None:
        """Raise ValueError unless encoder, decoder and likelihood meet, for a symbolic `x`."""
        assembly.check_decoder(self, x)

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """The code among the outputs of an encoder; raises ValueError for the wrong outputs."""
        return assembly.single_code(codes, self)

    # Nouns give distributions, verbs give tensors.

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """What the encoder gives for `x`, in float32: densities are not for half precision."""
        self.build_for(x)
        checks.check_shape("x", x.shape, self.event_shape)
        return distributions.parameters(self.encoder(x, training=training))

    def observation(self, z: Tensor, training: bool = False) -> distributions.Distribution:
        """p(x | z) for codes of shape `(batch, *latent_shape)`."""
        checks.check_shape("z", z.shape, self.latent_shape)
        return self.decoded(self.decoder_input(z), training)

    def decoder_input(self, z: Tensor) -> Tensor:
        """What the decoder takes for codes: here the codes themselves."""
        return z

    def decoded(self, inputs: Any, training: bool = False) -> distributions.Distribution:
        """p(x | z) of what the decoder takes, whose shapes are right."""
        return self.density(self.decoder(inputs, training=training))

    def density(self, outputs: Any) -> distributions.Distribution:
        """p(x | z) from what the decoder gives."""
        return self.family(*distributions.parameters(outputs), *self.shared_parameters)

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """Codes `(batch, *latent_shape)` of `x`, float32, the same at each call."""
        return self.encoder_outputs(x, training)[0]

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | z), `(batch, *event_shape)`, in the range of the data."""
        return self.observation(z).mean

    def conditioned(self, z: Tensor, x: Tensor) -> Tensor:
        """What `observation` and `decode` take for codes `z` of `x`: here the codes alone."""
        return z

    def reconstruct(self, x: Tensor) -> Tensor:
        """`decode(encode(x))`, the shape of `x`."""
        return self.decode(self.conditioned(self.encode(x), x))

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """What `model(x)` and `model.predict(x)` give: `reconstruct(x)`."""
        return self.reconstruct(x)

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The parts of `score` by name, each `(batch,)`, in nats."""
        p = self.observation(self.conditioned(self.encode(x), x))
        return {"reconstruction": -p.log_prob(event(x))}

    def score(self, x: Tensor) -> Tensor:
        """How unusual each example is, `(batch,)`, in nats; higher is more, deterministic.

        Arrays of NumPy are checked first, as in `fit`: outside of the support of the likelihood,
        such as pixels of 0 to 255, there is no score.
        """
        if all(isinstance(part, np.ndarray) for part in keras.tree.flatten(x)):
            checks.check_batch(self, x)
        return sum(self.score_terms(x).values())

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The objective: named terms of shape `(batch,)`, in nats, summed over the event.

        Args:
            x: Input, `(batch, *event_shape)`.
            y: Target, the same shape; `x` itself unless the data have a target.
            training: Whether layers such as dropout are active.
        """
        p = self.observation(self.conditioned(self.encode(x, training), x), training)
        return {"reconstruction": -p.log_prob(y)}

    # Training. A step differentiates `loss_and_logs`; the rest is Keras.

    def loss_and_logs(self, data: Any, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """The number to minimize for a batch, and the running mean of all that is logged.

        Args:
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.
            training: Whether this is a training step.

        Returns:
            The sum over examples of sample weight times weighted terms, divided by the number of
            examples on all replicas, plus weight regularization; and the means by name.
        """
        x, y, rows = self.batch_of(data)
        return self.weighed(self.loss_terms(x, y, training), rows, training)

    def batch_of(self, data: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """x, the target in float32, and the weight of each example or None, of what Keras gives."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.build_for(x)
        y = ops.cast(event(x) if y is None else y, "float32")
        return x, y, checks.row_weights(sample_weight)

    def weighed(
        self, terms: dict[str, Tensor], rows: Tensor | None, training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What `loss_and_logs` returns, from the terms and the weight of each example."""
        terms = assembly.check_terms(self, terms)
        objective = sum(
            weighted(self.loss_weights.get(name), term, rows, self.steps, training)
            for name, term in terms.items()
        )
        penalty = ops.cast(sum(assembly.weight_regularization(self)), "float32")
        if training:
            self.steps.assign_add(1)
        count = ops.cast(ops.shape(objective)[0], "float32")
        total = ops.sum(objective if rows is None else objective * rows) + count * penalty
        logs = self._means({"loss": objective + penalty, **terms}, rows)
        return total / sum_over_replicas(count), logs

    def _means(self, values: dict[str, Tensor], rows: Tensor | None) -> dict[str, Tensor]:
        """The running mean of each of `values`, and of the bound where the model has one."""
        if "elbo" in self.metrics_names:
            values["elbo"] = -(values["reconstruction"] + values["kl"])
        for tracker in self.trackers:
            tracker.update_state(values[tracker.name], rows)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One mean per logged number, reset by Keras at each epoch."""
        return self.trackers

    def compile(
        self,
        optimizer: Any = "adam",
        loss: None = None,
        loss_weights: None = None,
        metrics: None = None,
        weighted_metrics: None = None,
        **kwargs: Any,
    ) -> None:
        """Choose the optimizer and how to run, as `keras.Model.compile` does.

        Raises:
            ValueError: If a loss or metrics are given: this model's objective is `loss_terms`.
        """
        refused = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        for name, value in refused.items():
            if value is not None:
                raise ValueError(
                    f"Expected no {name} in compile(). Received: {name}={value!r}. "
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

    # Saving.

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and the layers that were frozen since."""
        frozen = [i for i, layer in enumerate(self._flatten_layers()) if not layer.trainable]
        return {**super().get_config(), **({"frozen": frozen} if frozen else {})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The inverse of `get_config`."""
        arguments = {name: value for name, value in config.items() if name != "frozen"}
        model = super().from_config(arguments)
        for number, layer in enumerate(model._flatten_layers()) if "frozen" in config else ():
            layer.trainable = number not in config["frozen"]
        return model

    def save_own_variables(self, store: Any) -> None:
        """Keras's own, the states of random number generators, which it leaves out, the sampler."""
        super().save_own_variables(store)
        samplers.save(self.sampler, store)
        for number, state in enumerate(self._seed_states()):
            store[f"seed_{number}"] = state

    def load_own_variables(self, store: Any) -> None:
        """The inverse of `save_own_variables`."""
        ours = ("seed_", samplers.PREFIX)
        own = {name: store[name] for name in store.keys() if not name.startswith(ours)}
        super().load_own_variables(own)
        self.sampler = samplers.load(store)
        for number, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_{number}"])

    def _seed_states(self) -> list[Any]:
        """The states of all random number generators, of layers too."""
        weights = {id(weight) for weight in self.weights}
        return [variable for variable in self.variables if id(variable) not in weights]
