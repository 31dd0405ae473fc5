"""The semi-supervised VAE."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.base.conditioning import Conditioning
from keras_vae.base.endpoint import Endpoint
from keras_vae.distributions import Normal, parameters
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation.data_checks import check_label_rows
from keras_vae.validation.networks import check_classifier, check_network


@keras.saving.register_keras_serializable("keras_vae")
class SemiSupervisedVAE(Conditioning, VAE):
    """VAE of examples of which only some have a label, with a classifier: the model M2.

    Loss:
        L(x, c) = -log p(x | z, c) + beta * (KL(q(z | x, c) || p(z)) + log K)

        U(x) = sum_c q(c | x) * L(x, c) + beta * sum_c q(c | x) log q(c | x)

        loss = mean over the batch of
            [ L(x, c) - classification_weight * log q(c | x)  with a label c,  U(x) without one ]

        q(c | x) is a classifier, p(c) = 1 / K for each of K classes, and p(z) = N(0, I). z is one
        sample of q(z | x, c) = N(z_mean, exp(z_log_var)) for each example and class. KL is in
        closed form. All terms are in nats; the first is summed over the event. With beta = 1,
        L is an upper bound on -log p(x, c), and U on -log p(x).

    The terms are `reconstruction`, the rest of the bound as `kl`, and `classification`, which is 0
    without a label. The paper weights the last one by 0.1 times the number of examples for each
    labeled one. A step costs as many passes through encoder and decoder as there are classes.

    Every method takes a pair `(x, condition)` in place of x, and `(z, condition)` in place of z. A
    condition is a one-hot label, or a row of zeros for a missing one. In its place the verbs take
    the probabilities of `classify`.

    Source: Kingma et al. 2014 (arXiv:1406.5298, equations 6 to 9).

    Example:
        >>> networks = keras_vae.nets.conditional(keras_vae.nets.conv, (28, 28, 1), 16, 10)
        >>> classifier = keras_vae.nets.conv_encoder((28, 28, 1), 10)
        >>> model = keras_vae.SemiSupervisedVAE(*networks, classifier)
        >>> model.compile("adam")
        >>> given = np.where(labels[:, None] < 0, 0.0, np.eye(10)[labels])  # -1 is missing
        >>> model.fit((images, given), epochs=10)
        >>> found = np.argmax(model.classify(images), axis=-1)
        >>> sevens = model.sample(16, condition=np.eye(10)[7])

    Args:
        encoder: Layer or model from `[x, condition]` to `[z_mean, z_log_var]`.
        decoder: Layer or model from `[z, condition]` to the parameters of p(x | z, c).
        classifier: Layer or model from x to logits `(batch, classes)`.
        classification_weight: Weight of the term `classification`.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the classifier has other outputs, or as for `ConditionalVAE`.
    """

    terms = ("reconstruction", "kl", "classification")
    takes_extra_terms = False
    weight_arguments = {**VAE.weight_arguments, "classification_weight": ("classification",)}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        classifier: keras.layers.Layer,
        classification_weight: LossWeight = 10.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"classification": classification_weight}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.classifier = check_network("classifier", classifier)

    def check_decoder(self, x: Any) -> None:
        """Raise ValueError unless classifier, encoder, decoder and likelihood fit."""
        check_classifier(self.classifier, self.event_shape, self.condition_shape)
        super().check_decoder(x)

    def check_parts(self, x: Any) -> None:
        """Raise ValueError unless each row of the condition is a label or zeros."""
        check_label_rows(x[1])

    def classify(self, x: Tensor) -> Tensor:
        """Return q(c | x) of x without a condition, probabilities `(batch, classes)`."""
        return self.mark_rows(x, ops.softmax(self._logits(ops.cast(x, "float32"))))

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints of `ConditionalVAE`, and `classify` from x to `probabilities`."""
        classify = Endpoint(lambda x: {"probabilities": self.classify(x)}, (self.event_spec(),))
        return {**super().endpoints(), "classify": classify}

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """Return the outputs of the encoder for a pair; see `with_condition`."""
        self.build_for(x)
        self.check_arrays(x)
        return super().encoder_outputs([x[0], self._filled(x)], training)

    def with_condition(self, z: Tensor, x: Tensor) -> Tensor:
        """Return the pair of `z` and the label in `x`, or probabilities where it is missing."""
        return [z, self._filled(x)]

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the three terms, each `(batch,)`, in nats."""
        x, given = (ops.convert_to_tensor(part) for part in x)
        classes = self.condition_shape[0]
        log_q = ops.log_softmax(self._logits(x, training))
        weights = ops.where(_is_missing(given), ops.exp(log_q), ops.cast(given, "float32"))
        condition = ops.tile(ops.eye(classes, dtype="float32"), (ops.shape(x)[0], 1))
        pair = [ops.repeat(x, classes, axis=0), condition]
        q = Normal(*super().encoder_outputs(pair, training))
        z = q.sample(self.seed_generator)
        p = self.observation([z, condition], training)
        reconstruction = -p.log_prob(ops.repeat(y, classes, axis=0))
        kl = q.kl(self.prior(z)) + math.log(classes)
        of_classes = ops.where(_is_missing(given), log_q, ops.zeros_like(log_q))
        labeled = ops.where(_is_missing(given), ops.zeros_like(log_q), -weights * log_q)
        return {
            "reconstruction": ops.sum(weights * ops.reshape(reconstruction, (-1, classes)), 1),
            "kl": ops.sum(weights * (ops.reshape(kl, (-1, classes)) + of_classes), 1),
            "classification": ops.sum(labeled, 1),
        }

    def _logits(self, x: Tensor, training: bool = False) -> Tensor:
        return parameters(self.classifier(self.prepare(x), training=training))[0]

    def _filled(self, pair: Any) -> Tensor:
        x, given = (ops.cast(part, "float32") for part in pair)
        return ops.where(_is_missing(given), ops.softmax(self._logits(x)), given)


def _is_missing(given: Tensor) -> Tensor:
    return ops.all(ops.equal(given, 0.0), axis=1, keepdims=True)
