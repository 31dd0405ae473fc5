"""The conditional VAE."""

import keras

from keras_vae.conditioned import Conditioned
from keras_vae.models.vae import VAE


@keras.saving.register_keras_serializable("keras_vae")
class ConditionalVAE(Conditioned, VAE):
    """VAE of x given a condition c, such as a label (Sohn et al. 2015, NeurIPS, equation 4).

    Minimizes -log p(x | z, c) + beta * KL(q(z | x, c) || p(z)), minus a bound on log p(x | c). The
    input of every method is a pair `(x, condition)`, what is decoded a pair `(z, condition)`.
    Codes are independent of the condition a priori; the paper also has a prior p(z | c).

    Example:
        >>> networks = keras_vae.nets.conditional(keras_vae.nets.conv, (28, 28, 1), 16, 10)
        >>> model = keras_vae.ConditionalVAE(*networks)
        >>> model.compile("adam")
        >>> model.fit((images, one_hot_labels), epochs=10)
        >>> sevens = model.sample(16, condition=one_hot(7))

    A `tf.data.Dataset` gives `((x, condition),)`, because `(x, condition)` would be x and y.

    Args:
        encoder: Layer or model from `[x, condition]` to `[z_mean, z_log_var]`.
        decoder: Layer or model from `[z, condition]` to the parameters of p(x | z, c).
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the encoder does not take two inputs, and as for `VAE`.
    """
