"""The conditional VAE."""

import keras

from keras_vae.base.conditioning import Conditioning
from keras_vae.models.vae import VAE


@keras.saving.register_keras_serializable("keras_vae")
class ConditionalVAE(Conditioning, VAE):
    """VAE of x given a condition c, such as a label.

    Loss:
        loss = mean over the batch of [ -log p(x | z, c) + beta * KL(q(z | x, c) || p(z)) ]

        z is one sample of q(z | x, c) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). KL is in
        closed form. Both terms are in nats and summed over the event. With beta = 1 the loss is
        an upper bound on -log p(x | c).

    Every method takes a pair `(x, condition)` in place of x, and a pair `(z, condition)` in
    place of z. The prior does not depend on the condition; the paper also has a p(z | c).

    Source: Sohn et al. 2015 (NeurIPS, equation 4).

    Example:
        >>> networks = keras_vae.nets.conditional(keras_vae.nets.conv, (28, 28, 1), 16, 10)
        >>> model = keras_vae.ConditionalVAE(*networks)
        >>> model.compile("adam")
        >>> classes = np.eye(10)
        >>> model.fit((images, classes[labels]), epochs=10)
        >>> sevens = model.sample(16, condition=classes[7])

    A `tf.data.Dataset` must give `((x, condition),)`; `(x, condition)` would be x and y.

    Args:
        encoder: Layer or model from `[x, condition]` to `[z_mean, z_log_var]`.
        decoder: Layer or model from `[z, condition]` to the parameters of p(x | z, c).
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        ValueError: If the encoder does not take two inputs, or as for `VAE`.
    """
