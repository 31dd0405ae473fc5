"""The base class of all models: an encoder, a decoder, and a method with the loss terms."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_vae import distributions
from keras_vae.backend import ReplicaSeedGenerator, Step, call_network
from keras_vae.base.fitting import Fitting
from keras_vae.base.network_defaults import edition
from keras_vae.base.objective import Objective
from keras_vae.base.raw_data import RawData
from keras_vae.base.recorded_init import RecordedInit
from keras_vae.base.sampling import Sampling
from keras_vae.base.saving import Saving
from keras_vae.base.serving import Serving
from keras_vae.losses.extra_terms import ExtraTerm
from keras_vae.losses.observed import note_density, note_inputs
from keras_vae.losses.weights import LossWeight, refuse_twice
from keras_vae.preprocessing import Preprocessing
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks, networks, objects, value_checks
from keras_vae.validation.activations import is_trusted
from keras_vae.validation.examples import first_input
from keras_vae.validation.finite_rows import nan_unless_finite


@keras.saving.register_keras_serializable("keras_vae")
class Autoencoder(
    Saving, RecordedInit, RawData, Serving, Sampling, Objective, Fitting, Step, keras.Model
):
    """Deterministic autoencoder, and the base class of all models.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ],  z = encoder(x)

        -log p(x | z) is in nats and is summed over the event, such as pixels or time steps. With
        the likelihood "normal" it is 0.5 * ||x - decoder(z)||^2 + constant.

    With a target y, as in `fit(x, y)`, the first term is -log p(y | z). With sample weights w_i
    the mean is sum_i w_i loss_i / batch size, over all replicas. Weight regularizers are added.

    A subclass overrides `loss_terms` and lists their names in `terms`. Training multiplies each
    term by its weight, adds the terms, and averages over the batch. Logs hold the mean of each
    unweighted term over the examples of an epoch. If the terms "reconstruction" and "kl" exist,
    `elbo` = -(reconstruction + kl) is logged too.

    Example:
        >>> encoder, decoder = keras_vae.nets.dense((64,), latent_dim=8)
        >>> model = keras_vae.Autoencoder(encoder, decoder)
        >>> model.compile("adam")
        >>> history = model.fit(np.random.rand(256, 64), epochs=2, verbose=0)

    Args:
        encoder: Layer or model from `(batch, *event)` to latent codes.
        decoder: Layer or model from codes to the parameters of p(x | z), each `(batch, *event)`.
        likelihood: Name or class of p(x | z), see `keras_vae.distributions.get`. "normal" is
            squared error: its unit variance makes -log p = 0.5 * ||x - mean||^2 + constant.
        loss_weights: Weight of each term by name: a number, a Keras schedule over training
            steps, or one of `keras_vae.controllers`. The default is 1. To change one later, set
            `model.loss_weights[TERM]`.
        seed: Seed of the sampling noise; None for a new seed at each construction. For the
            initial weights of the networks, call `keras.utils.set_random_seed`.
        preprocess: Adapted `keras.layers.Normalization`, `keras.layers.Rescaling`,
            `keras_vae.layers.FillGaps`, or a list of these. The networks get the preprocessed x.
            Everything outside of them is raw: data, targets, reconstructions, samples, and nats.
        extra_terms: Terms of `keras_vae.losses` for images, next to those of the model.
        **kwargs: `name` and `dtype` of `keras.Model`.

    Attributes:
        preprocess: The `keras_vae.preprocessing.Preprocessing` of the argument, with constants.
        data_range: Smallest and largest raw value of x with a density.

    Raises:
        ValueError: If the shapes of the networks do not fit, a name is unknown, or `preprocess` is
            not adapted or does not fit the likelihood.
        TypeError: If a network is not a Keras layer, or a loss weight is no number, schedule or
            controller.
    """

    # Whether the loss is right where x is a pair; see `keras_vae.base.conditioning.Conditioning`.
    takes_condition = True
    instead_of_settings = "; for the weight of a loss term: model.loss_weights[TERM] = weight"

    # The constructor arguments that weigh terms, for `losses.weights.refuse_twice`.
    weight_arguments: Mapping[str, tuple[str, ...]] = {}
    latent_dtype = "float32"
    event_dtype = "float32"

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        likelihood: str | type[distributions.Distribution] = "normal",
        loss_weights: Mapping[str, LossWeight] | None = None,
        seed: int | None = None,
        preprocess: Any = None,
        extra_terms: Sequence[ExtraTerm] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**objects.check_keras_arguments(type(self), kwargs))
        self.encoder = networks.check_network("encoder", encoder)
        self.decoder = networks.check_network("decoder", decoder)
        self.network_defaults = edition()
        self.likelihood = likelihood
        self.family = distributions.get(likelihood)
        self.preprocess = Preprocessing.of(preprocess)
        self.preprocess.check_family(likelihood, self.family)
        self.seed = arguments.seed(seed)
        self.seed_generator = ReplicaSeedGenerator(self.seed)
        of_all: Any = {"trainable": False, "aggregation": "only_first_replica"}
        self.steps = self.add_weight((), "zeros", "int32", name="steps", **of_all)
        self.shared_parameters = [
            self.add_weight(name=name, shape=(), initializer="zeros", autocast=False)
            for name in self.family.shared
        ]
        self.set_objective(loss_weights, extra_terms)

    def finish_construction(self) -> None:
        """Build at once if the encoder knows its input shape, as functional models do."""
        if not is_trusted():
            refuse_twice(self, self._arguments)
        if self.preprocess:  # Constants in place of layers, which keep their numbers elsewhere.
            self._arguments["preprocess"] = self.preprocess
        if self.preprocess or self.family.encodes_log:
            self.autocast = False  # `call` would round raw numbers to 16 bits before the steps.
        shape = getattr(self.encoder, "input_shape", None)
        if shape and not self.built:
            self.build(shape)

    def build(self, input_shape: Any) -> None:
        """Make all variables, and check that encoder, decoder and likelihood fit.

        Args:
            input_shape: Shape of x with the batch axis, `(None, *event)`. For several inputs, a
                list of shapes, with x first.

        Raises:
            ValueError: If the shapes of encoder, decoder and likelihood do not fit.
        """
        x = keras.tree.map_shape_structure(keras.KerasTensor, input_shape)
        outputs = networks.refuse_named_outputs("encoder", self.encoder(x))
        code = self.check_codes(outputs, tuple(keras.tree.flatten(x)[0].shape))
        self.event_shape = tuple(keras.tree.flatten(x)[0].shape[1:])
        self.preprocess.check_event_shape(self.event_shape)
        self.latent_shape = tuple(code.shape[1:])
        self.check_decoder(x)
        for term in self.extra_terms:
            term.build_for(self)

    def build_for(self, x: Any) -> None:
        """Build for a batch `x`, if the model is not built yet.

        Raises:
            ValueError: If `x` does not have as many arrays as the encoder has inputs.
        """
        data_checks.check_count_of_parts(self.encoder, x)
        if not self.built:
            self.build(keras.tree.map_structure(lambda t: (None, *t.shape[1:]), x))

    def check_parts(self, x: Any) -> None:
        """Raise ValueError for a bad value in the inputs next to x, such as a mask."""

    def check_target(self, y: Any) -> None:
        """Raise ValueError unless `y` is an array like x, in the support of the likelihood.

        Override it in a model whose `loss_terms` takes another y, such as labels.
        """
        data_checks.check_reconstruction_target(self, y)

    def check_decoder(self, x: Any) -> None:
        """Raise ValueError unless encoder, decoder and likelihood fit, for a symbolic `x`."""
        networks.check_decoder(self, x)

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """Return the code among the outputs of an encoder.

        Args:
            codes: Symbolic outputs of the encoder.
            input_shape: Shape of x with the batch axis.

        Raises:
            ValueError: If the encoder has the wrong outputs for this model.
        """
        return networks.single_code(codes, self)

    # Nouns return distributions, verbs return tensors.

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """Return the outputs of the encoder in float32, the precision of densities."""
        self.build_for(x)
        x = data_checks.single_array("x", x, "one row for each example")
        data_checks.check_shape("x", x.shape, self.event_shape)
        self.check_arrays(x)
        return distributions.parameters(call_network(self.encoder, self.prepare(x), training))

    def check_arrays(self, x: Any) -> None:
        """Raise an error for NumPy arrays that are no input of a verb; see `check_numbers`.

        Tensors are not checked: that would cost each call, and those of graphs have no values.
        """
        event, *others = keras.tree.flatten(x)
        value_checks.check_numbers("x", event, self.preprocess.fills)
        self.check_columns(event)
        value_checks.refuse_8_bit(event, self.data_range)
        for other in others:
            value_checks.check_numbers(
                f"the {getattr(self, 'condition_name', 'second part')}", other
            )

    def observation(self, z: Tensor, training: bool = False) -> distributions.Distribution:
        """Return the distribution p(x | z) for codes `(batch, *latent_shape)`.

        Raises:
            ValueError: If the codes have another shape.
        """
        data_checks.require_arrays("z", z)
        z = data_checks.single_array("z", z, "one code for each row")
        data_checks.check_shape("z", z.shape, self.latent_shape)
        value_checks.check_numbers("z", z)
        return self.observation_from_inputs(self.decoder_input(z), training)

    def decoder_input(self, z: Tensor) -> Tensor:
        """Return the input of the decoder for codes: here the codes themselves."""
        return z

    def observation_from_inputs(
        self, inputs: Any, training: bool = False
    ) -> distributions.Distribution:
        """Return p(x | z) for inputs of the decoder, without a check of their shapes."""
        note_inputs(inputs)
        return self.observation_from_outputs(call_network(self.decoder, inputs, training))

    def observation_from_outputs(self, outputs: Any) -> distributions.Distribution:
        """Return p(x | z) for outputs of the decoder."""
        density = self.family(*distributions.parameters(outputs), *self.shared_parameters)
        return note_density(self.preprocess.of_raw_data(density))

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """Encode `x` to codes `(batch, *latent_shape)`, of `latent_dtype`, without noise."""
        return self.mark_rows(x, self.codes_from_outputs(self.encoder_outputs(x, training)))

    def codes_from_outputs(self, outputs: list[Tensor]) -> Tensor:
        """Return the codes that `encode` gives, from the outputs of the encoder."""
        return outputs[0]

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes to the mean of p(x | z), `(batch, *event_shape)`, in the data range."""
        return self.mark_codes(z, self.observation(z).mean)

    def with_condition(self, z: Tensor, x: Tensor) -> Tensor:
        """Return the input of `decode` for codes `z` of `x`: a pair with the condition, or `z`."""
        return z

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode `x` and decode the codes, without noise; same shape as `x`."""
        return self.mark_rows(x, self.decode(self.with_condition(self.encode(x), x)))

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return `reconstruct(x)`, for `model(x)` and `model.predict(x)`.

        Examples with values that are not finite are reconstructed as NaN, also in compiled graphs.
        """
        return nan_unless_finite(self.preprocess.without_gaps(x), self.reconstruct(x))

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return the terms of `score` by name, each `(batch,)`, in nats."""
        p = self.observation(self.with_condition(self.encode(x), x))
        return {"reconstruction": -p.log_prob(first_input(x))}

    def score(self, x: Tensor) -> Tensor:
        """Score how unusual each example is, without noise; a higher score is more unusual.

        Returns:
            `(batch,)`, in nats: the sum of `score_terms`.

        Raises:
            ValueError: If `x` are NumPy arrays that do not fit the model, such as pixels from 0
                to 255. Tensors are not checked.
        """
        data_checks.check_if_arrays(self, x)
        return self.mark_rows(x, sum(self.score_terms(x).values()))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the terms of the loss for each example.

        Args:
            x: Input, `(batch, *event_shape)`.
            y: Target of the same shape; `x` itself if the data have no target.
            training: Whether layers such as dropout are active.

        Returns:
            Tensors of shape `(batch,)` by name, in nats, summed over the event.
        """
        p = self.observation(self.with_condition(self.encode(x, training), x), training)
        return {"reconstruction": -p.log_prob(y)}
