"""Small decoders for devices: a narrow copy of a decoder that learns to answer as it does."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import map_batches
from keras_vae.acceleration.ordered import OrderedBatches
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks, objects, sources

ROWS_AT_ONCE = 256
# Weight of errors of raw outputs, such as logits, beside those of the decoded data.
RAW_WEIGHT = 0.1
TINY = 1e-6
KERAS_ARGUMENTS = ("name", "dtype", "trainable")
OWN_STUDENT = "Give a network of your own: student=..."


def distill_decoder(
    model: Autoencoder,
    x: Any,
    size: float = 0.25,
    student: keras.layers.Layer | None = None,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    seed: int | None = None,
    verbose: Any = "auto",
) -> Autoencoder:
    """Return a copy of `model` with a small decoder, which learned to answer as the large one does.

    Only the decoder is small: codes, scores, samples and exports are asked for as before. `model`
    itself stays as it is. The student is trained on the codes of `x`, and on as many codes from
    the prior if the model has one, for the squared error of decoded data and of raw outputs.

    Source: Hinton et al. 2015 (arXiv:1503.02531), for decoders and without a temperature.

    Example:
        >>> small = keras_vae.distill_decoder(model, images, size=0.5, epochs=2, verbose=0)
        >>> small.decoder.count_params() < model.decoder.count_params()
        True

    Args:
        model: A trained autoencoder whose decoder takes the code alone.
        x: Examples `(n, *event_shape)` like those of the training.
        size: Width of the layers of the student, as a fraction of those of the decoder: above 0, at
            most 1. Its weights and its time shrink about with the square.
        student: A network to use in place of a narrow copy, with the inputs and outputs of the
            decoder; it is trained further.
        epochs: Number of passes over the codes.
        batch_size: Codes in a step.
        learning_rate: The first one of Adam; it falls to 0 along a cosine.
        seed: Seed of the codes from the prior, and of the order; None for another one each time.
        verbose: As in `keras.Model.fit`.

    Returns:
        A model of the same class. A class that makes its own networks, such as `ConvVAE`, becomes
        the class that it is made of, `VAE`.

    Raises:
        TypeError: If `model` is no autoencoder, or an argument has another type.
        ValueError: If it is not built, its decoder takes more than the code, cannot be made narrow
            or does not fit the student, or a number is out of range.
    """
    _check(model)
    if not arguments.real("size", size, TINY) <= 1:
        raise UsageError(f"Expected size of at most 1. Received: size={size!r}.")
    epochs = arguments.integer("epochs", epochs)
    batch_size = arguments.integer("batch_size", batch_size)
    learning_rate = arguments.real("learning_rate", learning_rate, TINY)
    seed, verbose = arguments.seed(seed), arguments.verbose(verbose)
    x = sources.check_data(model, x)
    data_checks.require_arrays("x", x)
    x = keras.tree.map_structure(ops.convert_to_numpy, x)
    if student is None:
        student = _narrow(model.decoder, size)
    if not isinstance(student, keras.layers.Layer):
        raise UsageTypeError(
            f"Expected student to be a Keras network, or None. Received: {type(student).__name__}."
        )
    new = _with_decoder(model, student)
    inputs = _decoder_inputs(model, x, seed)
    outputs = map_batches(model.decoder, inputs, ROWS_AT_ONCE)
    lesson = _Lesson(new.decoder, model.observation_from_outputs, outputs)
    steps = epochs * -(-len(inputs) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    # Compiling by XLA takes longer than most lessons; JAX has no other way.
    jit = "auto" if keras.backend.backend() == "jax" else False
    lesson.compile(keras.optimizers.Adam(rate), jit_compile=jit)
    batches = OrderedBatches(inputs, tuple(keras.tree.flatten(outputs)), batch_size, seed)
    lesson.fit(batches, epochs=epochs, verbose=verbose, shuffle=False)
    return new


class _Lesson(keras.Model):
    """Training of a student on the outputs of a teacher.

    Args:
        student: The network to train.
        observation: From outputs of a decoder to p(x | z); not a part of what is trained.
        outputs: All outputs of the teacher, which give the scale of errors.
    """

    def __init__(
        self, student: keras.layers.Layer, observation: Callable[[Any], Any], outputs: Any
    ) -> None:
        super().__init__(name="lesson")
        self.student = student
        self._observation = observation
        decoded = ops.convert_to_numpy(observation(_first_rows(outputs)).mean)
        self._raw_scale = [1 / (float(np.var(part)) + TINY) for part in keras.tree.flatten(outputs)]
        self._scale = 1 / (float(np.var(decoded)) + TINY)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Return the outputs of the student."""
        return self.student(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Return the squared errors, each as a fraction of a variance."""
        y = keras.tree.pack_sequence_as(y_pred, keras.tree.flatten(y))
        raw = zip(keras.tree.flatten(y), keras.tree.flatten(y_pred), self._raw_scale, strict=True)
        loss = RAW_WEIGHT * sum(scale * _squared(a, b) for a, b, scale in raw)
        decoded = [self._observation(outputs).mean for outputs in (y, y_pred)]
        return loss + self._scale * _squared(*decoded)


def _squared(a: Tensor, b: Tensor) -> Tensor:
    return ops.mean(ops.square(ops.cast(a, "float32") - ops.cast(b, "float32")))


def _first_rows(outputs: Any) -> Any:
    return keras.tree.map_structure(lambda part: part[:ROWS_AT_ONCE], outputs)


def _check(model: Any) -> None:
    objects.autoencoder(model, Autoencoder)
    if not model.built:
        raise UsageError("Expected a built model. Received: one that has not seen data. (Fit it.)")
    names = [spec.name for spec in model.endpoints()["decode"].inputs]
    if len(names) > 1:
        raise UsageError(
            "Expected a decoder that takes the code alone. Received: one of "
            f"{type(model).__name__}, which takes {', '.join(names)}."
        )


def _decoder_inputs(model: Any, x: Any, seed: int | None) -> np.ndarray:
    """Return what the decoder gets for the codes of `x`, and for as many from the prior."""
    codes = map_batches(model.encode, x, ROWS_AT_ONCE)
    if "sample" in model.endpoints():
        drawn = ops.convert_to_numpy(model.sample_codes(len(codes), seed, 1.0))
        codes = np.concatenate([codes, drawn])
    return map_batches(model.decoder_input, codes, ROWS_AT_ONCE)


def _with_decoder(model: Autoencoder, student: keras.layers.Layer) -> Autoencoder:
    """Return a copy of `model` with the weights of all but the decoder, and this decoder."""
    made_of: Any = next(
        cls for cls in type(model).__mro__ if "decoder" in inspect.signature(cls).parameters
    )
    takes = {name for cls in made_of.__mro__ for name in inspect.signature(cls).parameters}
    serialize = keras.saving.serialize_keras_object
    networks = {"encoder": serialize(model.encoder), "decoder": serialize(student)}
    kept = {
        name: value
        for name, value in model.get_config().items()
        if name in (*takes, *KERAS_ARGUMENTS, "changed_loss_weights")
    }
    new = made_of.from_config({**kept, **networks})
    if [part.shape for part in keras.tree.flatten(new.decoder.output)] != [
        part.shape for part in keras.tree.flatten(model.decoder.output)
    ]:
        raise UsageError(
            "Expected a student with the outputs of the decoder. Received: other shapes."
        )
    old_others, new_others = (_all_but_decoder(one) for one in (model, new))
    for old, variable in zip(old_others, new_others, strict=True):
        variable.assign(old)
    if student.built:
        new.decoder.set_weights(student.get_weights())
    new.sampler = model.sampler
    return new


def _all_but_decoder(model: Autoencoder) -> list[Any]:
    decoder = {id(variable) for variable in model.decoder.variables}
    return [variable for variable in model.variables if id(variable) not in decoder]


def _narrow(decoder: Any, size: float) -> keras.Model:
    """Return a new network of the layers of a decoder, with fewer units and filters.

    The last layers keep their width, as many as the shapes of the outputs need.

    Raises:
        ValueError: If no such network has the outputs of the decoder.
    """
    functional = isinstance(decoder, keras.Model) and hasattr(decoder, "operations")
    wide = [layer for layer in decoder.layers if _width(layer)] if functional else []
    for kept in range(1, len(wide)):
        changes = _changes(decoder.layers, wide[:-kept], size)
        try:
            remake = functools.partial(_remade, changes=changes)
            new = keras.models.clone_model(decoder, clone_function=remake)
        except Exception:  # Layers that do not fit each other raise many kinds.
            continue
        shapes = [[o.shape for o in keras.tree.flatten(net.output)] for net in (new, decoder)]
        if shapes[0] == shapes[1]:
            return new
    raise UsageError(
        "Expected a decoder of Keras's functional API with layers that can be made narrow, such as "
        f"Dense and Conv2DTranspose. Received: {type(decoder).__name__} {decoder.name!r}. "
        f"({OWN_STUDENT})"
    )


def _width(layer: keras.layers.Layer) -> str | None:
    """Return the name of the argument with the width of a layer of Keras that has weights."""
    names = [name for name in ("units", "filters") if hasattr(layer, name)]
    return names[0] if names and layer.weights else None


def _changes(layers: list[Any], narrow: list[Any], size: float) -> dict[str, dict[str, Any]]:
    """Return the changed arguments by name of layer; maps keep their height and width."""
    changes: dict[str, dict[str, Any]] = {}
    for layer in narrow:
        name = _width(layer) or ""
        changes[layer.name] = {name: _scaled(getattr(layer, name), size)}
    for before, layer in zip(layers, layers[1:], strict=False):
        if isinstance(layer, keras.layers.Reshape) and before.name in changes:
            *places, channels = layer.target_shape
            shape = (*places, _scaled(channels, size))
            changes[before.name] = {"units": math.prod(shape)}
            changes[layer.name] = {"target_shape": shape}
    return changes


def _scaled(width: int, size: float) -> int:
    return max(1, round(size * width))


def _remade(
    layer: keras.layers.Layer, changes: Mapping[str, Mapping[str, Any]]
) -> keras.layers.Layer:
    config = layer.get_config()
    return type(layer).from_config({**config, **changes.get(layer.name, {})})
