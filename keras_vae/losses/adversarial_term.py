"""A discriminator of reconstructions, as a term of any model."""

from typing import Any

import keras
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.losses.adversary import judge, judge_with_constant_weights
from keras_vae.losses.extra_terms import ExtraTerm
from keras_vae.losses.gradient_ratio import gradient_ratio, last_kernel
from keras_vae.losses.observed import Observed
from keras_vae.losses.weights import LossWeight
from keras_vae.nets.patch_discriminator import patch_discriminator
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.validation.networks import check_network, takes_shape

LOSSES = ("hinge", "logistic")


@keras.saving.register_keras_serializable("keras_vae")
class AdversarialTerm(ExtraTerm):
    """A discriminator that tells images from reconstructions, whose opponent is the model.

    Loss:
        adversarial = mean over patches of -D(x')                            ("hinge")
        discriminator = mean over patches of 1/2 * (max(0, 1 - D(x)) + max(0, 1 + D(x')))

        D are the log odds of a discriminator that a patch is of the data, and x' is the mean of
        p(x | z). With "logistic", they are softplus(-D(x')) and
        1/2 * (softplus(-D(x)) + softplus(D(x'))).

    The term `adversarial` trains the model alone, and `discriminator` the discriminator alone, by
    gradients that stop elsewhere. So one optimizer is enough. Before `start_step` both count 0.

    If `adaptive`, the loss has `adversarial` times weight * a factor:

        factor = ||gradient of the reconstruction|| / (||gradient of adversarial|| + 1e-6)

    Both gradients are of the last kernel of the decoder, over all replicas. The reconstruction
    is -log p(x | z) and the other extra terms, as weighted in the loss. So the opponent moves the
    decoder as much as the reconstruction does, times `weight`. The factor is at most 1e4. Logs hold
    it as `adaptive_weight`. Evaluation uses that of the last training step.

    Sources: Esser et al. 2021 (arXiv:2012.09841, equation 7) for the factor, Lim & Ye 2017
    (arXiv:1705.02894) for the hinge loss, and Isola et al. 2017 (arXiv:1611.07004) for patches.

    Example:
        >>> term = keras_vae.losses.AdversarialTerm(start_step=1000, weight=0.5)
        >>> networks = keras_vae.nets.conv_map((28, 28, 1), latent_channels=16)
        >>> model = keras_vae.VQVAE(*networks, 128, likelihood="bernoulli", extra_terms=[term])

    Args:
        discriminator: Layer or model from images to log odds `(batch, 1)` or
            `(batch, rows, columns, 1)`, with images in the unit of the networks; None for
            `keras_vae.nets.patch_discriminator`.
        start_step: Training steps before the discriminator and its opponent begin.
        adaptive: Whether to weight by the ratio of gradients. A step then takes more time.
        loss: "hinge" or "logistic".
        weight: As in `ExtraTerm`, of the term `adversarial`.
        **kwargs: `name` of `keras.layers.Layer`.

    Attributes:
        network: The discriminator.
        factor: The factor of the last training step, a variable, if `adaptive`.

    Raises:
        TypeError: If the discriminator is no Keras layer.
        ValueError: If it has other inputs or outputs, or a number is out of range.
    """

    names = ("adversarial", "discriminator")

    def __init__(
        self,
        discriminator: keras.layers.Layer | None = None,
        start_step: int = 0,
        adaptive: bool = True,
        loss: str = "hinge",
        weight: LossWeight = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(weight, **kwargs)
        if discriminator is not None:
            check_network("discriminator", discriminator)
        self.network = discriminator
        self.start_step = arguments.integer("start_step", start_step, 0)
        self.loss = arguments.choice("loss", loss, LOSSES)
        self.adaptive = arguments.flag("adaptive", adaptive)
        self.measures = ("adaptive_weight",) if self.adaptive else ()
        if self.adaptive:
            self.factor = self.add_weight(
                name="adaptive_weight",
                shape=(),
                dtype="float32",
                initializer="ones",
                trainable=False,
                autocast=False,
                aggregation="only_first_replica",
            )

    def build_for(self, model: Any) -> None:
        """Build the discriminator; raise ValueError unless it fits the images of the model."""
        super().build_for(model)
        if self.network is None:
            self.network = patch_discriminator(model.event_shape)
        _check_patches(self.network, model.event_shape)
        if self.adaptive:
            last_kernel(model.decoder)

    def values(self, y: Tensor, image: Tensor, training: bool) -> dict[str, Tensor]:
        """Return the terms `adversarial` and `discriminator`, each `(batch,)`."""
        true, false = (
            judge(self.network, each, training)[-1] for each in (y, ops.stop_gradient(image))
        )
        if self.loss == "hinge":
            both = 0.5 * (ops.relu(1.0 - true) + ops.relu(1.0 + false))
        else:
            both = 0.5 * (ops.softplus(-true) + ops.softplus(false))
        return {
            "adversarial": self.opposition(image, training),
            "discriminator": _mean_of_patches(both),
        }

    def opposition(self, image: Tensor, training: bool) -> Tensor:
        """Return the term `adversarial` of images, `(batch,)`."""
        odds = judge_with_constant_weights(self.network, image, training)[-1]
        return _mean_of_patches(-odds if self.loss == "hinge" else ops.softplus(-odds))

    def factors(
        self, model: Any, seen: Observed, training: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return factors of both terms, and the adaptive weight as a measure."""
        begun = ops.cast(model.steps >= self.start_step, "float32")
        if not self.adaptive:
            return dict.fromkeys(self.names, begun), {}
        factor = ops.convert_to_tensor(self.factor)
        if training:
            factor = gradient_ratio(model, seen, self)
            self.factor.assign(factor)
        named = {"adversarial": begun * factor, "discriminator": begun}
        return named, {"adaptive_weight": factor}


def _mean_of_patches(odds: Tensor) -> Tensor:
    """Return the mean of each image over `(batch, ...)`, `(batch,)`."""
    return ops.mean(ops.reshape(odds, (ops.shape(odds)[0], -1)), axis=1)


def _check_patches(discriminator: Any, shape: tuple[int, ...]) -> None:
    """Build a discriminator; raise ValueError unless it gives log odds of images or patches."""
    wanted = (
        f"Expected a discriminator from images of shape {shape} to log odds of shape (None, 1) or "
        "(None, rows, columns, 1)."
    )
    try:
        outputs = keras.tree.flatten(discriminator(keras.KerasTensor((None, *shape))))
    except ValueError as error:
        raise UsageError(f"{wanted} Received: one that takes others. ({error})") from error
    if not takes_shape(discriminator, shape):
        raise UsageError(f"{wanted} Received: one that takes {discriminator.input_shape}.")
    shapes = [tuple(output.shape) for output in outputs]
    if len(shapes) != 1 or len(shapes[0]) not in (2, 4) or shapes[0][-1] != 1:
        raise UsageError(f"{wanted} Received: {', '.join(map(str, shapes))}.")
