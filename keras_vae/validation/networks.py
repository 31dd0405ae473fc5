"""Checks that encoder, decoder, likelihood and loss terms of a model fit together."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation.activations import check_logits


def check_network(name: str, network: Any) -> Any:
    """Return `network`; raise TypeError unless it is a Keras layer or model."""
    if isinstance(network, keras.layers.Layer):
        return network
    raise UsageTypeError(
        f"Expected {name} to be a Keras layer or model, for instance from keras_vae.nets. "
        f"Received: {network!r}."
    )


def takes_shape(network: Any, shape: tuple[int, ...]) -> bool:
    """Return whether the input shape of a network, if it states one, is that of an event.

    Keras accepts a last axis of 1 for any other size, until the first batch.
    """
    taken = getattr(network, "input_shape", None)
    if not isinstance(taken, tuple) or len(taken) != len(shape) + 1:
        return taken is None
    return all(size in (None, own) for size, own in zip(taken[1:], shape, strict=True))


def check_classifier(classifier: Any, event_shape: tuple, classes: tuple) -> None:
    """Build a classifier; raise ValueError unless it takes events and returns logits of classes.

    Args:
        classifier: Layer or model.
        event_shape: Shape of an event.
        classes: Shape of the logits of an event.
    """
    wanted = f"Expected a classifier from {(None, *event_shape)} to logits {(None, *classes)}."
    try:
        outputs = keras.tree.flatten(classifier(keras.KerasTensor((None, *event_shape))))
    except ValueError as error:
        raise UsageError(f"{wanted} Received: one that takes others. ({error})") from error
    shapes = [tuple(output.shape) for output in outputs]
    if shapes != [(None, *classes)]:
        raise UsageError(f"{wanted} Received: {', '.join(map(str, shapes))}.")


def single_code(codes: Any, model: LatentModel) -> Any:
    """Return the one output of an encoder; raise ValueError if there are more."""
    codes = keras.tree.flatten(codes)
    if len(codes) != 1:
        raise UsageError(
            f"Expected an encoder with one output, the code, for {type(model).__name__}. "
            f"Received: {len(codes)} outputs (heads=1 in keras_vae.nets gives one)."
        )
    return codes[0]


def refuse_named_outputs(name: str, outputs: Any) -> Any:
    """Return the outputs of a network, unless they are a dictionary, which has no order.

    Args:
        name: "encoder" or "decoder".
        outputs: What the network returns.

    Raises:
        TypeError: If they are a dictionary.
    """
    if isinstance(outputs, Mapping):
        raise UsageTypeError(
            f"Expected {'an' if name == 'encoder' else 'a'} {name} that returns a tensor or a list "
            f"of tensors, in order. Received: a dictionary of {list(outputs)}, which is read by "
            "the alphabet. (Return a list, such as [z_mean, z_log_var].)"
        )
    return outputs


def check_decoder(model: LatentModel, x: Any) -> None:
    """Raise ValueError unless the decoder takes codes and returns parameters of p(x | z).

    Args:
        model: The model, with its shapes set.
        x: A symbolic input of the model.
    """
    outputs = keras.tree.flatten(refuse_named_outputs("decoder", _decode_symbolic(model, x)))
    shapes = [tuple(t.shape) for t in outputs]
    if not model.family.accepts(len(shapes)):
        raise UsageError(
            f"Expected a decoder with {model.family.heads} output(s) for the likelihood "
            f"{model.likelihood!r}. Received: {len(shapes)} "
            "(decoder_heads=... in keras_vae.nets sets it)."
        )
    wanted = model.family.output_shape(model.event_shape)
    what = "encoder's input shape" if wanted == model.event_shape else "shape of the likelihood"
    for shape in shapes:
        if shape[1:] != wanted:
            raise UsageError(
                f"Expected a decoder whose outputs have the {what} {(None, *wanted)}. "
                f"Received: {shape}."
            )
    check_logits(model, outputs, model.family.output_names(len(outputs)))


def _decode_symbolic(model: LatentModel, x: Any) -> Any:
    code_shape = (None, *model.latent_shape)
    code = keras.KerasTensor(code_shape, dtype="float32")
    try:
        return model.decoder(model.with_condition(code, x))
    except ValueError as error:
        takes = getattr(model.decoder, "input_shape", "something else")
        raise UsageError(
            f"Expected a decoder that takes codes of shape {code_shape}, as the encoder "
            f"gives. Received: a decoder that takes {takes}. ({error})"
        ) from error


def check_terms(model: LatentModel, terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return `terms`; raise ValueError unless they have the names and shapes of the model."""
    shapes = {name: tuple(term.shape) for name, term in terms.items()}
    if set(shapes) != set(model.terms) or any(len(s) != 1 for s in shapes.values()):
        raise UsageError(
            f"Expected {type(model).__name__}.loss_terms to return tensors of shape (batch,) "
            f"named {model.terms}. Received: {shapes}. (The names are those of the class "
            'attribute terms, such as terms = ("reconstruction", "kl", "mine").)'
        )
    return terms


def weight_regularization(model: LatentModel) -> list[Tensor]:
    """Return the penalties of weight regularizers.

    Raises:
        ValueError: If layers added other losses. They depend on how a batch is split, they are
            not logged, and JAX drops them.
    """
    regularized = [v for v in model.trainable_variables if v.regularizer is not None]
    losses = model.losses
    if len(losses) != len(regularized):
        raise UsageError(
            "Expected networks whose layers add no losses of their own. Received: "
            f"{len(losses) - len(regularized)} from add_loss() or activity regularizers. "
            "(Make the penalty a loss term, as keras_vae.SparseAutoencoder does.)"
        )
    return losses
